from asyncio import core  # type: ignore[attr-defined]
from collections import deque

from micropython import const

from .buffer import Buffer, Reader, check_capacity
from .errors import BufferLagged, error

_MASK = const(0x1FFFFFFF)


class SpmcRing(Buffer):
    """The last `capacity` values. Every reader sees every value, at its own pace.

    A reader that falls behind gets `BufferLagged(count)` once and goes on with the oldest value still held; a late
    reader sees only what is produced after it subscribed. Producing never waits and never refuses.

    Raises `TypeError` or `ValueError` when `capacity` is not an int of at least 1.
    """

    # produced_count is also the number of the newest value.

    def __init__(self, capacity: int):
        check_capacity(capacity)
        super().__init__()
        self.capacity = capacity
        self._values: deque = deque((), capacity)

    def push(self, value) -> None:
        if self.closed:
            self.dropped_count += 1
            return
        self._values.append(value)
        self.produced_count = (self.produced_count & _MASK) + 1
        # As wake() does, without the call.
        waiting = self._waiting
        while waiting.peek():
            core._task_queue.push(waiting.pop())

    def subscribe(self) -> "RingReader":
        return RingReader(self, self.produced_count)

    def _missed(self, reader, count):
        # So many values were overwritten before this reader read them.
        reader.lagged += count
        self.dropped_count += count
        raise error(BufferLagged, count, self)

    def held(self) -> int:
        return len(self._values)


class RingReader(Reader):
    def __init__(self, buffer: SpmcRing, cursor: int):
        super().__init__(buffer)
        self.cursor = cursor  # Number of the value that was read last.

    def has_value(self) -> bool:
        return self.cursor != self.buffer.produced_count

    def try_recv(self):
        buffer = self.buffer
        behind = (buffer.produced_count - self.cursor) & _MASK
        if not behind or self.closed:
            self._nothing()
        missed = behind - buffer.capacity  # Of which as many are held as there is room for.
        if missed > 0:
            self.cursor += missed
            behind -= missed
            buffer._missed(self, missed)
        self.cursor = (self.cursor & _MASK) + 1
        buffer.consumed_count = (buffer.consumed_count & _MASK) + 1
        return buffer._values[-behind]
