from collections import deque
from time import ticks_ms

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
        self.ended = False  # With the run: all that comes is left with the broker.
        self._complaint: "Any" = None
        self._refusals = 0  # Of the subscription, by the broker.
        # Of the subscription on this connection:
        self._packet_id = 0
        self.sent_at: "int | None" = None  # While its acknowledgement is due.
        self.granted: "bool | None" = None  # What it was.

    # Subscribing

    def attach(self) -> None:
        """Take messages, also before anybody has subscribed: the broker may remember an earlier subscription."""
        broker = self.broker
        if self in broker.inboxes and not self.ended:
            return
        for other in broker.inboxes[:]:
            if other.ended and other.encoded == self.encoded:
                broker.inboxes.remove(other)
                if other.skips:
                    broker.renew()  # What was left with the broker is for us.
        self.ended = False
        self._recover()
        broker.inboxes.append(self)
        broker.freed.wake_all()
        if self.asked:
            self._ask()

    def subscribe(self) -> None:
        """Subscribe, now if there is a connection, and on each new one."""
        if not self.asked:
            self.asked = True
            if self in self.broker.inboxes:
                self._ask()
        self.attach()

    def detach(self, unsubscribe: bool = False) -> None:
        """Take no more. Unless `unsubscribe`, the broker keeps the subscription, and messages for the next run."""
        broker = self.broker
        if self not in broker.inboxes:
            return
        self.sent_at = self.granted = None
        self._recover()
        if unsubscribe or broker.clean_session:
            broker.inboxes.remove(self)
            if unsubscribe and broker.connected and self.encoded not in [inbox.encoded for inbox in broker.inboxes]:
                broker.ask(0xA2, self.encoded)
        else:
            self.ended = True  # It stays as long as the connection: nothing is acknowledged for it.
        broker.freed.wake_all()

    def _ask(self):
        broker = self.broker
        if broker.connected:
            self.granted = None
            self.sent_at = ticks_ms()
            self._packet_id = broker.ask(0x82, self.encoded, bytes((self.qos,)))

    def connected(self, session_kept: bool) -> None:
        """There is a new connection: subscribe again."""
        self._recover()
        self.taken = 0
        if session_kept:
            # What was not acknowledged is sent again.
            for _ in range(len(self.values)):
                entry = self.values.popleft()
                if not entry[1]:
                    self.values.append(entry)
        if self.asked and not self.ended:
            self._ask()

    def answered(self, packet_id: int, code: int) -> None:
        """A SUBACK has come, perhaps of another one."""
        if packet_id == self._packet_id:
            self.sent_at = None
            self.granted = code < 0x80
            if not self.granted:
                self._refusals += 1
                tell(self._refusals, "record %r: the broker refused the subscription to %s", self.buffer.key, self.name)

    # Messages

    def has_room(self) -> bool:
        """Whether one more message can be held."""
        return len(self.values) + self.taken < self.capacity

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
                self._recover()
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

    def skip(self) -> None:
        """There has been no room for long: from now on the messages stay with the broker, unless it forgets them."""
        self.skips = True
        if self._complaint is None:
            from aimdb.complaint import Complaint

            self._complaint = Complaint(self._complain, 2 * self.broker.patience_ms)
        self._complain(self.broker.patience_ms)
        self._complaint.begin()

    def _complain(self, milliseconds):
        from aimdb.complaint import complain

        text = "dropped" if self.broker.clean_session else "left with the broker"
        what = "has %d messages of %s that it does not take; others are %s" % (self.capacity, self.name, text)
        complain(self.buffer.key, what, milliseconds)

    def _recover(self):
        # It does not skip any more.
        self.skips = False
        if self._complaint is not None:
            self._complaint.end()
