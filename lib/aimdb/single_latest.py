from asyncio import core  # type: ignore[attr-defined]

from micropython import const

from .buffer import Buffer, Reader

_MASK = const(0x1FFFFFFF)


class SingleLatest(Buffer):
    """The newest value only, for state and settings. Every reader sees the newest, once.

    A late reader gets the current value. Producing overwrites; it never waits and never refuses, and what was
    overwritten does not count as dropped.
    """

    capacity = 1

    def __init__(self):
        super().__init__()
        self._value = None
        self._waiting = core.TaskQueue()

    # produced_count is also the version of the value; 0: there is none yet.

    def push(self, value) -> None:
        if self.closed:
            self.dropped_count += 1
            return
        self._value = value
        self.produced_count = (self.produced_count & _MASK) + 1
        if self._waiting.peek():
            self.wake()

    def subscribe(self) -> "LatestReader":
        return LatestReader(self)

    def peek(self):
        return self._value

    def held(self) -> int:
        return 1 if self.produced_count else 0


class LatestReader(Reader):
    _seen = 0  # Version of the value that was read last.

    def has_value(self) -> bool:
        return self._seen != self.buffer.produced_count

    def take(self):
        buffer = self.buffer
        self._seen = buffer.produced_count
        buffer.consumed_count = (buffer.consumed_count & _MASK) + 1
        return buffer._value
