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

    def __init__(self, capacity: int):
        check_capacity(capacity)
        super().__init__()
        self.capacity = capacity
        self._values: deque = deque((), capacity)
        self._waiting = core.TaskQueue()

    # produced_count is also the sequence number of the newest value.

    def push(self, value) -> None:
        if self.closed:
            self.dropped_count += 1
            return
        self._values.append(value)
        self.produced_count = (self.produced_count & _MASK) + 1
        if self._waiting.peek():
            self.wake()

    def subscribe(self) -> "RingReader":
        return RingReader(self)

    def held(self) -> int:
        return len(self._values)


class RingReader(Reader):
    def __init__(self, buffer: SpmcRing):
        super().__init__(buffer)
        self._read = buffer.produced_count  # Sequence number of the value that was read last.

    def has_value(self) -> bool:
        return self._read != self.buffer.produced_count

    def take(self):
        buffer = self.buffer
        values = buffer._values
        behind = (buffer.produced_count - self._read) & _MASK
        missed = behind - len(values)
        if missed > 0:
            self._read += missed
            self.lagged += missed
            buffer.dropped_count += missed
            raise error(BufferLagged, missed, buffer)
        self._read = (self._read & _MASK) + 1
        buffer.consumed_count = (buffer.consumed_count & _MASK) + 1
        return values[-behind]
