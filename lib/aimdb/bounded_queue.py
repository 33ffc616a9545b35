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
        line = self._line
        if line.tasks.peek():
            line.release()
        else:
            line.free += 1

    def subscribe(self) -> "QueueReader":
        self._readers += 1
        return QueueReader(self)

    def peek(self):
        return self._items[0] if self._items else None

    def held(self) -> int:
        return len(self._items)

    def wake(self) -> None:
        self._line.look_again()

    def close(self) -> None:
        super().close()
        self._slots.look_again()


class QueueReader(Reader):
    def __init__(self, buffer: BoundedQueue):
        super().__init__(buffer)
        self._turn = Turn(buffer._line, self._settled)

    def has_value(self) -> bool:
        return self.buffer._line.free > 0

    def try_recv(self):
        buffer = self.buffer
        if self.closed or buffer._line.free <= 0:
            self._nothing()
        buffer._line.free -= 1
        if buffer._read_by is not core.cur_task:
            buffer._read_by = core.cur_task if buffer._read_by is None else False
        value = buffer._items.popleft()
        buffer.consumed_count = (buffer.consumed_count & _MASK) + 1
        slots = buffer._slots
        if slots.tasks.peek():
            slots.release()
        else:
            slots.free += 1
        return value

    def _settled(self):
        return self.buffer._line.free > 0 or self.closed or self.buffer.closed

    def _wait(self, takes):
        turn = self._turn
        if turn.ticket is not None:
            turn = Turn(self.buffer._line, self._settled)  # Another task waits on this reader as well.
        turn.takes = takes
        return turn

    def ready(self):
        return self._wait(False)

    async def recv(self, timeout_ms: "int | None" = None):
        if timeout_ms is not None:
            return await self._recv_within(timeout_ms)
        if self.buffer._line.free <= 0 or self.closed:
            await self._wait(True)
            if self.closed:
                self.buffer.wake()  # What was kept for this reader goes to the others.
        return self.try_recv()

    def close(self) -> None:
        if not self.closed:
            super().close()
            self.buffer._readers -= 1
            self.buffer._slots.look_again()  # A producer may now be the only task left to read.
