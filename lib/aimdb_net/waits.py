"""Small things that several modules share."""

import sys
from asyncio import TimeoutError

from aimdb.timing import timed
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

    async def rest(self, milliseconds: int) -> None:
        """Wait so long at most."""
        try:
            await timed(self.wait(), milliseconds)
        except TimeoutError:
            pass


def tell(count: int, text: str, *values) -> None:
    """Say on stderr what has happened `count` times by now: the 1st time, and then the 2nd, 4th, 8th …"""
    if not count & (count - 1):
        try:
            print("aimdb: %s; %d in all" % (text % values, count), file=sys.stderr)
        except Exception:  # There is no memory; or a value or error of the user's raises when it is shown.
            pass


def drop(buffer) -> None:
    """Count, in its metrics, a value that a record or its link has lost."""
    buffer.dropped_count = (buffer.dropped_count & _MASK) + 1
