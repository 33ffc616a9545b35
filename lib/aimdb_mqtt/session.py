import asyncio
from collections import namedtuple
from time import ticks_ms, time

from aimdb import SingleLatest
from aimdb.timing import timed
from aimdb.waiting import current_loop
from micropython import const

from . import once
from .errors import ConnectionLost, MqttError
from .keeper import answer, keep
from .packets import number, packet
from .waits import Waits, tell
from .window import Window

_BOARD = const(1)
if not _BOARD:  # So that the board's compiler knows the constant, and stores nothing.
    TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any

State = namedtuple("State", ("connected", "since", "attempts", "last_error"))


class Session:
    """The half of a `Broker` that changes: who uses it, the connection, what is on its way, and what is said of it.

    The connection is kept while somebody uses it, and ends with the last one, or with their loop.
    """

    if TYPE_CHECKING:
        name: str
        client_id: str
        timeout_ms: int
        made_by_url: bool
        clean_session: bool

    def __init__(self, in_flight: int):
        self.patience_ms = self.timeout_ms // 4  # So long what arrives waits for room, and holds up what is behind it.
        self.state = SingleLatest()
        self.refused_count = self.oversize_count = self.unclaimed_count = 0
        self.stale_count = self.given_up_count = self.lost_count = 0
        self.connected = False
        self.connection: "Any" = None  # A `Connection`; also while it is being made.
        self.peer = None  # The address that it goes to.
        self.window = Window(self, in_flight)
        self.inboxes: list = []  # Of subscriptions, and of topics that may yet be subscribed to.
        self.blocked: "Any" = None  # The inbox that has no room for what has arrived.
        self.renewing = 0  # 1: the connection is to be renewed, to get again what an inbox had no room for. 2: at once.
        self.moved = Waits()  # Woken at every change of anything here,
        self.news = Waits()  # at CONNACK, PINGRESP, the end of the connection, or `retry`; for the task that keeps it,
        self.freed = Waits()  # and when an inbox has room.
        self.pinged_at: "Any" = None  # When a PINGREQ was sent, while its answer is due.
        self.expects = False  # Somebody may yet subscribe to what arrives.
        self._published: "Any" = None  # What a PUBLISH is given to.
        self._asked = 0  # The packet id of the last SUBSCRIBE or UNSUBSCRIBE.
        self._users: list = []  # Who needs the connection now: links and topics that run,
        self._loop: "Any" = None  # and their loop.
        self._task: "Any" = None  # Keeps up the connection while there are users.
        self._error: "Any" = None  # Why the last attempt or connection failed.
        self._attempts = 0  # That failed since it was connected.
        self._tell(None)

    def in_use(self) -> bool:
        """Whether links or topics of the loop that runs need the connection."""
        if self._users and self._loop is not current_loop():
            self._users.clear()  # They are of a loop that was left, and never run again.
            self._finish()
        return bool(self._users)

    def open(self, user=None) -> None:
        """Keep a connection from now on; each call needs its `close`. `user`: the link or topic that needs it."""
        if self.in_use():
            self._users.append(user)
            return
        self.made_by_url = False
        for name in ("settings", "arguments", "address"):
            once(name)  # A program that runs need not keep what checks its settings.
        self.window.begin()
        self.expects = not self.clean_session
        self._loop = current_loop()
        self._task = asyncio.create_task(keep(self))
        self._users.append(user)
        self.moved.wake_all()

    def close(self, user=None) -> None:
        """Undo one `open`; the last one says good-bye to the broker, which then publishes no will."""
        if user in self._users and self._loop is current_loop():
            self._users.remove(user)
            if not self._users:
                self._task.cancel()
                self._finish()

    def _finish(self):
        self._task = None
        self.window.left()
        self.disconnect(ConnectionLost("the connection is no longer needed"), True)
        self.inboxes.clear()

    def retry(self) -> None:
        """Try to connect now instead of after the pause; for whoever knows that the network is back."""
        self.news.wake_all()

    # For the task that keeps the connection

    def take(self, first: int, body, whole: bool) -> bool:
        """Called by the connection with each packet; False: there is no room. What it raises ends the connection."""
        return answer(self, first, body, whole)

    def overdue(self) -> None:
        """Called by the connection when what has arrived has waited for too long: for room, or for who subscribes."""
        if self.blocked is not None:
            self.blocked.skip()
        else:
            self.expects = False

    def accepted(self, session_kept: bool) -> None:
        """The broker has accepted the connection: go on where the last one ended, and then everybody may use it."""
        self.connected = True
        for inbox in self.inboxes:
            inbox.connected(session_kept)
        self.window.connected()
        self._attempts = 0
        self._tell(None)
        self.news.wake_all()

    def published(self, first: int, body, whole: bool) -> bool:
        """A PUBLISH has come."""
        if self._published is None:
            from .arriving import published  # Now, for many programs only send.

            self._published = published
        return self._published(self, first, body, whole)

    def ping(self) -> None:
        """Ask the broker whether it is there: the answer ends `pinged_at`."""
        self.pinged_at = ticks_ms()
        self.connection.send(packet(0xC0))

    def ask(self, first: int, *parts) -> int:
        """SUBSCRIBE or UNSUBSCRIBE: its packet id. Those of messages are lower."""
        self._asked = asked = self._asked + 1 & 0xFFFF | 0x8000
        self.connection.send(packet(first, number(asked), *parts))
        return asked

    def renew(self) -> None:
        """End the connection, as soon as nothing is on its way, and make another one."""
        if self.connected and not self.clean_session:
            self.renewing = self.renewing or 1
            self.news.wake_all()

    def disconnect(self, error, goodbye: bool = False) -> None:
        """End the connection, or the attempt to make one, because of `error`; None: it is renewed."""
        if goodbye and self.connected:
            self.renewing = 2  # What still arrives is left to the next connection.
            self.connection.say_goodbye()
        connection, self.connection = self.connection, None
        was_connected, self.connected = self.connected, False
        self.pinged_at = self.blocked = self.peer = None
        self.renewing = 0
        if connection:
            connection.close()
        if error:
            self._error = error
            self.window.disconnected(error, connection)
            if self._users and not was_connected:
                self._attempts += 1
                keys = ", ".join([repr(user.key) for user in self._users if user])
                tell("aimdb: record %s: no connection to %s: %s" % (keys, self.name, error), self._attempts)
            self._tell(str(error), was_connected)

    def _tell(self, error, changed=True):
        last = self.state.peek()
        since = last.since if last and not changed else time()
        self.state.push(State(self.connected, since, self._attempts, error))
        self.moved.wake_all()

    # For links and topics

    async def online(self, patient: bool = False, buffer=None) -> None:
        """Wait until there is a connection. Unless `patient`, raises why the next attempt to make one failed.

        With a `buffer`, waits no longer than until that is closed. Cancel safety: nothing to lose. IRQ safety: none.
        """
        failed = self._error
        while not (self.connected or (buffer is not None and buffer.closed)):
            if not patient and self._error is not failed:
                raise type(self._error)(*self._error.args)  # For each task its own, with its own traceback.
            if self.in_use() or patient:
                await self.moved.wait()
                continue
            try:
                await timed(self.moved.wait(), self.timeout_ms)  # Perhaps the program is just starting.
            except asyncio.TimeoutError:
                raise MqttError("nobody keeps a connection to %s; db.run() does" % self.name)

    def refused(self, who: str, what: "Any", error: Exception) -> None:
        """Count a payload or value that cannot be used, and name it on stderr: the 1st, 2nd, 4th, 8th …"""
        self.refused_count += 1
        tell("aimdb: %s cannot be used: %s: %r" % (who, repr(what)[:60], error), self.refused_count)
