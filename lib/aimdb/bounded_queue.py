from asyncio import core  # type: ignore[attr-defined]
from collections import deque

from micropython import const

from .buffer import Buffer, Reader, check_capacity
from .errors import BufferClosed, BufferFull, SelfDeadlock, error
from .line import Line, Turn

_MASK = const(0x1FFFFFFF)


class BoundedQueue(Buffer):
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
        self._line = Line()  # Of the readers, with the values that are not kept for one of them.
        self._slots = Line(capacity)  # Of the producers.
        self._readers = 0  # Attached and not closed.
        self._read_by = None  # The only task that has read so far; None: no task has; False: several have.

    def push(self, value) -> None:
        if self._slots.free > 0 and not self.closed:
            self._store(value)
        else:
            self.dropped_count += 1

    def try_push(self, value) -> None:
        if self._slots.free > 0 and not self.closed:
            self._store(value)
        else:
            raise error(BufferClosed if self.closed else BufferFull, value, self)

    async def push_async(self, value) -> None:
        if self._slots.free <= 0 or self.closed:
            await Turn(self._slots, self._settled)
            if self.closed:
                raise BufferClosed(value, self)
            if self._slots.free <= 0:
                raise SelfDeadlock(value, self)
        self._store(value)

    def _settled(self):
        return self._slots.free > 0 or self.closed or (self._readers < 2 and self._read_by is core.cur_task)

    def _store(self, value):
        self._slots.free -= 1
        self._items.append(value)
        self.produced_count = (self.produced_count & _MASK) + 1
        self._line.release()

    def has_value(self, reader: Reader) -> bool:
        return self._line.free > 0

    def take(self, reader: Reader):
        if self._read_by is not core.cur_task:
            self._read_by = core.cur_task if self._read_by is None else False
        self._line.free -= 1
        value = self._items.popleft()
        self._slots.release()
        return value

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


class QueueReader(Reader):
    def close(self) -> None:
        if not self.closed:
            super().close()
            self.buffer._readers -= 1
            self.buffer._slots.look_again()  # A producer may now be the only task left to read.
