from collections import deque

from aimdb.errors import check_int
from micropython import const

from .waits import drop, tell

_BOARD = const(1)
if not _BOARD:  # So that the board's compiler knows the constant, and stores nothing.
    TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any


class Inbox:
    """A subscription, and up to `capacity` messages of it that the record is not done with.

    When there is no room for a message of QoS 1, nothing more is read from the connection: the broker waits, and all
    that is behind the message. If there is still none after a quarter of `timeout_ms`, the record's messages stay with
    the broker, unacknowledged, and all others go on; when the record is done with what it has, the connection is
    renewed, so that they are sent again. One of QoS 0 is dropped, and counts in the record's metrics.

    `wake()` is called when there is something to read. Raises `TypeError` or `ValueError` for arguments that are wrong.
    """

    def __init__(self, broker, topic: str, qos: int, codec, capacity: int, wake):
        from .arguments import check_codec, check_topic

        check_int("capacity", capacity, 1, 65535)
        self.encoded = check_topic(topic, qos, True)
        levels = topic.split("/")
        self.pattern = levels[2:] if levels[0] == "$share" else levels
        self.name = broker.name + "/" + topic
        self.broker = broker
        self.qos = qos
        self.codec = check_codec(codec)
        self.capacity = capacity
        self.buffer: "Any" = None  # Of the record.
        self.wake = wake
        self.values: deque = deque((), capacity)  # Of (value, arrival or None).
        self.taken = 0  # So many were taken and are not finished.
        self.asked = False  # Somebody has subscribed.
        self.skips = False  # Messages were left with the broker, and those after them are.
        self.ended = True  # There is no run: all that comes is left with the broker.
        self.complaint: "Any" = None  # That it skips.
        self._refusals = 0  # Of the subscription, by the broker.
        # Of the subscription on this connection:
        self.packet_id = 0
        self.sent_at: "int | None" = None  # While its acknowledgement is due.
        self.granted: "bool | None" = None  # What it was.

    def answered(self, packet_id: int, code: int) -> None:
        """A SUBACK has come, perhaps of another one."""
        if packet_id == self.packet_id:
            self.sent_at = None
            self.granted = code < 0x80
            if not self.granted:
                self._refusals += 1
                tell(self._refusals, "record %r: the broker refused the subscription to %s", self.buffer.key, self.name)

    def has_room(self) -> bool:
        """Whether one more message can be held."""
        return len(self.values) + self.taken < self.capacity

    def has_value(self) -> bool:
        """Whether there is a message to take. What a lost connection has brought may come again by the next one."""
        if not self.values:
            return False
        broker = self.broker
        return broker.connected or broker.clean_session or self.buffer.closed or self.values[0][1] is None

    def take(self):
        """The next (value, arrival): `finish` or `give_back` is due for each."""
        entry = self.values.popleft()
        self.taken += 1
        return entry

    def finish(self, arrival) -> None:
        """The record is done with what it has taken: acknowledge it."""
        if arrival:
            arrival.done()
        self._settle()
        if self.skips and not (self.ended or self.taken or self.values):
            if self.broker.clean_session:
                self.recover()
            else:
                self.broker.renew()

    def give_back(self, entry) -> None:
        """What was taken, a (value, arrival), is the next one again."""
        self._settle()
        if len(self.values) < self.capacity:
            self.values.appendleft(entry)
        else:  # The connection has changed meanwhile.
            drop(self.buffer)

    def _settle(self):
        self.taken = max(0, self.taken - 1)  # Of an earlier connection, perhaps.
        self.broker.freed.wake_all()

    def recover(self) -> None:
        """It has room again, or the messages come again."""
        self.skips = False
        if self.complaint is not None:
            self.complaint.end()
