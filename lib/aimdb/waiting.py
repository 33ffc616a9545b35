"""Waiting and waking, in the words of this library. Only this module and loop.py name asyncio's private parts.

    core.cur_task        the task that runs now, or None; `asyncio.current_task()` raises instead
    core._task_queue     what the loop runs next, by time; `asyncio.new_event_loop()` makes another one
    core.TaskQueue       a heap of tasks that pushes and pops without allocating; with equal keys, first in, first out
    core.Task            around any object with `send`: an entry for that queue that is no coroutine
    core._io_queue       what the loop polls: [task that waits to read, task that waits to write, stream] by id(stream)
    core.run_until_complete   what runs the loop, also for `asyncio.run`
    task.data            what a task waits for: `Task.cancel` calls its `remove(task)`. A task on the loop's own queue
                         runs on when its data is false; else the data is thrown into it

IRQ safety: none of it; only for the asyncio thread.
"""

from array import array
from asyncio import core  # type: ignore[attr-defined]

import micropython
from micropython import const

_BOARD = const(1)
if not _BOARD:  # So that the board's compiler knows the constant, and stores nothing.
    TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any

# Of a line's counts, from its place on.
_FREE = const(0)  # What is there for whoever comes.
_ASKED = const(1)  # 1: somebody waits, so that nothing is free but what is lent.
_KEPT = const(2)  # What is kept for tasks that were woken and have not run yet.
_LENT = const(3)  # Bit 0: one of the free is lent to a task for its step. Bit 1: `send` will be called.
_NOTE = const(4)  # 1: call `note` when one is taken. 2: it is the task that parked last, which is noted. 0: no more.
_CLOSED = const(5)  # 1: nobody waits any more.


def ptr32(counts):
    """`counts` itself. In native code the name is a pointer and calls nothing; as bytecode the array will do."""
    return counts


