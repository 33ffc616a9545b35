from collections import deque

from aimdb import BufferClosed, BufferEmpty, BufferLagged, DbError
from micropython import const

from .broker import broker_for
from .codecs import JsonCodec, payload_of
from .errors import MqttError
from .url import check_topic

TYPE_CHECKING = const(0)  # For editors only: what is below it costs the board nothing.
if TYPE_CHECKING:
    from typing import Any

    from .broker import Broker


def link_to(
    record,
    url: str,
    qos: int = 1,
    retain: bool = False,
    codec: "Any" = None,
    newest: bool = False,
    broker: "Broker | None" = None,
) -> "LinkTo":
    """What `Record.link_to` runs for an mqtt:// URL: publishes every value of the record.

    Several messages are on their way at once, in order. Nothing is read from the record while there is no
    connection, so its buffer decides what is kept during an outage. What was sent and not acknowledged is sent again.
    A reader that can `commit` does so for what the broker has acknowledged, in order.

    `newest`: for values that are worthless when stale. One message is on its way at a time, only the newest value
    is sent, and what was not acknowledged when the connection ended is given up and counted.

    `qos`, `retain`, `codec`, `broker`: as for `MqttTopic`. Raises `TypeError` or `ValueError`.

    Cancel safety: it does not wait. IRQ safety: none.
    """
    return LinkTo(url, qos, retain, codec, newest, broker)


class LinkTo:
    """A stage of a record; `db.run()` calls it."""

    def __init__(self, url, qos, retain, codec, newest, broker):
        self.broker, topic = broker_for(url, broker)
        self.topic = check_topic(topic, qos=qos)
        self.__name__ = self.broker.address.name + "/" + topic
        self.qos = qos
        self.retain = retain
        self.codec = codec or JsonCodec()
        self.newest = newest
        self._flights: deque = deque((), self.broker.window.limit)  # In the order of the values.
        self._commit = _nothing  # The reader's, if it has one.

    async def __call__(self, record):
        broker = self.broker
        broker.open()
        reader = None
        try:
            reader = await record.consumer.subscribe_async()
            self._commit = getattr(reader, "commit", _nothing)
            while True:
                await reader.ready()
                if reader.has_value():
                    await self._room()
                try:
                    value = reader.try_recv()
                except (BufferEmpty, BufferLagged):
                    continue  # Another reader was faster; or a lag, which the reader has counted.
                except BufferClosed:
                    break
                except DbError as er:
                    if getattr(er, "value", None) is None:
                        raise
                    await self._skip("a value of record %r" % record.key, er)  # Bytes that its codec cannot decode.
                    continue
                await (self._send_newest if self.newest else self._send)(reader, value)
            while self._flights:
                await broker.moved.wait()
        finally:
            while self._flights:
                self._flights.popleft().resend = False
            if reader:
                reader.close()
            broker.close()

    async def _room(self):
        broker = self.broker
        while len(self._flights) >= broker.window.limit:
            await broker.moved.wait()  # The first is late; those after it were acknowledged.
        await broker.window.room(self.qos, True)

    async def _send(self, reader, value):
        try:
            payload = payload_of(self.codec, value)
        except Exception as er:
            await self._skip("a value for " + self.__name__, er)
            return
        flight = self.broker.window.launch(self.topic, payload, self.qos, self.retain, True, self._landed)
        if flight:
            self._flights.append(flight)
        else:
            self._commit(1)

    async def _skip(self, what, error):
        # It would fail for ever. What is committed is in order, so it waits for those before it.
        self.broker.unparsed(what, error)
        while self._flights:
            await self.broker.moved.wait()
        self._commit(1)

    def _landed(self, _):
        # Acknowledgements may come in any order; committing goes as far as all of them are there.
        flights = self._flights
        count = 0
        while flights and flights[0].done:
            flights.popleft()
            count += 1
        if count:
            try:
                self._commit(count)
            except BufferClosed:
                pass  # It is too late: they will be sent again.

    async def _send_newest(self, reader, value):
        broker = self.broker
        count = 1
        while reader.has_value():
            try:
                value = reader.try_recv()
                count += 1
            except BufferLagged:
                pass
        broker.stale_count += count - 1
        try:
            payload = payload_of(self.codec, value)
        except Exception as er:
            broker.unparsed("a value for " + self.__name__, er)
        else:
            flight = broker.window.launch(self.topic, payload, self.qos, self.retain)
            try:
                if flight:
                    await flight
            except MqttError:
                broker.stale_count += 1
        self._commit(count)


def _nothing(_):
    pass
