"""Small things that several modules share."""

import sys
from asyncio import TimeoutError

from aimdb.timing import timed
from aimdb.waiting import Line
from micropython import const

_MASK = const(0x1FFFFFFF)

# So often a value is tried for which there is no memory, by default with a second or more in between. Then it counts as
# one that cannot be used, as there may never be enough.
HUNGRY_ATTEMPTS = 10


class Waits(Line):
    """Where tasks wait until somebody wakes them all, to look again.

    Cancel safety: nothing is lost. IRQ safety: none.
    """

    remove = Line.forget  # Called by `Task.cancel` on a task that waits.

    def wait(self):
        """Await it."""
        self.park(self)
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
            try:
                text = text % values
            except MemoryError:
                raise
            except Exception:  # A value has no words for itself.
                text = text % tuple([each if isinstance(each, (str, int)) else type(each) for each in values])
            print("aimdb: %s; %d in all" % (text, count), file=sys.stderr)
        except MemoryError:
            pass


def drop(buffer) -> None:
    """Count, in its metrics, a value that a record or its link has lost."""
    buffer.dropped_count = (buffer.dropped_count & _MASK) + 1
