from aimdb import Buffer, BufferClosed, BufferFull, Reader
from aimdb.errors import error
from micropython import const

from . import once
from .errors import ConnectionLost, NotConnected, Refused
from .inbox import Inbox
from .packets import payload_of
from .waits import Waits

_BOARD = const(1)
if not _BOARD:  # So that the board's compiler knows the constant, and stores nothing.
    TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from collections.abc import Awaitable
    from typing import Any

    from .broker import Broker

_MASK = const(0x1FFFFFFF)


class MqttTopic(Buffer):
    """A record's buffer that is a topic on an MQTT broker: *done* for `produce_async` is the broker's PUBACK.

        db.configure("orders", MqttTopic("mqtt://broker.local/shop/orders"))

    `produce_async` raises what went wrong: `Refused`, `Unreachable`, `ConnectionLost`. When there is no connection
    it waits for the next attempt, and raises if that fails. Once the message has gone out the broker may have it,
    even if the call was cancelled, has timed out or has raised `ConnectionLost`. `produce` sends what there is room
    for in the window and counts the rest as dropped, `try_produce` raises `BufferFull` or `NotConnected`.

    Readers compete for what arrives on the topic; up to `capacity` messages wait for them, those that were read and not
    committed included. A message is acknowledged to the broker when it is taken, or, with commits=True, by
    `reader.commit()`. `Inbox` says what happens to one that finds no room. Of what was produced here the broker sends a
    copy back, too.

    `qos` 0 is done when the network has taken it. `retain`: the broker keeps the last value for those who
    subscribe later. `codec`: see `JsonCodec`, which is the default; it may also encode to a string. What it raises is
    raised by `produce_async`; a link counts and names it. `broker`: which to use instead of that of the URL's address.

    Raises `TypeError` or `ValueError` for arguments that are wrong. Cancel safety: cancelled, a subscription has no
    reader, and a message that has not gone out is not sent. IRQ safety: none.
    """

    def __init__(
        self,
        url: str,
        qos: int = 1,
        retain: bool = False,
        codec: "Any" = None,
        capacity: int = 20,
        commits: bool = False,
        broker: "Broker | None" = None,
    ):
        super().__init__()
        from .settings import broker_for

        self.broker, topic = broker_for(url, broker)
        self._inbox = inbox = Inbox(self.broker, topic, qos, codec, capacity, self.wake)
        inbox.buffer = self
        self.encoded = inbox.encoded
        self.name = self.__name__ = inbox.name
        self.qos = qos
        self.retain = retain
        self.codec = inbox.codec
        self.capacity = capacity
        self.mqtt_links = ((self.broker.name, inbox.pattern, True), (self.broker.name, inbox.pattern, False))
        self._read_only = "+" in topic or "#" in topic or topic.startswith("$share/")
        self._commits = commits
        self._end = Waits()  # Woken by `close`.

    async def run(self) -> None:
        """Keep the connection until the buffer is closed; `db.run()` does it."""
        self.broker.open(self)
        try:
            once("handover").attach(self._inbox)
            while not self.closed:
                await self._end.wait()
        finally:
            self._inbox.ended = True
            try:
                once("handover").detach(self._inbox)
            finally:
                self.broker.close(self)

    # Producing

    def push(self, value) -> None:
        try:
            self.try_push(value)
        except Exception:
            self.dropped_count = (self.dropped_count & _MASK) + 1

    def try_push(self, value) -> None:
        self._check_open(value)
        window = self.broker.window
        if window.waiting or not window.has_room(self.qos):
            raise (BufferFull if self.broker.connected else NotConnected)(value, self)
        self._launch(payload_of(self.codec, value), True)

    async def push_async(self, value) -> None:
        payload = payload_of(self.codec, value)
        broker = self.broker
        window = broker.window
        if not self.closed and (window.waiting or not window.has_room(self.qos)):
            await window.room(self.qos, False, self)
        self._check_open(value)
        connection = broker.connection
        flight = self._launch(payload, False)
        if not flight:
            if connection.out and not await window.taken(connection):
                raise ConnectionLost("%s: the connection was lost before the network had taken the message" % self.name)
            return
        while not flight.done:
            await broker.moved.wait()
        if flight.error:
            raise flight.error

    def _check_open(self, value):
        if self.closed:
            raise error(BufferClosed, value, self)
        if self._read_only:
            raise ValueError("what has wildcards can only be read: %s" % self.name)

    def _launch(self, payload, resend):
        flight = self.broker.window.launch(self, payload, resend, resend)
        self.produced_count = (self.produced_count & _MASK) + 1
        return flight

    def landed(self, flight) -> None:
        """Called by the window when a message is acknowledged or given up."""
        if flight.error and flight.resend:
            self.dropped_count = (self.dropped_count & _MASK) + 1

    # Consuming

    def subscribe(self) -> "Reader":
        once("handover").subscribe(self._inbox)
        return CommittingReader(self) if self._commits else Reader(self)

    async def subscribe_async(self) -> "Reader":
        """A new reader, once the broker has acknowledged the subscription.

        Raises `Refused`, `Unreachable`, `ConnectionLost`.
        """
        broker = self.broker
        inbox = self._inbox
        reader = self.subscribe()
        await broker.online()
        connection = broker.connection
        while broker.connection is connection:
            if inbox.granted:
                return reader
            if inbox.granted is False:
                raise Refused("%s: the subscription was refused" % self.name)
            await broker.moved.wait()
        raise ConnectionLost("%s: the connection was lost before the subscription was acknowledged" % self.name)

    def has_value(self, reader) -> bool:
        return self._inbox.has_value()

    def take(self, reader):
        inbox = self._inbox
        value, arrival = inbox.values[0]
        if self._commits:
            reader.taken.append(inbox.values[0])
            inbox.take()
        else:
            inbox.take()
            inbox.finish(arrival)
        return value

    def peek(self):
        values = self._inbox.values
        return values[0][0] if values else None

    def held(self) -> int:
        return len(self._inbox.values)

    def close(self) -> None:
        super().close()
        once("handover").detach(self._inbox, True)
        self._end.wake_all()
        self.broker.moved.wake_all()


class CommittingReader(Reader):
    """Acknowledges messages when it is told to. What it has not committed when it is closed is for the others."""

    def __init__(self, buffer: MqttTopic):
        super().__init__(buffer)
        self.buffer: "Any"
        self.taken: list = []  # Of (value, arrival), in the order of reading.

    def commit(self, count: "int | None" = None) -> "Awaitable[None]":
        """Acknowledge the oldest `count` messages that this reader has taken, or all of them, at once.

        It may be awaited, as that of a `FlashQueue` is, but nothing is left to wait for. Raises `ValueError` when
        `count` is negative, or more than was read.
        """
        taken = self.taken
        if count is None:
            count = len(taken)
        elif not 0 <= count <= len(taken):
            raise ValueError("cannot commit %r values; %d are read and not committed" % (count, len(taken)))
        for _ in range(count):
            self.buffer._inbox.finish(taken[0][1])
            taken.pop(0)
        return iter(())  # type: ignore[return-value]  # It ends at once.

    def close(self) -> None:
        super().close()
        while self.taken:
            self.buffer._inbox.give_back(self.taken.pop())
        self.buffer.wake()
