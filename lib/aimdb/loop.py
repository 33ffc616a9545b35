"""What else the loop does for tasks: it ends their waits in time, wakes some of them, and tells of them.

Only this module, waiting.py, polling.py, doorbell.py and watching.py name asyncio's private parts. They are five to
save RAM: many programs set no time limits and close no readers, and never load this one.

    core._task_queue, core.TaskQueue, core.Task, core.cur_task, task.data
                             see waiting.py
    task.ph_key              when the task was or is due

IRQ safety: none of it; only for the asyncio thread.
"""

from asyncio import core  # type: ignore[attr-defined]
from time import ticks_add, ticks_ms

import micropython
from micropython import const

# Milliseconds, 3 days. A longer wait is made of two. Compared with the time of an overdue task, a time that is further
# away would look like one that has passed.
_FAR = const(0x10000000)
_ASKED = const(1)  # In the counts of a line.


class Timed:
    """Has the loop call `self.due()` when a time has come. When it is stopped, nothing of it is left in the loop."""

    def __init__(self):
        self._entry = core.Task(self)
        self._loop = None  # Where the entry is.
        self._rest = 0  # Milliseconds that are left when the loop calls.

    @micropython.native
    def begin(self, milliseconds: int):
        """Be due in so many milliseconds, at most 2**29 - 1."""
        self._rest = milliseconds - _FAR
        self._loop = loop = core._task_queue
        loop.push(self._entry, ticks_add(ticks_ms(), milliseconds if milliseconds < _FAR else _FAR))

    def go_on(self):
        """In the loop where it was stopped, be due when it was."""
        self._loop = core._task_queue
        self._loop.push(self._entry, self._entry.ph_key)

    @micropython.native
    def stop(self):
        """Take it out of the loop, which then does not call."""
        loop = self._loop
        if loop is not None:
            self._loop = None
            loop.remove(self._entry)  # Taken out of another loop's queue, it would bring its neighbours along.

    def send(self, _):
        """Called by the loop."""
        self._loop = None
        if self._rest > 0:
            self.begin(self._rest)
        else:
            self.due()


def stop_when_woken(line, kind):
    """From now on, a task that `line` wakes has its owner stopped, if that is one of this kind."""
    wake_first = line.wake_first

    @micropython.native
    def wake(data):
        owner = line.tasks.peek().data
        if type(owner) is kind:
            owner.stop()
        wake_first(data)  # At last, with no jump behind it.

    line.wake_first = wake


def resume(task, error=None):
    """Have a task that is in no queue run on, with `error` thrown in, if there is one."""
    core._task_queue.push(task)
    task.data = error


def waits_for(task, owner) -> bool:
    """Whether the task waits, parked with this owner; or, if that is a line, one is kept in it for the task."""
    return task.data is owner


def wake_some(line, chosen):
    """Wake the tasks in the line for which `chosen(task, owner)` is true; the others keep their places.

    Needs no heap.
    """
    tasks = line.tasks
    task = tasks.peek()
    first = None  # Of the others, which go round once. Ctrl-C loses none of them.
    while task is not first:
        owner = task.data
        if chosen(task, owner):
            line.loop.push(tasks.pop())
            line._counts[_ASKED] = tasks.peek() is not None
        else:
            tasks.push(tasks.pop(), 0)
            task.data = owner
            if first is None:
                first = task
        task = tasks.peek()


def time_out(task, error) -> bool:
    """Throw `error` (a class) into a task where it waits. False: it has been cancelled already and has yet to run."""
    while isinstance(task.data, core.Task):
        task = task.data  # The innermost task is the one at a wait point, as for Task.cancel.
    if task.data is core.CancelledError or task.data is error:
        return False
    task.cancel()
    task.data = error
    return True
