from array import array
from asyncio import core  # type: ignore[attr-defined]
from collections import deque

from .buffer import Buffer, Metrics, check_capacity


def ptr32(counts):
    """`counts` itself. In native code the name is a pointer and calls nothing; compiled without, the array will do.

    Cancel safety: it does not wait. IRQ safety: any context.
    """
    return counts


class InMemory(Buffer):
    """What the buffers in memory have in common: `capacity` slots, and their counts.

    The counts are in an array, so that native code changes them in an instruction each and without heap. Only the
    asyncio thread touches them. The names of the places, which each file that uses them has as constants:

    _PRODUCED, _CONSUMED, _DROPPED  as in `metrics()`
    _CLOSED                         1 when closed
    _WAITED                         1 when a task may be in `_waiting`
    _CAPACITY

    Raises `TypeError` or `ValueError` when `capacity` is not an int of at least 1.
    """

    def __init__(self, capacity: int, *more: int):
        check_capacity(capacity)
        # Not the base class's __init__: an attribute of the instance is found several times faster, but costs heap.
        self.capacity = capacity
        self.closed = False
        self._values: deque = deque((), capacity)
        self._waiting = core.TaskQueue()
        self._counts = array("i", (0, 0, 0, 0, 0, capacity) + more)

    def held(self) -> int:
        return len(self._values)

    def metrics(self) -> Metrics:
        # What is counted outside of the array is counted by others.
        others = super().metrics()
        counts = self._counts
        return Metrics(counts[0], counts[1], counts[2] + others.dropped_count, others.occupancy)

    def close(self) -> None:
        self._counts[3] = 1
        super().close()
