import asyncio

from aimdb import Buffer, BufferClosed, BufferFull, Reader
from aimdb.errors import error, new
from micropython import const

from . import once
from .errors import ConnectionLost, NotConnected, Refused, drop
from .waits import Waits
from .window import payload_of

_BOARD = const(1)
if not _BOARD:  # So that the board's compiler knows the constant, and stores nothing.
    TYPE_CHECKING = const(0)

_MASK = const(0x1FFFFFFF)


class RemoteBuffer(Buffer):
    """A record's buffer that lives on a peer: *done* for `produce_async` is the peer's acknowledgement.

    `produce_async` raises what went wrong. When there is no connection it waits for the next attempt, and raises if
    that fails. `produce` sends what there is room for in the window and counts the rest as dropped, `try_produce`
    raises `BufferFull` or `NotConnected`. Readers compete for what arrives in the `inbox`.

    `route`: where to, as the peer's packets have it. `read_only`: what is subscribed to is not one thing.

    Cancel safety: cancelled, a subscription has no reader, and a message that has not gone out is not sent.
    IRQ safety: none.
    """

    if not TYPE_CHECKING:
        __new__ = new

    sends_newest = False

    def __init__(self, inbox, route, read_only: bool = False):
        super().__init__()
        self.peer = inbox.peer
        self._inbox = inbox
        inbox.buffer = self
        inbox.wake = self.wake
        self.route = route
        self.name = self.__name__ = inbox.name
        self.qos = inbox.qos
        self.codec = inbox.codec
        self.capacity = inbox.capacity
        self._read_only = read_only
        self._end = Waits()  # Woken by `close`.

    async def run(self) -> None:
        """Keep the connection until the buffer is closed; `db.run()` does it."""
        self.peer.open(self)
        try:
            while not self.closed:
                try:
                    once("subscribing").attach(self._inbox)
                    await self._end.wait()
                except MemoryError:
                    await asyncio.sleep_ms(self.peer.retry_ms[0])
        finally:
            self._inbox.ended = True
            try:
                once("subscribing").detach(self._inbox)
            finally:
                self.peer.close(self)

    # Producing

    def push(self, value) -> None:
        try:
            self.try_push(value)
        except Exception:
            drop(self)

    def try_push(self, value) -> None:
        self._check_open(value)
        peer = self.peer
        window = peer.window
        if window.waiting or not window.has_room(self.qos):
            raise (BufferFull if peer.connected else NotConnected)(value, self)
        if not self._launch(payload_of(self.codec, value), True) and peer.connection.error:
            raise NotConnected(value, self)

    async def push_async(self, value) -> None:
        payload = payload_of(self.codec, value)
        peer = self.peer
        window = peer.window
        if not self.closed and (window.waiting or not window.has_room(self.qos)):
            await window.room(self.qos, False, self)
        self._check_open(value)
        connection = peer.connection
        flight = self._launch(payload, False)
        if not flight:
            if connection.error or connection.out and not await window.taken(connection):
                raise ConnectionLost("%s: the connection was lost before the network had taken the message" % self.name)
            return
        while not flight.done:
            await peer.moved.wait()
        if flight.error:
            raise flight.error

    def _check_open(self, value):
        if self.closed:
            raise error(BufferClosed, value, self)
        if self._read_only:
            raise ValueError("what has wildcards can only be read: %s" % self.name)

    def _launch(self, payload, resend):
        peer = self.peer
        flight = peer.window.launch(self, payload, resend, resend)
        if flight or not peer.connection.error:  # Else the network has not taken it.
            self.produced_count = (self.produced_count & _MASK) + 1
        return flight

    def landed(self, flight) -> None:
        """Called by the window when a message is acknowledged or given up."""
        if flight.error and flight.resend:
            drop(self)

    # Consuming

    def subscribe(self) -> "Reader":
        if not self.closed:
            once("subscribing").subscribe(self._inbox)
        return self._reader()

    async def subscribe_async(self) -> "Reader":
        """A new reader, once the peer has acknowledged the subscription.

        Raises `Refused`, `Unreachable`, `ConnectionLost`.
        """
        peer = self.peer
        inbox = self._inbox
        reader = self.subscribe()
        await peer.online(False, self)
        connection = peer.connection
        while peer.connection is connection:
            if inbox.granted or self.closed:
                return reader
            if inbox.granted is False:
                raise Refused("%s: the subscription was refused" % self.name)
            await peer.moved.wait()
        raise ConnectionLost("%s: the connection was lost before the subscription was acknowledged" % self.name)

    def _reader(self):
        return Reader(self)

    def has_value(self, reader) -> bool:
        return self._inbox.has_value()

    def take(self, reader):
        inbox = self._inbox
        value, arrival = inbox.take()
        inbox.finish(arrival)
        return value

    def peek(self):
        values = self._inbox.values
        return values[0][0] if values else None

    def held(self) -> int:
        return len(self._inbox.values)

    def close(self) -> None:
        super().close()
        once("subscribing").detach(self._inbox, True)
        self._end.wake_all()
        self.peer.moved.wake_all()
