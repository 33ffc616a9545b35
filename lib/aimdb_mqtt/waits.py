import sys

from aimdb.waiting import semaphore
from micropython import const

_MASK = const(0x1FFFFFFF)


class Waits:
    """Where tasks wait until somebody wakes them all, to look again.

    Cancel safety: nothing is lost. IRQ safety: none.
    """

    def __init__(self):
        self._line = line = semaphore()
        self.wake_all = line.wake_all
        self.remove = line.forget  # Called by `Task.cancel` on a task that waits.

    def wait(self):
        """Await it."""
        self._line.park(self)
        yield


def tell(text: str, count: int) -> None:
    """Say on stderr what has happened `count` times by now: the 1st time, and then the 2nd, 4th, 8th …"""
    if not count & (count - 1):
        print("%s; %d in all" % (text, count), file=sys.stderr)


def drop(buffer) -> None:
    """Count, in its metrics, a value that a record or its link has lost."""
    buffer.dropped_count = (buffer.dropped_count & _MASK) + 1
