"""Waiting and waking, in the words of this library. Only this module and loop.py name asyncio's private parts.

    core.cur_task        the task that runs now, or None; `asyncio.current_task()` raises instead
    core._task_queue     what the loop runs next, by time; `asyncio.new_event_loop()` makes another one
    core.TaskQueue       a queue of tasks that pushes and pops without heap; with equal keys, first in, first out
    core.Task            makes of any object with `send` an entry for that queue
    task.data            what a task waits for: `Task.cancel` calls its `remove(task)`. When the loop runs a task, it
                         throws the data into it, unless that is false

docs/states.md has the states of a task and the counts of a line in tables.

IRQ safety: none; only for the asyncio thread.
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

# The counts of a line, from its place on. The first, at the place itself, is how many are free.
_ASKED = const(1)  # 1: a task waits.
_KEPT = const(2)  # How many are kept for tasks that were woken and have not run yet.
_LENT = const(3)  # Bit 0: one of the free is lent. Bit 1: the loop has an entry that calls `send`.
_NOTE = const(4)  # 1: who takes one calls `note`. 2: it need not, as it parked last and is `taken_by`. 0: never again.
_CLOSED = const(5)  # 1: nobody parks any more.


def ptr32(counts):
    """`counts` itself. Native code has a pointer of this name, and calls nothing; bytecode does with the array."""
    return counts


class Line(tuple):
    """Where tasks wait, first come, first served: for one of something each (a fair semaphore), or until all are woken.

        while line.park(owner):
            yield
        # Now one is free for this task, until its next yield; or the line is closed.

    `counts` is an array of the owner, whose native code changes it without a call. The counts of this line begin at
    `place`.

    Cancel safety: what is kept for a task that is cancelled goes to the next. Tasks of a loop that was left
    (`asyncio.new_event_loop`) are never woken, and what was kept for them is free.
    """

    # An empty tuple, because the loop throws data that is true into its task.

    _lent_to = _entry = None  # Who may take the one that is lent; what calls `send`.

    def __init__(self, counts, place: int):
        super().__init__()
        self._counts = counts
        self._place = place
        self.loop: Any = None  # The loop in which tasks last waited.
        self._tasks: Any = None  # The tasks that wait, from the first one on.
        self.begin()

    def begin(self):
        """Forget who has taken one."""
        self._counts[self._place + _NOTE] = 1
        self.taken_by = None  # The only task that has taken one. None: no task has, or several have.

    def _begin_anew(self):
        # In another loop nobody waits yet. Only the first time needs heap, for `push` may come here.
        counts = self._counts
        place = self._place
        if self._tasks is None:
            self._tasks = core.TaskQueue()
        else:
            while self._tasks.peek():
                self._tasks.pop()
            if counts[place + _LENT]:
                self._entry = None  # In the queue of the loop that was left it is linked to other tasks.
            counts[place] += counts[place + _KEPT]
            counts[place + _ASKED] = counts[place + _KEPT] = counts[place + _LENT] = 0
            self.begin()
        self.loop = core._task_queue

    @micropython.viper
    def park(self, owner) -> bool:
        """Put the running task into the line, and it must `yield` next; or return False: it need not wait.

        When the task is cancelled while it waits, `owner.remove(task)` is called, which must call `forget(task)`.
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
        """Wake the task that has waited longest, and keep one for it. Call it only when a task waits.

        The one that is kept must not be counted as free.
        """
        counts = ptr32(self._counts)
        place = int(self._place)
        tasks = self._tasks
        task = tasks.pop()
        self.loop.push(task)  # When this loop was left, nobody runs it.
        task.data = self
        counts[place + _KEPT] += 1
        if not tasks.peek():
            counts[place + _ASKED] = 0

    def give(self):
        """Add one: it is granted, or free."""
        if self._counts[self._place + _ASKED]:
            self.grant()
        else:
            self._counts[self._place] += 1

    @micropython.native
    def note(self):
        """Note that the running task takes one."""
        task = core.cur_task
        if self.taken_by is not task:
            if self.taken_by is None:
                self.taken_by = task
            else:
                self.taken_by = None
                self._counts[self._place + _NOTE] = 0

    def prepare_to_lend(self):
        """Allocate what `lend` needs, so that it needs no heap later."""
        if self._entry is None:
            self._lent_to = None
            self._entry = core.Task(self)

    def lend(self):
        """Lend one that is free to the running task, though others wait: what it leaves in this step is granted."""
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
        """Called by the loop, after the step of the task that was lent one."""
        self._counts[self._place + _LENT] &= 1
        self.settle()

    def settle(self):
        """Grant what was lent to a step that has ended; free what was kept for tasks of a loop that was left."""
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
        """Called by `Task.cancel` on a task for which one is kept: the next gets it."""
        self.loop.remove(task)  # It may be a loop that was left, out of which no other task must come along.
        self._pass_on()

    def give_up(self):
        """Give what is kept for the running task to the next."""
        task = core.cur_task
        if task and task.data is self:
            task.data = None
            self._pass_on()

    def _pass_on(self):
        # What was kept for a task is for the next.
        if self._counts[self._place + _KEPT]:  # Else its loop was left, and what was kept for it is free already.
            self._counts[self._place + _KEPT] -= 1
            self.give()

    def forget(self, task):
        """Take a task out of the line."""
        self._tasks.remove(task)
        self._count()

    def _count(self):
        self._counts[self._place + _ASKED] = bool(self._tasks.peek())

    def close(self):
        """Wake all tasks, and let nobody park any more."""
        self._counts[self._place + _CLOSED] = 1
        self.wake_all()

    @micropython.viper
    def wake_all(self):
        """Wake all tasks, in order."""
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
        """Wake the tasks that parked with this `owner`, or with its alarm; the others keep their places."""
        others = core.TaskQueue()  # Nothing below needs heap.
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


def semaphore() -> Line:
    """A line with counts of its own, in which none is free."""
    return Line(array("i", bytes(4 * 6)), 0)


def current():
    """The task that runs now, or None."""
    return core.cur_task


def current_loop():
    """The loop that runs now, to compare with another; `asyncio.new_event_loop()` makes a new one."""
    return core._task_queue
