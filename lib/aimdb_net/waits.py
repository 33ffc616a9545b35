from asyncio import TimeoutError

from aimdb.timing import timed
from aimdb.waiting import Line


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
