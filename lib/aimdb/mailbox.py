import micropython
from micropython import const

from .bounded_queue import BoundedQueue
from .native import ptr32

_PRODUCED = const(0)
_DROPPED = const(2)
_HELD = const(5)
_OPEN = const(7)
_OVERWRITES = const(11)
_MASK = const(0x1FFFFFFF)


class Mailbox(BoundedQueue):
    """One slot, for commands. Readers compete for what is in it; a newer value overwrites one not yet read.

    A late reader gets the pending value. Producing never waits and never refuses, and what was overwritten does
    not count as dropped.
    """

    def __init__(self):
        super().__init__(1)
        self._counts[_OVERWRITES] = 1

    @micropython.viper
    def push(self, value):
        counts = ptr32(self._counts)
        if counts[_OPEN]:
            self._values.append(value)
            counts[_HELD] = 1
            counts[_PRODUCED] = (counts[_PRODUCED] & _MASK) + 1
        elif not self._store(value):
            counts[_DROPPED] += 1
