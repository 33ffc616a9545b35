from time import ticks_diff, ticks_ms

from .errors import ConnectionLost, ProtocolError
from .packets import number, packet
from .url import matches


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
                self._subscribe(topic, self._broker.connection)

    def remove(self, topic) -> None:
        """Undo `add`.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        if topic in self._topics:
            self._topics.remove(topic)
            if self._broker.connected:
                self._broker.connection.send(packet(0xA2, number(self._next_id()), topic.encoded))

    def _subscribe(self, topic, connection):
        packet_id = self._next_id()
        self._asked[packet_id] = topic
        self._asked_at = ticks_ms()
        connection.send(packet(0x82, number(packet_id), topic.encoded, bytes((topic.qos,))))

    def _next_id(self):
        self._packet_id = self._packet_id + 1 & 0xFFFF | 0x8000
        return self._packet_id

    def connected(self, connection, session_kept: bool) -> None:
        """There is a new connection: subscribe again.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        self._asked.clear()
        for topic in self._topics:
            topic.connected(session_kept)
            self._subscribe(topic, connection)

    def answered(self, packet_id: int, code: int) -> None:
        """A SUBACK has come.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        topic = self._asked.pop(packet_id, None)
        if topic:
            topic.subscribed(code < 0x80)

    def check(self, limit: int) -> None:
        """Raise `ConnectionLost` when the broker has owed a SUBACK for more than `limit` milliseconds.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        if self._asked and ticks_diff(ticks_ms(), self._asked_at) > limit:
            raise ConnectionLost(
                "%s has not acknowledged a subscription for %d ms" % (self._broker.address.name, limit)
            )

    def published(self, first: int, body, whole: bool) -> None:
        """A PUBLISH has come: hand it to the topics that it matches. Raises `ProtocolError`.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        broker = self._broker
        qos = first >> 1 & 3
        size = len(body)
        length = (body[0] << 8 | body[1]) if size > 1 else 0
        start = length + (4 if qos else 2)
        if qos > 1 or not length or (whole and start > size):
            raise ProtocolError("malformed PUBLISH %#x" % first)
        packet_id = body[start - 2] << 8 | body[start - 1] if qos and start <= size else 0
        if qos and start <= size and not packet_id:
            raise ProtocolError("PUBLISH with packet id 0")
        if whole:
            try:
                name = str(body[2 : 2 + length], "utf-8")
            except UnicodeError:
                raise ProtocolError("a topic that is not UTF-8")
            for topic in self._topics:
                if matches(topic.topic, name):
                    # A message that several match is acknowledged by the first.
                    topic.arrived(bytes(body[start:]), packet_id)
                    packet_id = 0
        else:
            broker.oversize_count += 1
        if packet_id:
            broker.acknowledge(packet_id)  # Else the broker would send for ever what nobody can take.
