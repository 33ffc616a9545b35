from micropython import const

from .bounded_queue import BoundedQueue
from .buffer import Buffer

_MASK = const(0x1FFFFFFF)


class Mailbox(BoundedQueue):
    """One slot, for commands. Readers compete for what is in it; a newer value overwrites one not yet read.

    A late reader gets the pending value. Producing never waits and never refuses, and what was overwritten does
    not count as dropped.
    """

    def __init__(self):
        super().__init__(1)

    def push(self, value) -> None:
        if self.closed:
            self.dropped_count += 1
        elif self._items:
            self._items.append(value)
            self.produced_count = (self.produced_count & _MASK) + 1
        else:
            self._store(value)

    try_push = Buffer.try_push
    push_async = Buffer.push_async
