from asyncio import core  # type: ignore[attr-defined]
from time import ticks_add

from aimdb.line import Line


class Places(Line):
    """A line whose members also wait for other things than their turn; whoever waits looks again and again.

    What becomes free goes to the one that has waited longest. IRQ safety: none; only for the asyncio thread.
    """

    def __init__(self, free: int):
        super().__init__(self, core.TaskQueue())
        self.free = free  # What may be taken at once. Above 0 only while nobody in line could take it.
        self._ticket = 0  # Of the one that came last.

    def release(self, _=None) -> None:
        """Hand one on to the first in line, or set it free.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        if not self.grant():
            self.free += 1

    returned = release  # Called when a task is cancelled that was granted one.

    def look_again(self, count: int = -1) -> None:
        """Wake the first `count` in line (-1: all) to look.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        tasks = self.tasks
        while count and tasks.peek():
            core._task_queue.push(tasks.pop())
            count -= 1

    def wait(self, ticket):
        """Await it: it returns when it is time to look. What is free then is so until the next await.

        Give it None; when it has to wait on, what it returned: with that a task keeps its place.

        Cancel safety: what the task was granted, or was woken to look at, goes to the next in line. IRQ safety: none.
        """
        # A coroutine, written as a generator so that it can yield to the scheduler.
        if ticket is None:
            self._ticket = ticket = ticks_add(self._ticket, 1)
        task = core.cur_task
        self.tasks.push(task, ticket)
        task.data = self.tasks  # Has the `remove` that Task.cancel calls.
        try:
            yield
        except BaseException:
            if self.free > 0:
                self.look_again(1)  # It may have been woken to look at just this one.
            raise
        if task.data is self:  # It was granted one.
            task.data = None
            self.free += 1
        return ticket
