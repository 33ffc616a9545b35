"""Waiting and waking, in the words of this library.

Only this module names the private parts of asyncio:

    core.cur_task            the task that runs now, or None; `asyncio.current_task()` raises instead
    core._task_queue         what the loop runs next, by time; `asyncio.new_event_loop()` makes another one
    core.TaskQueue           a queue of tasks that pushes and pops without heap; with equal keys, first in, first out
    core._io_queue           what the loop polls: its `map` has [reader, writer, stream] by the stream's id
    core.run_until_complete  runs the loop; `asyncio.run` calls it
    task.ph_key              when a task was or is due

Others use two of its parts besides:

    Task(thing)              makes of any object with `send` an entry for the loop's queue
    task.data                what a task waits for: `Task.cancel` calls its `remove(task)`. When the loop runs a task,
                             it throws the data into it, unless that is false. Of a task that has ended, what it has
                             raised, or `StopIteration`

docs/states.md has the states of a task and the counts of a line in tables.

IRQ safety: none; only for the asyncio thread.
"""

from array import array
from asyncio import core  # type: ignore[attr-defined]

import micropython
from micropython import const

from . import kept

_BOARD = const(1)
if not _BOARD:  # So that the board's compiler knows the constant, and stores nothing.
    TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any

# The counts of a line.
_FREE = const(0)  # How many are there for whoever comes.
_ASKED = const(1)  # How many tasks wait.
_KEPT = const(2)  # How many are kept for tasks that were woken and have not run yet.
_CLOSED = const(3)  # 1: nobody parks any more.
_WATCHED = const(4)  # 1: a `Complaint` looks after the tasks that wait in this loop.
_PLACES = const(5)


def ptr32(counts):
    """`counts` itself, for bytecode. In native code `ptr32` is a pointer, and no function.

    Native code runs `counts[i] = counts[i] + 1` in a third of the time of `counts[i] += 1`.
    """
    return counts


