from aimdb import BufferClosed
from micropython import const

from .topic import MqttTopic

TYPE_CHECKING = const(0)  # For editors only: what is below it costs the board nothing.
if TYPE_CHECKING:
    from typing import Any

    from .broker import Broker


def link_from(
    record,
    url: str,
    qos: int = 1,
    codec: "Any" = None,
    capacity: int = 20,
    broker: "Broker | None" = None,
) -> "LinkFrom":
    """What `Record.link_from` runs for an mqtt:// URL: produces in the record what arrives on the topic.

    A message is acknowledged to the broker when the record's buffer is done with its value (`produce_async`). While
    it is not, up to `capacity` messages wait; a broker that sends more gets them unacknowledged, and sends them again.
    A payload that does not parse is counted and named, and the link goes on. The topic may contain + and #.

    `qos`, `codec`, `broker`: as for `MqttTopic`. Raises `TypeError` or `ValueError`.

    Cancel safety: it does not wait. IRQ safety: none.
    """
    return LinkFrom(MqttTopic(url, qos=qos, codec=codec, capacity=capacity, commits=True, broker=broker))


class LinkFrom:
    """A stage of a record; `db.run()` calls it."""

    def __init__(self, topic):
        self.topic = topic
        self.__name__ = topic.name

    async def __call__(self, record):
        broker = self.topic.broker
        broker.open()
        try:
            reader = await self.topic.subscribe_async(patient=True)
            while True:
                value = await reader.recv()
                await record.producer.produce_async(value)
                reader.commit()
        except BufferClosed:
            self.topic.close()  # The record takes no more.
        finally:
            broker.close()
