from micropython import const

from .buffer import Buffer, Reader

_MASK = const(0x1FFFFFFF)


class SingleLatest(Buffer):
    """The newest value only, for state and settings. Every reader sees the newest, once.

    A late reader gets the current value. Producing overwrites; it never waits and never refuses, and what was
    overwritten does not count as dropped.
    """

    # produced_count is also the version of the value, 0 for none yet; a reader's cursor is the version it read last.

    capacity = 1

    def __init__(self):
        super().__init__()
        self._value = None

    def push(self, value) -> None:
        if self.closed:
            self.dropped_count += 1
            return
        self._value = value
        self.produced_count = (self.produced_count & _MASK) + 1
        line = self._line
        if line and line.tasks.peek():
            line.look_again()

    def has_value(self, reader: Reader) -> bool:
        return reader.cursor != self.produced_count

    def take(self, reader: Reader):
        reader.cursor = self.produced_count
        return self._value

    def peek(self):
        return self._value

    def held(self) -> int:
        return 1 if self.produced_count else 0
