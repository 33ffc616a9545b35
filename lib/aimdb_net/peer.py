import asyncio
from collections import namedtuple
from time import time

import aimdb
from aimdb import SingleLatest
from aimdb.errors import new
from aimdb.waiting import current_loop
from micropython import const

from . import once
from .errors import ConnectionLost, PeerError, tell
from .keeper import keep
from .waits import Waits
from .window import Window

_BOARD = const(1)
if not _BOARD:  # So that the board's compiler knows the constant, and stores nothing.
    TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any

State = namedtuple("State", ("connected", "since", "attempts", "last_error"))
"""What the `state` of a broker or hub holds. `since` is `time.time()` of the last change of `connected`, `attempts` is
the number of attempts to connect that have failed since then, and `last_error` is a sentence or None."""


class Peer:
    """What is known of one peer, and the one connection to it that all links and buffers of its address share.

    A package's own class says how the peer is talked to. It has

        receiver()                  a new `Receiver`, which cuts what arrives into packets
        take(first, body, whole)    called with each packet that arrives; False: there is no room now, so it is to come
                                    again. It does after a `MemoryError`, too; a `PeerError` ends the connection. Not
                                    whole: it is too long, and `body` its beginning, or there is no memory for it
        message(source, payload, number)    the packet that takes a value to the peer
        again(packet)               the packet is to be sent by another connection
        subscribe(inbox)            asks for what the inbox is for; returns the number by which that is answered
        unsubscribe(inbox)
        ping()                      asks whether the peer is there: the answer ends `pinged_at`
        hello, parting              the first and the last packet of a connection
        known                       a list of the peers of its kind; of those of one address, a URL means the last
        made_by                     a package, and its modules that are needed to make one
        client_id                   by which the peer tells us from others; it ends a connection when there is another

    and calls `greeted()` when the peer has accepted the connection.

    Cancel safety: nothing is lost. IRQ safety: none.
    """

    if not TYPE_CHECKING:
        __new__ = new

    keeps = False  # Whether the peer keeps for us what we have not acknowledged.
    repeats = 0  # How often a new connection has had all of it sent again.
    expects = False  # Somebody may yet subscribe to what arrives.
    renewing = 0  # 1: the connection is to be renewed, to get again what an inbox had no room for. 2: at once.
    address: "Any" = None  # That the connection goes to,
    raw: "Any" = None  # and its socket, which is all that there is of it at first.
    first_port = 0  # The port of ours from which the first connection is made, 0: any.
    parting = b""
    unwelcome = ""  # Why a peer may end a connection at once, for people.

    if TYPE_CHECKING:
        known: list
        made_by: tuple
        name: str
        client_id: str | None
        host: str
        port: int
        tls: Any
        keepalive_s: int
        timeout_ms: int
        retry_ms: tuple[int, int]
        hello: bytearray
        receiver: Any
        take: Any
        message: Any
        subscribe: Any
        unsubscribe: Any
        ping: Any

    def __init__(self, in_flight: int):
        # What is said of it.
        self.state = SingleLatest()
        self._said: "Any" = None  # The newest of it that is ours; as a record it may have other values.
        self.refused_count = self.stale_count = self.given_up_count = self.lost_count = self.oversize_count = 0
        self.error: "Any" = None  # Why the last attempt or connection failed.
        self.attempts = 0  # That failed since it was connected.
        # Who waits.
        self.moved = Waits()  # For a change of anything here.
        self.news = Waits()  # For a greeting, an answer to `ping`, the connection's end, or `retry`: the keeper.
        self.freed = Waits()  # For an inbox that has room.
        # The connection, and what goes over it.
        self.connection: "Any" = None  # A `Connection`; also while it is being made.
        self.connected = False
        self.window = Window(self, in_flight)
        self.inboxes: list = []  # Of subscriptions, and of those that may yet be made.
        self.blocked: "Any" = None  # The inbox that has no room for what has arrived.
        self.patience_ms = self.timeout_ms // 4  # So long what arrives waits for room, and holds up what is behind it.
        self.pinged_at: "Any" = None  # When it was asked whether it is there, while the answer is due.
        # Who needs it: links and buffers that run. The connection ends with the last of them, or with their loop.
        self.users: list = []
        self._loop: "Any" = None
        self.task: "Any" = None  # Keeps up the connection. None: nobody needs it any more, or their loop was left.
        self.fresh = False  # Made by a URL, and no run has used it yet.
        self._tell(None)

    # Who needs it

    def in_use(self) -> bool:
        """Whether links or buffers of the loop that runs need the connection."""
        if self.users and self._loop is not current_loop():
            self._finish()  # They are of a loop that was left, and never run again.
        return bool(self.users)

    def open(self, user=None) -> None:
        """Keep a connection from now on; each call needs its `close`. `user`: the link or buffer that needs it."""
        if not self.in_use():
            for other in self.known:
                other.in_use()  # What a loop that was left has kept up ends.
            if self not in self.known:
                self.known.insert(0, self)  # A URL means one that was made later, if there is any.
            self.fresh = False
            self.expects = self.keeps
            forget = aimdb.once("loading").forget  # A program that runs need not keep what has made it.
            forget("aimdb_net", "checks", "address")
            forget(*self.made_by)
            self.window.begin()
            self.task = asyncio.create_task(keep(self))
            self._loop = current_loop()
            self.moved.wake_all()
        self.users.append(user)

    def close(self, user=None) -> None:
        """Undo one `open`. The last one says good-bye to the peer.

        That blocks for as long as the peer takes to answer, at most for a second or a quarter of `timeout_ms`.
        """
        if user in self.users and self._loop is current_loop():
            self.users.remove(user)
            if not self.users:
                self.task.cancel()
                self._finish()

    def _finish(self):
        self.task = None
        self.disconnect(None, True)  # Until then what is on its way may be acknowledged.
        for user in self.users:
            if hasattr(user, "leave"):
                user.leave()
        self.users.clear()
        try:
            once("handover").leave(self.window)
        except MemoryError:
            pass  # What was on its way is sent again.
        if self.raw:
            self.raw.close()
        self.inboxes.clear()
        # Only now, without a connection: no message is suspected of having ended it.
        self.disconnect(ConnectionLost("the connection is no longer needed"))

    async def ready(self) -> None:
        """Awaited before each attempt to connect. A subclass may wait here for what it needs; `retry` wakes `news`."""

    def retry(self) -> None:
        """Try to connect now instead of after the pause; for whoever knows that the network is back."""
        self.news.wake_all()

    async def online(self, patient: bool = False, buffer=None, failed=None) -> None:
        """Wait until there is a connection. Unless `patient`, raises why the next attempt to make one failed.

        With a `buffer`, waits no longer than until that is closed. `failed`: if the wait began before this call, the
        `error` that there was then.
        """
        failed = failed or self.error
        while not (self.connected or (buffer is not None and buffer.closed)):
            if not patient and self.error is not failed:
                raise type(self.error)(*self.error.args)  # For each task its own, with its own traceback.
            if self.in_use() or patient:
                await self.moved.wait()
            else:
                await self.moved.rest(self.timeout_ms)  # Perhaps the program is just starting.
                if not self.in_use():
                    raise PeerError("nobody keeps a connection to %s; db.run() does" % self.name)

    async def __aenter__(self):
        self.open()
        return self

    async def __aexit__(self, *_) -> None:
        self.close()

    # The connection

    def greeted(self, session_kept=0) -> None:
        """The peer has accepted the connection. `session_kept`: it sends again what we have not acknowledged."""
        # Called when that arrives, and not by a task that is woken: the next packet may be in our hands already.
        once("handover").begin(self, session_kept)  # Before anybody can send something new.
        self.first_port = 0
        self.attempts = 0
        self._tell(None)
        self.news.wake_all()

    def again(self, packet) -> None:
        """Called with each packet that another connection is to send."""

    def renew(self) -> None:
        """Make another connection as soon as nothing is on its way: what the peer has kept comes again."""
        if self.connected and self.keeps:
            self.renewing = self.renewing or 1
            self.news.wake_all()

    def disconnect(self, error, goodbye: bool = False) -> None:
        """End the connection, or the attempt to make one, because of `error`; None: it is renewed.

        Whatever it raises, such as `MemoryError`, the connection is closed.
        """
        if goodbye and self.connected:
            self.renewing = 2  # What still arrives is left to the next connection.
            try:
                once("goodbye").say(self.connection, self)
            except Exception:
                pass  # The peer sees that we are gone.
        connection, self.connection = self.connection, None
        self.connected = False
        self.pinged_at = self.blocked = None
        self.renewing = 0
        if connection:
            connection.close()
        if error:
            self.error = error
            try:
                once("handover").end(self.window, error, connection)
            except MemoryError:
                pass  # The next connection begins with it.
            self._tell(str(error))

    # What is said of it

    def _tell(self, error):
        last = self._said
        since = last.since if last and last.connected == self.connected else time()
        self._said = State(self.connected, since, self.attempts, error)
        self.state.push(self._said)
        self.moved.wake_all()

    def refused(self, key: str, name: str, what, error: Exception) -> None:
        """Count a payload or value of record `key` that cannot be used, and name it: the 1st, 2nd, 4th, 8th …"""
        self.refused_count += 1
        tell(self.refused_count, "record %r, %s: %.60r cannot be used: %r", key, name, what, error)
