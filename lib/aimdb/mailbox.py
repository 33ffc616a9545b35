from micropython import const

from .competing import Competing

_MASK = const(0x1FFFFFFF)


class Mailbox(Competing):
    """One slot, for commands. Readers compete for what is in it; a newer value overwrites one not yet read.

    A late reader gets the pending value. Producing never waits and never refuses, and what was overwritten does
    not count as dropped.
    """

    capacity = 1

    def __init__(self):
        super().__init__()
        self._full = False
        self._value = None

    def push(self, value) -> None:
        if self.closed:
            self.dropped_count += 1
            return
        self.produced_count = (self.produced_count & _MASK) + 1
        self._value = value
        if not self._full:
            self._full = True
            self._values.release()

    def _take(self):
        value = self._value
        self._value = None  # The slot must not keep alive what has been read.
        self._full = False
        return value

    def peek(self):
        return self._value

    def held(self) -> int:
        return 1 if self._full else 0
