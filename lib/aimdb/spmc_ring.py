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

    # produced_count is also the number of the newest value, and a reader's cursor that of the value it read last.

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
        line = self._line
        if line and line.tasks.peek():
            line.look_again()

    def subscribe(self) -> Reader:
        reader = Reader(self)
        reader.cursor = self.produced_count
        return reader

    def has_value(self, reader: Reader) -> bool:
        return reader.cursor != self.produced_count

    def take(self, reader: Reader):
        values = self._values
        behind = (self.produced_count - reader.cursor) & _MASK
        missed = behind - len(values)
        if missed > 0:
            reader.cursor += missed
            reader.lagged += missed
            self.dropped_count += missed
            raise error(BufferLagged, missed, self)
        reader.cursor = (reader.cursor & _MASK) + 1
        return values[-behind]

    def held(self) -> int:
        return len(self._values)