class Line(tuple):
    """Where tasks wait, first come, first served: for one of something each (a fair semaphore), or until all are woken.

        while line.park(owner):
            yield
        # Now one is free for this task, until its next yield; or the line is closed.

    States of a task: it waits, and its data is the `owner`; or one is kept for it, and its data is the line, until it
    runs and parks again, which sets free what was kept for it. When it is cancelled before, the next one gets that.
    Tasks of a loop that was left (`asyncio.new_event_loop`) are never woken, and what was kept for them is free.

    `counts` is an array of the owner's, whose native code takes what is free without a call; ours begin at `place`.
    """

    # An empty tuple, and so false: the loop runs a task whose data it is.

    _lent_to = _entry = None

    def __init__(self, counts, place: int):
        super().__init__()
        self._counts = counts
        self._place = place
        self.loop: Any = None  # The loop's queue,
        self._tasks: Any = None  # and those who wait in that loop.
        self.begin()

    def begin(self):
        """Forget who has taken."""
        self._counts[self._place + _NOTE] = 1
        self.taken_by = None  # The only task that has taken any. None: no task has, or several have.

    def _begin_anew(self):
        # In another loop. Once there are `_tasks` it needs no heap, as `push` may come here.
        counts = self._counts
        place = self._place
        if self._tasks is None:
            self._tasks = core.TaskQueue()
        else:
            while self._tasks.peek():
                self._tasks.pop()
            if counts[place + _LENT]:
                self._entry = None  # It is in the loop that was left, and bound to what else is there.
            counts[place] += counts[place + _KEPT]
            counts[place + _ASKED] = counts[place + _KEPT] = counts[place + _LENT] = 0
            self.begin()
        self.loop = core._task_queue

    @micropython.viper
    def park(self, owner) -> bool:
        """Put the running task into the line, which must `yield` next; or False: it need not wait.

        `owner.remove(task)` is called when the task is cancelled meanwhile, and calls `forget(task)`.
        """
        counts = ptr32(self._counts)
        place = int(self._place)
        task = core.cur_task
        if counts[place + _LENT]:
            self.settle()
        if counts[place + _KEPT]:
            if task.data is self:
                task.data = None
                counts[place + _KEPT] -= 1
                counts[place] += 1
        if counts[place] == 0:
            if counts[place + _CLOSED]:
                return False
            if self.loop is not core._task_queue:
                self._begin_anew()
                return bool(self.park(owner))
            counts[place + _ASKED] = 1
            self._tasks.push(task, 0)
            task.data = owner
            return True
        if counts[place + _NOTE]:
            counts[place + _NOTE] = 2 if self.taken_by is task else 1
        return False

    @micropython.viper
    def grant(self):
        """Keep one, which is not among the free, for the task that has waited longest, and wake it. Somebody waits."""
        counts = ptr32(self._counts)
        place = int(self._place)
        tasks = self._tasks
        task = tasks.pop()
        self.loop.push(task)  # One of a loop that was left goes where nobody runs it.
        task.data = self
        counts[place + _KEPT] += 1
        if not tasks.peek():
            counts[place + _ASKED] = 0

    def give(self):
        """One more is there."""
        if self._counts[self._place + _ASKED]:
            self.grant()
        else:
            self._counts[self._place] += 1

    @micropython.native
    def note(self):
        """The running task takes."""
        task = core.cur_task
        if self.taken_by is not task:
            if self.taken_by is None:
                self.taken_by = task
            else:
                self.taken_by = None
                self._counts[self._place + _NOTE] = 0

    def prepare_to_lend(self):
        """Have what `lend` needs; else it uses heap the first time."""
        if self._entry is None:
            self._lent_to = None
            self._entry = core.Task(self)

    def lend(self):
        """One is free, though somebody waits: lend it to the running task. What it leaves is granted after its step."""
        counts = self._counts
        place = self._place
        try:
            self.prepare_to_lend()
        except MemoryError:
            counts[place] -= 1
            self.grant()
            raise
        if not counts[place + _LENT]:
            self.loop.push(self._entry)
        counts[place + _LENT] = 3
        self._lent_to = core.cur_task

    def send(self, _):
        """Called by the loop after the step of a task that was lent one."""
        self._counts[self._place + _LENT] &= 1
        self.settle()

    def settle(self):
        """What a step that has ended, or a loop that was left, has not taken is for others."""
        if self.loop is not core._task_queue:
            if self.loop is not None:
                self._begin_anew()
        elif self._lent_to is not core.cur_task:
            counts = self._counts
            place = self._place
            if counts[place + _LENT] & 1:
                counts[place + _LENT] &= 2
                if counts[place] and counts[place + _ASKED]:
                    counts[place] -= 1
                    self.grant()

    def remove(self, task):
        """Called by `Task.cancel` on a task for which one is kept: it is for the next."""
        core._task_queue.remove(task)
        if self._counts[self._place + _KEPT]:  # Else the task's loop was left, and what was kept is free already.
            self._counts[self._place + _KEPT] -= 1
            self.give()

    def give_up(self):
        """What is kept for the running task is for the next one."""
        task = core.cur_task
        if task and task.data is self:
            task.data = None
            self._counts[self._place + _KEPT] -= 1
            self.give()

    def forget(self, task):
        """Take a task that is cancelled out of the line."""
        self._tasks.remove(task)
        self._count()

    def _count(self):
        self._counts[self._place + _ASKED] = bool(self._tasks.peek())

    def close(self):
        """Nobody waits any more: who does is woken."""
        self._counts[self._place + _CLOSED] = 1
        self.wake_all()

    @micropython.viper
    def wake_all(self):
        """Wake all tasks, in their order."""
        counts = ptr32(self._counts)
        asked = int(self._place) + _ASKED
        if counts[asked]:
            counts[asked] = 0
            tasks = self._tasks
            loop = self.loop
            while True:
                loop.push(tasks.pop())
                if not tasks.peek():
                    break

    def wake_of(self, owner):
        """Wake the tasks that parked with this `owner`, or an alarm of it; the others keep their places."""
        others = core.TaskQueue()  # First: below nothing allocates.
        tasks = self._tasks
        while tasks and tasks.peek():
            task = tasks.pop()
            data = task.data
            if data is owner or getattr(data, "reader", None) is owner:
                self.loop.push(task)
            else:
                others.push(task, 0)
                task.data = data
        while others.peek():
            task = others.pop()
            data = task.data
            tasks.push(task, 0)
            task.data = data
        if tasks:
            self._count()

    def wake_task(self, task, owner):
        """Wake `task`, if it waits here with this `owner`."""
        if task and task.data is owner and self.loop is core._task_queue:
            self.forget(task)
            self.loop.push(task)


def semaphore(free: int = 0) -> Line:
    """A line with counts of its own, of which so many are free."""
    return Line(array("i", (free, 0, 0, 0, 0, 0)), 0)


def current():
    """The task that runs now, or None."""
    return core.cur_task


def current_loop():
    """Stands for the loop that runs now; `asyncio.new_event_loop()` makes another one."""
    return core._task_queue
