import asyncio
import sys
from collections import deque
from time import ticks_ms

from aimdb import Buffer, BufferClosed, BufferFull, JsonCodec, Reader
from aimdb.buffer import check_capacity
from aimdb.errors import error
from micropython import const

from . import ConnectionLost, NotConnected, Refused, Renewed
from .broker import broker_for
from .inbound import acknowledge
from .packets import number, packet
from .payload import payload_of

_EDITOR = const(0)  # For editors only: what is below it costs the board nothing.
if _EDITOR:
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

    Readers compete for what arrives on the topic; up to `capacity` messages wait for them. A message is acknowledged
    to the broker when it is taken, or, with commits=True, by `reader.commit()`. One that finds no room stays
    unacknowledged if its QoS is 1, and is sent again once the readers have caught up; if it is 0 it is dropped and
    counted. Of what was produced here the broker sends a copy back, too.

    `qos` 0 is done when the network has taken it. `retain`: the broker keeps the last value for those who
    subscribe later. `codec`: see `JsonCodec`, which is the default; it may also encode to a string. What it raises is
    raised by `produce_async`; a link counts and names it. `broker`: which to use instead of that of the URL's address.

    Raises `TypeError` or `ValueError` for arguments that are wrong.
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
        check_capacity(capacity)
        self.broker, self.topic, self.encoded = broker_for(url, broker, qos, True)
        self.name = self.broker.name + "/" + self.topic
        self.qos = qos
        self.retain = retain
        self.codec = codec or JsonCodec()
        self.capacity = capacity
        self._commits = commits
        self._inbox: deque = deque((), capacity)  # Of (value, packet id or 0, the connection that it came by).
        self._end = asyncio.Event()  # Set by `close`.
        # Of the subscription on this connection:
        self._packet_id = self.sent_at = 0
        self.done = False  # Whether the broker has answered, and
        self._granted = False  # how.
        self._owed = False  # There was no room for a message, so that the ones after it are not taken either.

    async def run(self) -> None:
        """Keep the connection until the buffer is closed; `db.run()` does it.

        Cancel safety: the connection is given up. IRQ safety: none.
        """
        self.broker.open()
        try:
            await self._end.wait()
        finally:
            self.broker.close()

    # Producing

    def push(self, value) -> None:
        try:
            self.try_push(value)
        except Exception:
            self.dropped_count += 1

    def try_push(self, value) -> None:
        if self.closed:
            raise error(BufferClosed, value, self)
        window = self.broker.window
        if window.waiting or not window.has_room(self.qos):
            raise (BufferFull if self.broker.connected else NotConnected)(value, self)
        self._launch(payload_of(self.codec, value), True)

    async def push_async(self, value) -> None:
        payload = payload_of(self.codec, value)
        if not self.closed:
            await self.broker.window.room(self.qos, False, self)
        if self.closed:
            raise error(BufferClosed, value, self)
        flight = self._launch(payload)
        if flight:
            await flight

    def _launch(self, payload, resend=False):
        flight = self.broker.window.launch(self, payload, resend)
        self.produced_count = (self.produced_count & _MASK) + 1
        return flight

    # Consuming

    def subscribe(self) -> "Reader":
        broker = self.broker
        if self not in broker.topics:
            broker.topics.append(self)
            if broker.connected:
                self._ask(0x82, bytes((self.qos,)))
        return CommittingReader(self) if self._commits else Reader(self)

    async def subscribe_async(self, patient: bool = False) -> "Reader":
        """A new reader, once the broker has acknowledged the subscription.

        Raises `Refused`, `Unreachable`, `ConnectionLost`. With `patient` it raises none of them and goes on trying
        with every new connection.

        Cancel safety: cancelled, no reader is attached. IRQ safety: none.
        """
        broker = self.broker
        reader = self.subscribe()
        while True:
            await broker.online(patient)
            connection = broker.connection
            while broker.connection is connection:
                if self.done and self._granted:
                    return reader
                if self.done and not patient:
                    raise Refused("%s: the subscription was refused" % self.name)
                await broker.moved.wait()
            if not patient:
                raise ConnectionLost("%s: the connection was lost before the subscription was acknowledged" % self.name)

    def _ask(self, first, *options):
        # SUBSCRIBE or UNSUBSCRIBE. The packet ids of messages are lower.
        broker = self.broker
        self.done = False
        self.sent_at = ticks_ms()
        broker.asked = self._packet_id = broker.asked + 1 & 0xFFFF | 0x8000
        broker.connection.send(packet(first, number(self._packet_id), self.encoded, *options))

    def connected(self, session_kept: bool) -> None:
        """Called by the broker on each new connection: subscribe again.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        self._owed = False
        if session_kept:
            # What was not acknowledged is sent again.
            for _ in range(len(self._inbox)):
                entry = self._inbox.popleft()
                if not entry[1]:
                    self._inbox.append(entry)
        self._ask(0x82, bytes((self.qos,)))

    def answered(self, packet_id: int, code: int) -> None:
        """Called by the broker with each SUBACK, also of other topics.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        if packet_id == self._packet_id:
            self.done = True
            self._granted = code < 0x80
            if not self._granted:
                print("aimdb: the broker refused the subscription to", self.name, file=sys.stderr)

    def arrived(self, payload: bytes, packet_id: int) -> None:
        """Called by the broker with each message.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        broker = self.broker
        full = len(self._inbox) >= self.capacity
        if packet_id and (full or self._owed) and not broker.clean_session:
            self._owed = True
            return
        if full:
            self.dropped_count += 1
        else:
            try:
                value = self.codec.decode(payload)
            except Exception as er:
                broker.unparsed("a payload from " + self.name, er)
            else:
                self._inbox.append((value, packet_id, broker.connection))
                self.wake()
                return
        acknowledge(packet_id, broker.connection)

    def has_value(self, reader) -> bool:
        return len(self._inbox) > 0

    def take(self, reader):
        value, packet_id, connection = self._inbox.popleft()
        if self._commits:
            reader.taken.append((packet_id, connection))
        else:
            acknowledge(packet_id, connection)
        connection = self.broker.connection
        if self._owed and connection and len(self._inbox) <= self.capacity // 4:
            connection.end(Renewed("to get again what there was no room for"))
        return value

    def peek(self):
        return self._inbox[0][0] if self._inbox else None

    def held(self) -> int:
        return len(self._inbox)

    def close(self) -> None:
        super().close()
        broker = self.broker
        if self in broker.topics:
            broker.topics.remove(self)
            if broker.connected:
                self._ask(0xA2)
        self._end.set()
        broker.wake_all()


class CommittingReader(Reader):
    """Acknowledges messages when it is told to; what is not is sent again after the next connection."""

    def __init__(self, buffer: MqttTopic):
        super().__init__(buffer)
        self.taken: list = []  # What `acknowledge` needs for each of the values that were read, in order.

    def commit(self, count: "int | None" = None) -> "Awaitable[None]":
        """Acknowledge the oldest `count` messages that this reader has taken, or all of them, at once.

        It may be awaited, as that of a `FlashQueue` is, but nothing is left to wait for.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        for _ in range(len(self.taken) if count is None else count):
            acknowledge(*self.taken.pop(0))
        return iter(())  # type: ignore[return-value]  # It ends at once.
