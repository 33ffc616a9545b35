"""Says on stderr that somebody waits, and why. Loaded when somebody does.

IRQ safety: none.
"""

import sys

from micropython import const

from .timing import Timer

# In the counts of a queue:
_CONSUMED = const(1)
_FREE = const(4)  # How many values are free.
_KEPT = const(6)  # How many values are kept for readers that were woken.
_ROOM_ASKED = const(10)  # How many producers wait.
_WATCHED = const(13)  # 1: such a complaint is in the loop.


class Complaint:
    """Calls `say(milliseconds)` while a wait lasts: after `first_ms`, and then 2, 4, 8 … times as late.

    `say` prints a line on stderr. It returns False when somebody has been served meanwhile: then the time begins anew,
    as it does when there is no memory for the line.
    """

    def __init__(self, say, first_ms: int = 10000):
        self._say = say
        self._first = self._waited = first_ms
        self._timer = Timer(self._due)

    def begin(self) -> None:
        """The wait begins, unless it has begun already."""
        if not self._timer.runs():
            self._waited = self._first
            self._timer.start(self._first)

    def end(self) -> None:
        """The wait has ended."""
        self._timer.stop()

    def _due(self):
        waited = self._waited
        try:
            said = self._say(waited) is not False
        except MemoryError:
            said = False
        if not said:
            self._waited = self._first
            self._timer.start(self._first)
        else:
            self._waited = min(2 * waited, 0x1FFFFFFF)  # The longest time does not double: it comes again.
            self._timer.start(waited)


def complain(key, what: str, milliseconds: int) -> None:
    """Print such a line: what the record does, and how long it has been so."""
    print("aimdb: record %r %s, for %d s now" % (key, what, milliseconds // 1000), file=sys.stderr)


class RoomComplaint(Complaint):
    """Complains while producers wait for space in a `BoundedQueue` and nobody reads. It sees by itself when that ends.

    It does not refer to the queue, which would stay with its values until then.
    """

    def __init__(self, queue):
        super().__init__(self._tell)
        self._key = queue.key
        self._counts = counts = queue._counts
        self._consumed = counts[_CONSUMED]
        self.begin()
        counts[_WATCHED] = 1

    def _due(self):
        if self._counts[_ROOM_ASKED]:
            super()._due()
        else:
            self._counts[_WATCHED] = 0

    def _tell(self, milliseconds):
        counts = self._counts
        consumed = counts[_CONSUMED]
        if consumed != self._consumed:
            self._consumed = consumed
            return False
        held = counts[_FREE] + counts[_KEPT]
        complain(self._key, "is full (%d values), and nobody reads it; a producer waits" % held, milliseconds)
