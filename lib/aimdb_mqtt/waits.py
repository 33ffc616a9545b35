import sys

from aimdb.waiting import Line
from micropython import const

_MASK = const(0x1FFFFFFF)


class Waits(Line):
    """A line that can be awaited: until somebody wakes it. Look again then.

    Cancel safety: nothing is lost. IRQ safety: none.
    """

    def wait(self):
        """Await it."""
        self.park(self)
        yield

    def remove(self, task) -> None:
        """Called by `Task.cancel` on a task that waits."""
        self.forget(task)


def tell(text: str, count: int) -> None:
    """Say on stderr what has happened `count` times by now: the 1st time, and then the 2nd, 4th, 8th …"""
    if not count & (count - 1):
        print("%s; %d in all" % (text, count), file=sys.stderr)


def drop(buffer) -> None:
    """Count, in its metrics, a value that a record or its link has lost."""
    buffer.dropped_count = (buffer.dropped_count & _MASK) + 1
