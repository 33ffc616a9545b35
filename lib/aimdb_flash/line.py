from asyncio import core  # type: ignore[attr-defined]
from time import ticks_add

from micropython import const

TYPE_CHECKING = const(0)  # For editors only: what is below it costs the board nothing.
if TYPE_CHECKING:
    from collections.abc import Generator

_done = StopIteration()


class Line:
    """Where tasks wait. What becomes free goes to the one that has waited longest: a fair semaphore.

    IRQ safety: none; only for the asyncio thread.
    """

    def __init__(self, free: int = 0):
        # What may be taken at once. Above 0 only while nobody in line could take it.
        self.free = free
        self.tasks = core.TaskQueue()  # The tasks in line, by ticket.
        self._ticket = 0

    def release(self) -> None:
        """Hand one on to the first in line, or set it free.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        task = self.tasks.peek()
        if task:
            task.data.granted = True
            core._task_queue.push(self.tasks.pop())
        else:
            self.free += 1

    def look_again(self, most: int = -1) -> None:
        """Wake the first `most` in line (-1: all) to look again; who is not settled keeps its place.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        tasks = self.tasks
        while most and tasks.peek():
            core._task_queue.push(tasks.pop())
            most -= 1


class Turn:
    """A task's place in a line. Await it, and then look: what one waited for is there, or it is no use to wait.

    `settled()` says that waiting is over. What was free at the end of the wait is so until the next await.

    Cancel safety: a turn that had been granted one hands it on to the next in line.
    """

    if TYPE_CHECKING:

        def __await__(self) -> Generator[None, None, None]: ...

    def __init__(self, line: Line, settled):
        self._line = line
        self._settled = settled
        self.granted = False  # Set by the line while the task waits: one is kept for it.
        self.takes = True  # Whether the caller takes it; else the next in line must not sleep on.
        self.ticket = None  # Not None while a task uses this turn.

    def __iter__(self):
        return self

    def __next__(self):
        line = self._line
        if self.granted:
            self.granted = False
            line.free += 1
            if not self.takes:
                line.look_again(1)
        elif not self._settled():
            task = core.cur_task
            if self.ticket is None:
                self.ticket = line._ticket = ticks_add(line._ticket, 1)
            line.tasks.push(task, self.ticket)
            task.data = self
            return
        self.ticket = None
        _done.__traceback__ = None
        raise _done

    def throw(self, error, *_):
        # Called in place of __next__ when the task is cancelled at this wait point.
        self.ticket = None
        if self.granted:
            self.granted = False
            self._line.release()
        elif self._line.free > 0:
            self._line.look_again(1)  # It may have been woken to look at just this one.
        raise error

    def remove(self, task):
        # Called by Task.cancel while the task is in line.
        self._line.tasks.remove(task)
