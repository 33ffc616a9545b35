"""What the broker publishes to us, and the links that produce it. Loaded when something is subscribed to."""

from aimdb import BufferClosed
from micropython import const

from . import ProtocolError
from .packets import number, packet

_EDITOR = const(0)  # For editors only: what is below it costs the board nothing.
if _EDITOR:
    from typing import Any

    from .broker import Broker


class LinkFrom:
    """What `Record.link_from` runs for an mqtt:// URL: produces in the record what arrives on the topic.

    A message is acknowledged to the broker when the record's buffer is done with its value (`produce_async`). While
    it is not, up to `capacity` messages wait; a broker that sends more gets them unacknowledged, and sends them again.
    A payload that does not parse is counted and named, and the link goes on. The topic may contain + and #.

    `qos`, `codec`, `broker`: as for `MqttTopic`. Raises `TypeError` or `ValueError`.

    Cancel safety: it does not wait. IRQ safety: none.
    """

    def __init__(
        self,
        record,
        url: str,
        qos: int = 1,
        codec: "Any" = None,
        capacity: int = 20,
        broker: "Broker | None" = None,
    ):
        from .topic import MqttTopic

        self._topic = MqttTopic(url, qos, False, codec, capacity, True, broker)
        self.__name__ = self._topic.name

    async def __call__(self, record):
        topic = self._topic
        topic.broker.open()
        try:
            reader = await topic.subscribe_async(True)
            while True:
                await record.producer.produce_async(await reader.recv())
                reader.commit()
        except BufferClosed:
            topic.close()  # The record takes no more.
        finally:
            topic.broker.close()


link_from = LinkFrom


def published(broker, first: int, body, whole: bool) -> None:
    """A PUBLISH has come: hand it to the topics that it matches. Raises `ProtocolError`.

    Cancel safety: it does not wait. IRQ safety: none.
    """
    qos = first >> 1 & 3
    size = len(body)
    length = (body[0] << 8 | body[1]) if size > 1 else 0
    start = length + (4 if qos else 2)
    packet_id = body[start - 2] << 8 | body[start - 1] if qos and start <= size else 0
    if qos > 1 or not length or (start > size and whole) or (start <= size and qos and not packet_id):
        raise ProtocolError("malformed PUBLISH %#x" % first)
    if whole:
        try:
            name = str(body[2 : 2 + length], "utf-8")
        except UnicodeError:
            raise ProtocolError("a topic that is not UTF-8")
        for topic in broker.topics:
            if matches(topic.topic, name):
                # A message that several match is acknowledged by the first.
                topic.arrived(bytes(body[start:]), packet_id)
                packet_id = 0
    else:
        broker.oversize_count += 1
    acknowledge(packet_id, broker.connection)  # Else the broker would send for ever what nobody can take.


def acknowledge(packet_id: int, connection) -> None:
    """Send the PUBACK of a message of QoS 1 on the `connection` that it came by; `packet_id` is 0 for one of QoS 0.

    A connection that has ended takes it and sends nothing: the packet id means nothing on the next one.

    Cancel safety: it does not wait. IRQ safety: none.
    """
    if packet_id:
        connection.send(packet(0x40, number(packet_id)))


def matches(topic_filter: str, topic: str) -> bool:
    """Whether a subscription to `topic_filter` includes `topic`.

    Source: MQTT 3.1.1, 4.7. Cancel safety: it does not wait. IRQ safety: none.
    """
    if topic_filter == topic:
        return True
    if "+" not in topic_filter and "#" not in topic_filter:
        return False
    wanted, given = topic_filter.split("/"), topic.split("/")
    if topic.startswith("$") and wanted[0] in ("+", "#"):
        return False
    for i, level in enumerate(wanted):
        if level == "#":
            return True
        if i == len(given) or level not in ("+", given[i]):
            return False
    return len(wanted) == len(given)
