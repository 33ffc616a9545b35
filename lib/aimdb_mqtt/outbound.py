from collections import deque

from aimdb import BufferClosed, BufferEmpty, BufferLagged, DbError, JsonCodec
from micropython import const

from .broker import broker_for
from .payload import payload_of

_EDITOR = const(0)  # For editors only: what is below it costs the board nothing.
if _EDITOR:
    from typing import Any

    from .broker import Broker


class LinkTo:
    """What `Record.link_to` runs for an mqtt:// URL: publishes every value of the record.

    Several messages are on their way at once, in order. Nothing is read from the record while there is no
    connection, so its buffer decides what is kept during an outage. What was sent and not acknowledged is sent again.
    A reader that can `commit` does so for what the broker has acknowledged, in order.

    `newest`: for values that are worthless when stale. One message is on its way at a time, only the newest value
    is sent, and what was not acknowledged when the connection ended is given up and counted.

    `qos`, `retain`, `codec`, `broker`: as for `MqttTopic`. Raises `TypeError` or `ValueError`.

    Cancel safety: it does not wait. IRQ safety: none.
    """

    def __init__(
        self,
        record,
        url: str,
        qos: int = 1,
        retain: bool = False,
        codec: "Any" = None,
        newest: bool = False,
        broker: "Broker | None" = None,
    ):
        self.broker, topic, self.encoded = broker_for(url, broker, qos)
        self.__name__ = self.broker.name + "/" + topic
        self.qos = qos
        self.retain = retain
        self.codec = codec or JsonCodec()
        self.newest = newest
        self._limit = 1 if newest else self.broker.window.limit
        self._flights: deque = deque((), self._limit)  # In the order of the values.
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
                    await self._fewer(self._limit)  # The first may be late, and those after it acknowledged.
                    await broker.window.room(self.qos, True)
                try:
                    value = reader.try_recv()
                except (BufferEmpty, BufferLagged):
                    continue  # Another reader was faster; or a lag, which the reader has counted.
                except BufferClosed:
                    break
                except DbError as er:
                    if getattr(er, "value", None) is None:
                        raise
                    await self._skip(er)  # Bytes that the record's own codec cannot decode.
                    continue
                if self.newest and reader.has_value():
                    broker.stale_count += 1
                    self._commit(1)
                    continue
                try:
                    payload = payload_of(self.codec, value)
                except Exception as er:
                    await self._skip(er)
                    continue
                flight = broker.window.launch(self, payload, not self.newest, self._landed)
                if flight:
                    self._flights.append(flight)
                else:
                    self._commit(1)
            await self._fewer(1)
        finally:
            while self._flights:
                self._flights.popleft().resend = False
            if reader:
                reader.close()
            broker.close()

    async def _fewer(self, count):
        # Until fewer messages than that are on their way.
        while len(self._flights) >= count:
            await self.broker.moved.wait()

    async def _skip(self, error):
        # It would fail for ever. What is committed is in order, so it waits for those before it.
        self.broker.unparsed("a value for " + self.__name__, error)
        await self._fewer(1)
        self._commit(1)

    def _landed(self):
        # Acknowledgements may come in any order; committing goes as far as all of them are there.
        flights = self._flights
        count = 0
        while flights and flights[0].done:
            if flights.popleft().error:
                self.broker.stale_count += 1  # Given up with its connection.
            count += 1
        if count:
            try:
                self._commit(count)
            except BufferClosed:
                pass  # It is too late: they will be sent again.


def _nothing(_):
    pass


link_to = LinkTo
