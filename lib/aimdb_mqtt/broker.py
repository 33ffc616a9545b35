import asyncio

from aimdb.waiting import current_loop
from micropython import const

from . import once
from .errors import ConnectionLost, MqttError
from .keeper import keep
from .session import Session
from .session import State as State

_BOARD = const(1)
if not _BOARD:  # So that the board's compiler knows the constant, and stores nothing.
    TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any

# By the name of their address; what links and topics of the same address share.
brokers: dict = {}


class Broker(Session):
    """What is known of one broker, and the one connection to it that all links and topics of its address share.

        Broker("mqtts://user:secret@broker.local", client_id="node7", tls=ca_certificate, will=("node7/gone", "1"))

    A link or topic whose URL has the same scheme, host and port uses it. Make one, before these, when there is
    something to say; a URL alone makes one with the defaults. A new one takes the place of one that no program uses any
    more, and sends what that one still had to send.

    url             `mqtt[s]://[user[:password]@]host[:port]`; the ports are 1883 and 8883
    client_id       1 to 65535 bytes; the default is made of the chip's number
    clean_session   True: the broker forgets subscriptions, and what it could not deliver, when we are away. The
                    default is False, and True where the chip has no number
    will            what the broker publishes when we vanish: (topic, payload[, qos[, retain]])
    keepalive_s     after a quarter of this time with nothing sent or heard the broker is asked if it is there; 0: never
    in_flight       so many messages of QoS 1 (1 to 1000) may be on their way at once; who has more to send waits
    timeout_ms      for the broker to answer: to connect, to acknowledge
    retry_ms        (shortest, longest) pause before the next attempt to connect; it doubles, and is random by half
    tls             for mqtts: an ssl.SSLContext, or the bytes of the CA certificate (DER or PEM) that vouches for the
                    broker. The clock must be right before. A handshake blocks the loop, for a second on an RP2040
    max_packet      bytes of the longest packet that is received; longer ones are skipped and counted

    Attributes: `state`, a `SingleLatest` of `State(connected, since, attempts, last_error)`, which may be made a
    record of; `since` is `time.time()` of the last change of `connected`, `attempts` those that failed since then,
    `last_error` a sentence or None. Counters: `refused_count` (payloads and values that a codec or a record did not
    take), `oversize_count`, `unclaimed_count` (messages of earlier subscriptions), `stale_count` (given up by links
    with newest=True), `given_up_count` (messages at which the broker broke the connection), `lost_count` (connections).

    Raises `TypeError` or `ValueError`. IRQ safety: none; everything here is for the asyncio thread.
    """

    def __init__(
        self,
        url: str,
        client_id: "str | None" = None,
        clean_session: "bool | None" = None,
        will: "tuple | None" = None,
        keepalive_s: int = 30,
        in_flight: int = 8,
        timeout_ms: int = 10000,
        retry_ms: "tuple[int, int]" = (1000, 60000),
        tls=None,
        max_packet: int = 1024,
    ):
        from .settings import enter, settle  # Here, for a program that runs need not keep it.

        numbers = keepalive_s, in_flight, timeout_ms, max_packet
        settle(self, url, client_id, clean_session, will, numbers, retry_ms, tls)
        super().__init__(in_flight)
        self._users: list = []  # Who needs the connection now: links and topics that run,
        self._loop: "Any" = None  # and their loop. The connection ends with the last of them, or with that.
        self._task: "Any" = None  # Keeps up the connection while there are users.
        self.fresh = False  # Made by a URL, and no run has used it yet.
        enter(self, brokers)

    def in_use(self) -> bool:
        """Whether links or topics of the loop that runs need the connection."""
        if self._users and self._loop is not current_loop():
            self._users.clear()  # They are of a loop that was left, and never run again.
            self._finish()
        return bool(self._users)

    def open(self, user=None) -> None:
        """Keep a connection from now on; each call needs its `close`. `user`: the link or topic that needs it."""
        used = self.in_use()
        self._users.append(user)
        if not used:
            self.fresh = False
            for name in ("settings", "arguments", "address"):
                once(name)  # A program that runs need not keep what checks its settings.
            self.window.begin()
            self.expects = not self.clean_session
            self._loop = current_loop()
            self._task = asyncio.create_task(keep(self))
            self.moved.wake_all()

    def close(self, user=None) -> None:
        """Undo one `open`. The last one says good-bye to the broker, which then publishes no will.

        That blocks for as long as the broker takes to answer, at most for a second or a quarter of `timeout_ms`.
        """
        if user in self._users and self._loop is current_loop():
            self._users.remove(user)
            if not self._users:
                self._task.cancel()
                self._finish()

    def _finish(self):
        self._task = None
        try:
            once("handover").leave(self.window)
        except MemoryError:
            pass  # What was on its way is sent again.
        self.disconnect(ConnectionLost("the connection is no longer needed"), True)
        self.inboxes.clear()

    def keys(self) -> str:
        """Of the records that need the connection."""
        return ", ".join([repr(user.key) for user in self._users if user])

    def retry(self) -> None:
        """Try to connect now instead of after the pause; for whoever knows that the network is back."""
        self.news.wake_all()

    async def online(self, patient: bool = False, buffer=None, failed=None) -> None:
        """Wait until there is a connection. Unless `patient`, raises why the next attempt to make one failed.

        With a `buffer`, waits no longer than until that is closed. `failed`: the `error` that there was when the wait
        began, if that was earlier.
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
                    raise MqttError("nobody keeps a connection to %s; db.run() does" % self.name)

    async def __aenter__(self) -> "Broker":
        self.open()
        return self

    async def __aexit__(self, *_) -> None:
        self.close()

    def others(self) -> list:
        """The brokers of other addresses."""
        return [broker for broker in brokers.values() if broker is not self]
