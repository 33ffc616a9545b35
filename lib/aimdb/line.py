from asyncio import core  # type: ignore[attr-defined]
from time import ticks_add

from micropython import const

TYPE_CHECKING = const(0)  # For editors only: what is below it costs the board nothing.
if TYPE_CHECKING:
    from collections.abc import Generator

_done = StopIteration()


class Line:
    """First come, first served: what becomes free goes to the task that has waited longest.

    A fair semaphore. The queue in memory has one for its slots and one for its values.

    IRQ safety: none; only for the asyncio thread.
    """

    def __init__(self, free: int):
        # What a newcomer may take at once. Above 0 only when nobody in line could take it.
        self.free = free
        self._tasks = core.TaskQueue()  # The tasks in line, by ticket.
        self._ticket = 0

    def release(self) -> None:
        """Hand one on to the first in line, or set it free."""
        task = self._tasks.peek()
        if task:
            task.data.granted = True
            core._task_queue.push(self._tasks.pop())
        else:
            self.free += 1

    def look_again(self, most: int = -1) -> None:
        """Wake the first `most` in line (-1: all) to look again; who finds nothing keeps its place."""
        while most and self._tasks.peek():
            core._task_queue.push(self._tasks.pop())
            most -= 1

    def _park(self, turn):
        task = core.cur_task
        if turn.ticket is None:
            turn.ticket = self._ticket = ticks_add(self._ticket, 1)
        self._tasks.push(task, turn.ticket)
        task.data = turn


class Turn:
    """One task's place in a line: await it, then look at `granted`.

    `granted` is True when one is now the caller's, who sets it back to False on using it or handing it on. It is
    False when there is no point in waiting, which `owner.hopeless()` says. With `keep` False the turn only waits
    until one is free and leaves it there.

    Cancel safety: a cancelled turn that had been granted one hands it on to the next in line.
    """

    if TYPE_CHECKING:

        def __await__(self) -> Generator[None, None, None]: ...

    def __init__(self, line: Line, owner):
        self._line = line
        self._owner = owner
        self.keep = True
        self.granted = False  # Set by the line while the task waits.
        self.ticket = None  # Not None while a task uses this turn.

    def __iter__(self):
        return self

    def __next__(self):
        line = self._line
        if not self.granted:
            if line.free > 0:
                line.free -= 1
                self.granted = True
            elif not self._owner.hopeless():
                line._park(self)
                return
        self.ticket = None
        if self.granted and not self.keep:
            self.granted = False
            line.free += 1
            line.look_again(1)  # The caller may leave it: then the next in line must not sleep on.
        _done.__traceback__ = None
        raise _done

    def throw(self, error, *_):
        # Called in place of __next__ when the task is cancelled at this wait point.
        self.ticket = None
        if self.granted:
            self.granted = False
            self._line.release()
        raise error

    def remove(self, task):
        # Called by Task.cancel while the task is in line.
        self._line._tasks.remove(task)
