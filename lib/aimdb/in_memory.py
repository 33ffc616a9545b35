from array import array
from collections import deque

from micropython import const

from .buffer import Buffer
from .errors import check_int
from .waiting import Line

# The places in `_counts` that all buffers in memory have. Each file names those that it uses.
_PRODUCED = const(0)  # Also the number of the newest value.
_CONSUMED = const(1)
_DROPPED = const(2)
_CLOSED = const(3)
_LINE = const(5)  # Here begin the counts of the readers' line; see waiting.py.
_PLACES = const(17)


class InMemory(Buffer):
    """What the buffers in memory have in common: `capacity` slots, and counts.

    The counts are in an array, so that native code changes them in an instruction each and without heap.

    Raises `TypeError` or `ValueError` when `capacity` is not an int of at least 1.
    """

    def __init__(self, capacity: int):
        check_int("capacity", capacity, 1)
        self.capacity = capacity
        self._values: deque = deque((), capacity)
        self._append = self._values.append
        self._counts = counts = array("i", bytes(4 * _PLACES))
        self._line = Line(counts, _LINE)

    def held(self) -> int:
        return len(self._values)

    def counted(self) -> "tuple[int, int, int]":
        counts = self._counts
        return counts[_PRODUCED], counts[_CONSUMED], counts[_DROPPED] + self.dropped_count

    def close(self) -> None:
        self.closed = True  # Nothing below needs heap.
        self._counts[_CLOSED] = 1
        self._line.close()
