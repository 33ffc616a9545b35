from array import array
from asyncio import core  # type: ignore[attr-defined]
from collections import deque

import micropython
from micropython import const

from .buffer import Buffer, Metrics, check_capacity
from .errors import BufferClosed, BufferFull, error

# The places in `_counts`, of which each file that uses them has its own.
_PRODUCED = const(0)
_CONSUMED = const(1)
_DROPPED = const(2)
_CLOSED = const(3)
_CAPACITY = const(4)
_HELD = const(5)
_ROOM = const(6)  # A push is refused when so many are held: the slots that are for everybody; 0 when closed.
# Who is in `_waiting`. 0: nobody. 1: perhaps a task. 3: perhaps several. 2: they were woken, and may not have looked.
# From _COMPETE on readers compete. 4: nobody waits. 5: perhaps somebody.
_WAITED = const(7)
_COMPETE = const(4)
_KEPT = const(8)  # Of the values held, when readers compete: kept for those who waited.
_MASK = const(0x1FFFFFFF)


def ptr32(counts):
    """`counts` itself. In native code the name is a pointer and calls nothing; compiled without, the array will do.

    Cancel safety: it does not wait. IRQ safety: any context.
    """
    return counts


class InMemory(Buffer):
    """What the buffers in memory have in common: `capacity` slots, and counts.

    The counts are in an array, so that native code changes them in an instruction each and without heap. Only the
    asyncio thread touches them.

    Raises `TypeError` or `ValueError` when `capacity` is not an int of at least 1.
    """

    _places = 8  # Of the counts.
    _room = 1  # Beyond the capacity: a new value overwrites the oldest one.

    def __init__(self, capacity: int):
        check_capacity(capacity)
        # Not the base class's __init__: an attribute of the instance is found several times faster, but costs heap.
        self.capacity = capacity
        self.closed = False
        self._values: deque = deque((), capacity)
        self._append = self._values.append
        self._waiting = core.TaskQueue()
        self._counts = counts = array("i", bytes(4 * self._places))
        counts[_CAPACITY] = capacity
        counts[_ROOM] = capacity + self._room

    @micropython.viper
    def push(self, value):
        counts = ptr32(self._counts)
        held = counts[_HELD]
        if held >= counts[_ROOM]:
            counts[_DROPPED] = (counts[_DROPPED] & _MASK) + 1
            return
        self._append(value)
        if held < counts[_CAPACITY]:  # Else the new value has overwritten the oldest one.
            counts[_HELD] = held + 1
        counts[_PRODUCED] = (counts[_PRODUCED] & _MASK) + 1
        waited = counts[_WAITED]
        if waited & 1:
            waiting = self._waiting
            if waited > _COMPETE:
                if not waiting.peek():
                    counts[_WAITED] = _COMPETE
                elif counts[_KEPT] < counts[_HELD]:
                    # As self._line.grant(), without the call.
                    counts[_KEPT] += 1
                    task = waiting.pop()
                    core._task_queue.push(task)
                    task.data = self._line
                return
            counts[_WAITED] = 2
            while waiting.peek():
                core._task_queue.push(waiting.pop())
                if waited == 1:
                    return

    def try_push(self, value) -> None:
        counts = self._counts
        if counts[_HELD] >= counts[_ROOM]:
            raise error(BufferClosed if self.closed else BufferFull, value, self)
        self.push(value)

    def held(self) -> int:
        return len(self._values)

    def metrics(self) -> Metrics:
        # What is counted outside of the array is counted by others.
        others = super().metrics()
        counts = self._counts
        return Metrics(counts[_PRODUCED], counts[_CONSUMED], counts[_DROPPED] + others.dropped_count, others.occupancy)

    def close(self) -> None:
        self._counts[_CLOSED] = 1
        self._counts[_ROOM] = 0
        super().close()
