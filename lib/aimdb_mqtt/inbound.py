"""What the broker sends us: subscriptions, and the links that produce it. Loaded when something is subscribed to."""

import sys
from time import ticks_diff, ticks_ms

from aimdb import BufferClosed
from micropython import const

from .errors import ConnectionLost, ProtocolError
from .packets import number, packet

TYPE_CHECKING = const(0)  # For editors only: what is below it costs the board nothing.
if TYPE_CHECKING:
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


class Subscriptions:
    """The topics that one broker sends us, and which buffer gets what arrives on them.

    It belongs to its broker, which hands it packets and tells it of each new connection.
    """

    def __init__(self, broker):
        self._broker = broker
        self._topics: list = []  # Buffers of the kind `MqttTopic`.
        self._asked: dict = {}  # Those whose SUBACK is due, by packet id.
        self._asked_at = 0
        self._packet_id = 0x8000  # The last one; those below are for messages.

    def add(self, topic) -> None:
        """Subscribe to `topic`, now and on every later connection.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        if topic not in self._topics:
            self._topics.append(topic)
            if self._broker.connected:
                self._subscribe(topic)

    def remove(self, topic) -> None:
        """Undo `add`.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        if topic in self._topics:
            self._topics.remove(topic)
            if self._broker.connected:
                self._send(0xA2, topic)

    def _subscribe(self, topic):
        self._asked_at = ticks_ms()
        self._asked[self._send(0x82, topic, bytes((topic.qos,)))] = topic

    def _send(self, first, topic, *options):
        self._packet_id = packet_id = self._packet_id + 1 & 0xFFFF | 0x8000
        self._broker.connection.send(packet(first, number(packet_id), topic.encoded, *options))
        return packet_id

    def connected(self, session_kept: bool) -> None:
        """There is a new connection: subscribe again.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        self._asked.clear()
        for topic in self._topics:
            topic.connected(session_kept)
            self._subscribe(topic)

    def answered(self, packet_id: int, code: int) -> None:
        """A SUBACK has come.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        topic = self._asked.pop(packet_id, None)
        if topic:
            topic.granted = code < 0x80
            if not topic.granted:
                print("aimdb: the broker refused the subscription to", topic.name, file=sys.stderr)

    def check(self, limit: int) -> None:
        """Raise `ConnectionLost` when the broker has owed a SUBACK for more than `limit` milliseconds.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        if self._asked and ticks_diff(ticks_ms(), self._asked_at) > limit:
            raise ConnectionLost("%s has not acknowledged a subscription for %d ms" % (self._broker.name, limit))

    def published(self, first: int, body, whole: bool) -> None:
        """A PUBLISH has come: hand it to the topics that it matches. Raises `ProtocolError`.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        broker = self._broker
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
            for topic in self._topics:
                if matches(topic.topic, name):
                    # A message that several match is acknowledged by the first.
                    topic.arrived(bytes(body[start:]), packet_id, broker.connection)
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
