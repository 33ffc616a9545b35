import asyncio
import sys
from collections import deque

from aimdb import Buffer, BufferClosed, BufferFull, Reader
from aimdb.errors import error
from micropython import const

from .broker import broker_for
from .codecs import JsonCodec, payload_of
from .errors import ConnectionLost, NotConnected, Refused

TYPE_CHECKING = const(0)  # For editors only: what is below it costs the board nothing.
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

    Readers compete for what arrives on the topic; up to `capacity` messages wait for them. A message is acknowledged
    to the broker when it is taken, or, with commits=True, by `reader.commit()`. One that finds no room stays
    unacknowledged if its QoS is 1, and is sent again once the readers have caught up; if it is 0 it is dropped and
    counted. Of what was produced here the broker sends a copy back, too.

    `qos` 0 is done when the network has taken it. `retain`: the broker keeps the last value for those who
    subscribe later. `codec`: see `JsonCodec`. `broker`: the `Broker` to use instead of the one of the URL's address.

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
        if capacity < 1:
            raise ValueError("capacity is at least 1, not %d" % capacity)
        self.broker, self.topic, self.encoded = broker_for(url, broker, qos, True)
        self.name = self.broker.address.name + "/" + self.topic
        self.qos = qos
        self.retain = retain
        self.codec = codec or JsonCodec()
        self.capacity = capacity
        self._commits = commits
        self._inbox: deque = deque((), capacity)  # Of (value, packet id or 0, number of the connection).
        self._end = asyncio.Event()  # Set by `close`.
        self._connections = 0  # The packet ids of earlier ones mean nothing any more.
        self._is_subscribed = False  # By SUBACK, on this connection.
        self._was_refused = False
        self._owed = False  # There was no room for a message, so that the ones after it are not taken either.

    async def run(self) -> None:
        """Keep the connection until the buffer is closed; `db.run()` does it.

        Cancel safety: the connection is given up. IRQ safety: none.
        """
        broker = self.broker
        broker.open()
        try:
            await self._end.wait()
        finally:
            broker.close()

    # Producing

    def push(self, value) -> None:
        try:
            self.try_push(value)
        except Exception:
            self.dropped_count += 1

    def try_push(self, value) -> None:
        if self.closed:
            raise error(BufferClosed, value, self)
        if not self.broker.window.has_room(self.qos):
            raise (BufferFull if self.broker.connected else NotConnected)(value, self)
        self._launch(payload_of(self.codec, value), True)

    async def push_async(self, value) -> None:
        if self.closed:
            raise error(BufferClosed, value, self)
        payload = payload_of(self.codec, value)
        await self.broker.window.room(self.qos, buffer=self)
        if self.closed:
            raise error(BufferClosed, value, self)
        flight = self._launch(payload, False)
        if flight:
            await flight

    def _launch(self, payload, resend):
        flight = self.broker.window.launch(self, payload, resend)
        self.produced_count = (self.produced_count & _MASK) + 1
        return flight

    # Consuming

    def subscribe(self) -> "TopicReader":
        self.broker.subscriptions.add(self)
        return CommittingReader(self) if self._commits else TopicReader(self)

    async def subscribe_async(self, patient: bool = False) -> "TopicReader":
        """A new reader, once the broker has acknowledged the subscription.

        Raises `Refused`, `Unreachable`, `ConnectionLost`. With `patient` it raises none of them and goes on trying
        with every new connection.

        Cancel safety: cancelled, no reader is attached. IRQ safety: none.
        """
        broker = self.broker
        broker.subscriptions.add(self)
        while True:
            await broker.online(patient)
            connections = self._connections
            while broker.connected and not self._is_subscribed and connections == self._connections:
                if self._was_refused and not patient:
                    raise Refused("%s: the subscription was refused" % self.name)
                await broker.moved.wait()
            if self._is_subscribed and broker.connected:
                return self.subscribe()
            if not patient:
                raise ConnectionLost("%s: the connection was lost before the subscription was acknowledged" % self.name)

    def connected(self, session_kept: bool) -> None:
        """Called by the broker on each new connection, before it subscribes.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        self._connections += 1
        self._is_subscribed = self._was_refused = self._owed = False
        if session_kept:
            # What was not acknowledged is sent again.
            for _ in range(len(self._inbox)):
                entry = self._inbox.popleft()
                if not entry[1]:
                    self._inbox.append(entry)

    def subscribed(self, accepted: bool) -> None:
        """Called by the broker with its answer to the subscription.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        self._is_subscribed = accepted
        self._was_refused = not accepted
        if not accepted:
            print("aimdb: the broker refused the subscription to", self.name, file=sys.stderr)

    def arrived(self, payload: bytes, packet_id: int) -> None:
        """Called by the broker with each message.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        full = len(self._inbox) >= self.capacity
        if packet_id and (full or self._owed) and not self.broker.clean_session:
            self._owed = True
            return
        if full:
            self.dropped_count += 1
        else:
            try:
                value = self.codec.decode(payload)
            except Exception as er:
                self.broker.unparsed("a payload from " + self.name, er)
            else:
                self._inbox.append((value, packet_id, self._connections))
                self.wake()
                return
        if packet_id:
            self.broker.acknowledge(packet_id)

    def acknowledge(self, packet_id: int, connection: int) -> None:
        """Send the PUBACK of a message, if the connection is still the one that it came by.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        if packet_id and connection == self._connections and self.broker.connected:
            self.broker.acknowledge(packet_id)

    def take_entry(self):
        """Remove and return the next (value, packet id, number of the connection).

        Cancel safety: it does not wait. IRQ safety: none.
        """
        entry = self._inbox.popleft()
        if self._owed and len(self._inbox) <= self.capacity // 4:
            self.broker.renew()
        return entry

    def peek(self):
        return self._inbox[0][0] if self._inbox else None

    def held(self) -> int:
        return len(self._inbox)

    def close(self) -> None:
        super().close()
        self.broker.subscriptions.remove(self)
        self._end.set()
        self.broker.wake_all()


class TopicReader(Reader):
    """Acknowledges a message when it is taken."""

    def has_value(self) -> bool:
        return len(self.buffer._inbox) > 0

    def try_recv(self):
        if self.closed or not self.buffer._inbox:
            self._nothing()
        buffer = self.buffer
        value, packet_id, connection = buffer.take_entry()
        buffer.consumed_count = (buffer.consumed_count & _MASK) + 1
        self._taken(packet_id, connection)
        return value

    def _taken(self, packet_id, connection):
        self.buffer.acknowledge(packet_id, connection)


class CommittingReader(TopicReader):
    """Acknowledges messages when it is told to; what is not is sent again after the next connection."""

    def __init__(self, buffer: MqttTopic):
        super().__init__(buffer)
        self._open: list = []  # (packet id, number of the connection) of what was taken, in order.

    def _taken(self, packet_id, connection):
        self._open.append((packet_id, connection))

    def commit(self, count: "int | None" = None) -> "Awaitable[None]":
        """Acknowledge the oldest `count` messages that this reader has taken, or all of them, at once.

        It may be awaited, as that of a `FlashQueue` is, but nothing is left to wait for.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        for _ in range(len(self._open) if count is None else count):
            self.buffer.acknowledge(*self._open.pop(0))
        return _nothing()


async def _nothing():
    pass