class Line(tuple):
    """Where tasks wait, first come, first served: each for one of something, as at a fair semaphore, or all for the
    same wake-up.

        while line.park(owner):
            yield
        # Now one is free for this task, until its next yield; or the line is closed.
        counts[0] -= 1  # To take it, if the line is open.

    `counts`: an array of 5 ints, or a memoryview of one: free, asked, kept, closed, watched (docs/states.md). Native
    code of the line's owner changes them without a call. None: the line makes its own, in which none is free.

    Cancel safety: what is kept for a task that is cancelled goes to the next. Tasks of a loop that was left
    (`asyncio.new_event_loop`) are never woken, and what was kept for them is free.
    """

    # An empty tuple, because the loop throws data that is true into its task.

    taken_by: "Any" = None  # The only task that has taken one. None: no task has. The line itself: several have.

    def __init__(self, counts=None):
        super().__init__()
        self._counts: "Any" = counts or array("i", bytes(4 * _PLACES))
        self.loop: "Any" = None  # The loop in which tasks last waited.
        self.tasks = core.TaskQueue()  # The tasks that wait, from the first one on.

    def renew(self):
        """In a new loop, begin anew: nobody waits in it yet, and what was kept in the old one is free. No heap."""
        if self.loop is core._task_queue:
            return
        counts = self._counts
        if counts[_KEPT]:
            # The tasks for which they are kept are in the old loop's queue, and nobody runs that.
            while self.loop.peek():
                task = self.loop.pop()
                if isinstance(task.data, Line):
                    task.data = self.tasks  # If it is cancelled, nothing is kept for it.
        counts[_FREE] += counts[_KEPT]
        counts[_ASKED] = counts[_KEPT] = counts[_WATCHED] = 0
        while self.tasks.peek():
            task = self.tasks.pop()
            task.data = self.tasks  # It is in no line: `Task.cancel` has nothing to take it out of.
        if self.taken_by is not None:
            self.taken_by = None
        self.loop = core._task_queue

    @micropython.viper
    def park(self, owner) -> bool:
        """Put the running task into the line, and it must `yield` next; or return False: it need not wait.

        When the task is cancelled while it waits, `owner.remove(task)` is called, which must call `forget(task)`.
        """
        counts = ptr32(self._counts)
        if counts[_KEPT]:
            task = core.cur_task
            if task.data is self:
                task.data = None
                counts[_KEPT] = counts[_KEPT] - 1
                counts[_FREE] = counts[_FREE] + 1
        if counts[_FREE] or counts[_CLOSED]:
            return False
        asyncio = core
        if self.loop is not asyncio._task_queue:
            self.renew()
            if counts[_FREE]:
                return False
        task = asyncio.cur_task
        if counts[_ASKED] and task.data is owner:  # It waits: its coroutine is iterated over, and not awaited.
            self.forget(task)
            return False
        counts[_ASKED] = counts[_ASKED] + 1
        self.tasks.push(task, 0)
        task.data = owner
        return True

    @micropython.viper
    def wake_first(self, data):
        """Wake the task that has waited longest. Call it only when a task waits.

        `data`: this line, when one that is free is to be kept for the task, else None. A caller may count as free only
        after this call what it gives, if no jump is in between: then Ctrl-C comes before all of it or after all of it.
        """
        counts = ptr32(self._counts)
        task = self.tasks.pop()
        self.loop.push(task)  # When this loop was left, nobody runs it.
        task.data = data
        granted = int(data is self)
        counts[_FREE] = counts[_FREE] - granted
        counts[_KEPT] = counts[_KEPT] + granted
        counts[_ASKED] = counts[_ASKED] - 1

    def share(self):
        """Wake who waits for as many as are free, and keep them for those tasks."""
        counts = self._counts
        while counts[_FREE] and counts[_ASKED]:
            self.wake_first(self)

    def give(self):
        """Add one: it is kept for the first that waits, or free."""
        self._counts[_FREE] += 1
        self.share()

    def lend(self):
        """Leave what is free to the running task, though others wait. When its step ends, they get what is left."""
        try:
            kept("lending").prepare(self)  # It puts another `lend` in place of this one.
        except MemoryError:
            self.share()
            raise
        self.lend()

    def note(self):
        """Note that the running task takes one."""
        task = core.cur_task
        if self.taken_by is not task:
            self.renew()
            self.taken_by = task if self.taken_by is None else self

    def remove(self, task):
        """Called by `Task.cancel` on a task for which one is kept: the next gets it."""
        self.loop.remove(task)  # By the loop that has it: another one would take in its neighbours.
        if self._counts[_KEPT]:  # Else its loop was left, and what was kept for it is free already.
            self._counts[_KEPT] -= 1
            self.give()

    def forget(self, task):
        """Take a task out of the line."""
        self.tasks.remove(task)
        task.data = None
        self._counts[_ASKED] -= 1

    def close(self):
        """Wake all tasks, and let nobody park any more."""
        self.wake_all()
        self._counts[_CLOSED] = 1  # No jump from here on, for the buffer to be closed as well or not at all.

    def wake_all(self):
        """Wake all tasks, in order."""
        while self._counts[_ASKED]:
            self.wake_first(None)


def current():
    """The task that runs now, or None."""
    return core.cur_task


def current_loop():
    """The loop that runs now; `asyncio.new_event_loop()` makes a new one. To it entries are pushed."""
    return core._task_queue


def due(entry):
    """When the loop was or is to run a task or another entry, in ticks."""
    return entry.ph_key


def polled():
    """The streams at which the loop looks."""
    return core._io_queue


def run_as(entry):
    """From now on, the step is the entry's, and not that of the task that ran last."""
    core.cur_task = entry


def surround_runs(surround):
    """From now on, the loop is run by `surround(run)`, where `run(main_task)` has run it before."""
    core.run_until_complete = surround(core.run_until_complete)
