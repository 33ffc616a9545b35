from collections import deque

from aimdb.errors import check_int
from micropython import const

from . import once
from .errors import drop

_BOARD = const(1)
if not _BOARD:  # So that the board's compiler knows the constant, and stores nothing.
    TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any


class Inbox:
    """A subscription, and up to `capacity` messages of it that the record is not done with.

    When there is no room for a message, nothing more is read from the connection, so the peer waits. If there is still
    no room after a quarter of `timeout_ms`, messages for other records are read again, and those for this record are
    not acknowledged. When the record is done with what it has, the connection is made anew, and the peer sends them
    again. If the peer does not keep them, they are dropped and count in the record's metrics; messages that nobody
    acknowledges (QoS 0) are dropped at once.

    `path`, `route`: what is subscribed to, as the URL has it and as the peer's packets have it. `wake` is called when
    there is something to read. Raises `TypeError` or `ValueError` for a wrong `capacity`.
    """

    takes_retained = True  # Also what a broker had kept.

    if TYPE_CHECKING:
        pattern: list[str]  # Of a package whose packets name what they are for.

    def __init__(self, peer, path: str, route, qos: int, codec, capacity: int):
        check_int("capacity", capacity, 1, 65535)
        self.name = peer.name + "/" + path
        self.path = path
        self.route = route
        self.peer = peer
        self.qos = qos
        self.codec = codec
        self.capacity = capacity
        self.buffer: "Any" = None  # Of the record.
        self.wake: "Any" = None
        self.values: deque = deque((), capacity)  # Of (value, arrival or None).
        self.taken = 0  # So many were taken and are not finished.
        self.asked = False  # Somebody has subscribed.
        self.skips = False  # Messages were left with the peer, and so are those that come after them.
        # When last looked at it held some, or had ended and skipped; none was finished since.
        self.stuck: "Any" = False
        self.ended = True  # There is no run: all that comes is left with the peer.
        self.complaint: "Any" = None  # While it skips, or keeps others back: says so,
        self.skipped = 0  # how often that has begun,
        self.waited = 0  # and the longest time, in milliseconds, that was told of.
        self.refusals = 0  # Of the subscription, by the peer.
        # Of the subscription on this connection:
        self.packet_id = 0
        self.sent_at: "int | None" = None  # While its acknowledgement is due.
        self.granted: "bool | None" = None  # The answer; None: there is none yet.

    def answered(self, packet_id: int, granted: bool) -> None:
        """The peer has answered a subscription, perhaps another one."""
        if packet_id == self.packet_id:
            self.sent_at = None
            self.granted = granted
            if not granted:
                once("subscribing").refused(self)

    def has_room(self) -> bool:
        """Whether one more message can be held."""
        return len(self.values) + self.taken < self.capacity

    def has_value(self) -> bool:
        """Whether there is a message to take. What a lost connection has brought may come again by the next one."""
        if not self.values:
            return False
        peer = self.peer
        return peer.connected or not peer.keeps or self.buffer.closed or self.values[0][1] is None

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
            if self.peer.keeps:
                self.peer.renew()
            else:
                self.skips = False
        if not self.skips:
            self.end_complaint()

    def end_complaint(self) -> None:
        """It skips no more, or nobody is to be told."""
        if self.complaint:
            self.complaint.end()
            self.complaint = None

    def give_back(self, entry) -> None:
        """What was taken, a (value, arrival), is the next one again."""
        self._settle()
        if len(self.values) < self.capacity:
            self.values.appendleft(entry)
        else:  # The connection has changed meanwhile.
            drop(self.buffer)

    def _settle(self):
        self.stuck = False
        self.taken = max(0, self.taken - 1)  # Of an earlier connection, perhaps.
        self.peer.freed.wake_all()
