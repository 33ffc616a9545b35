from asyncio import core  # type: ignore[attr-defined]
from collections import deque

from micropython import const

from .buffer import check_capacity
from .competing import Competing, CompetingReader
from .errors import BufferClosed, BufferFull, SelfDeadlock, error
from .line import Line, Turn

_MASK = const(0x1FFFFFFF)
_SEVERAL = const(1)  # In place of a task: more than one has read.


class BoundedQueue(Competing):
    """Up to `capacity` values in order, none of which is ever overwritten. Readers compete for them.

    When it is full `produce` drops the value and counts it, `try_produce` raises `BufferFull`, and `produce_async`
    waits for a slot, first come, first served. A task that would wait for ever, because nobody else has read the
    queue so far and no other reader is attached, gets `SelfDeadlock` instead.

    Raises `TypeError` or `ValueError` when `capacity` is not an int of at least 1.
    """

    def __init__(self, capacity: int):
        check_capacity(capacity)
        super().__init__()
        self.capacity = capacity
        self._items: deque = deque((), capacity)
        self._slots = Line(capacity)
        self._readers = 0  # Readers attached and not closed.
        self._read_by = None  # The only task that has read so far, or None, or _SEVERAL.

    def push(self, value) -> None:
        if self._slots.free > 0 and not self.closed:
            self._slots.free -= 1
            self._store(value)
        else:
            self.dropped_count += 1

    def try_push(self, value) -> None:
        if self._slots.free > 0 and not self.closed:
            self._slots.free -= 1
            self._store(value)
        else:
            raise error(BufferClosed if self.closed else BufferFull, value, self)

    async def push_async(self, value) -> None:
        turn = Turn(self._slots, self)
        await turn
        if not turn.granted or self.closed:
            raise (BufferClosed if self.closed else SelfDeadlock)(value, self)
        self._store(value)

    def _store(self, value):
        self._items.append(value)
        self.produced_count = (self.produced_count & _MASK) + 1
        self._values.release()

    def _take(self):
        if self._read_by is not core.cur_task:
            self._read_by = _SEVERAL if self._read_by else core.cur_task
        value = self._items.popleft()
        self._slots.release()
        return value

    def hopeless(self) -> bool:
        # Asked by a producer's turn before it waits for a slot.
        return self.closed or (self._readers < 2 and self._read_by is core.cur_task)

    def subscribe(self) -> "QueueReader":
        self._readers += 1
        return QueueReader(self)

    def peek(self):
        return self._items[0] if self._items else None

    def held(self) -> int:
        return len(self._items)

    def close(self) -> None:
        super().close()
        self._slots.look_again()


class QueueReader(CompetingReader):
    def close(self) -> None:
        if not self.closed:
            self.buffer._readers -= 1
            super().close()
            self.buffer._slots.look_again()  # A producer may now be the only task left to read.
