from asyncio import core  # type: ignore[attr-defined]
from time import ticks_add, ticks_diff, ticks_ms

import micropython
from micropython import const

_EDITOR = const(0)  # For editors only: what is below it costs the board nothing.
if _EDITOR:
    from typing import Any

    from .buffer import Reader

# How many milliseconds the scheduler may keep the entry of a reader that was closed or forgotten.
_LONGEST = const(1000)


class Alarm:
    """Ends the wait of a parked task with `asyncio.TimeoutError`; used again and again, for one reader and one task.

    An entry in the scheduler's own queue. It is left there when a wait ends in time, so that there is nothing to take
    back, and it goes when it comes up while nobody waits.
    """

    def __init__(self, reader: "Reader"):
        self._reader = reader
        self._entry = core.Task(self)
        self._queue: Any = None  # The scheduler's queue that the entry is on.
        self._task: Any = None  # Whose it is; that task waits when this alarm is its `data`.
        self._waiting: Any = None  # Where it parks.
        self._since: Any = 0  # When that wait began.
        self._length: Any = 0  # The milliseconds of that wait.
        self._limit: Any = None  # The same, as long as the entry is on the queue.

    @micropython.viper
    def limit(self, milliseconds):
        """End the wait of the running task, which is parked already, after so many milliseconds.

        Returns the alarm that will do it; given instead of the milliseconds, that one goes on. When it raises, the
        task is no longer parked.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        task = core.cur_task
        # As last time, so that the entry is on the queue of this task's loop, and comes up early enough.
        if milliseconds is self._limit and self._task is task:
            self._since = ticks_ms()
            task.data = self
            return self
        return self._start(task, milliseconds)

    def _start(self, task, milliseconds):
        if isinstance(milliseconds, Alarm):
            return milliseconds.go_on(task)
        if self._task is not task and self._task is not None and not self._task.done():
            # That task may go on to wait, and keeps this alarm; from now on the reader has another.
            del self._reader._limit
            return self._reader._limit(milliseconds)
        try:
            self._since = now = ticks_ms()
            deadline = ticks_add(now, milliseconds)
            self._task = task
            self._waiting = task.data
            queue = core._task_queue
            if self._queue is queue and ticks_diff(self._entry.ph_key, deadline) > 0:
                self._queue = None
                queue.remove(self._entry)
            if self._queue is not queue:
                self._come_up(milliseconds)
        except BaseException:
            task.data.remove(task)
            raise
        self._length = self._limit = milliseconds
        task.data = self
        return self

    def go_on(self, task: "Any") -> "Alarm":
        """End the wait of `task`, which was woken for nothing and is parked again, when it would have ended.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        task.data = self
        if self._queue is not core._task_queue:  # It came up in between.
            self._come_up(0)
        return self

    def _come_up(self, milliseconds):
        self._queue = core._task_queue
        self._queue.push(self._entry, ticks_add(ticks_ms(), min(milliseconds, _LONGEST)))

    def send(self, _) -> None:
        """Called by the scheduler, as for a coroutine.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        self._queue = self._limit = None
        task = self._task
        if task.data is self:
            left = ticks_diff(ticks_add(self._since, self._length), ticks_ms())
            if left > 0:
                self._limit = self._length
                self._come_up(left)
            else:
                self._waiting.remove(task)
                core._task_queue.push(task)
                task.data = core.TimeoutError()

    def remove(self, task) -> None:
        """Called by `Task.cancel` on the task that waits.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        self._waiting.remove(task)


class _TimedOut(core.CancelledError):
    pass


class _Deadline:
    """An entry in the scheduler's own queue that cancels a task at its wait point.

    The scheduler sends into it as into a coroutine, so no task has to be created, switched to or awaited.
    """

    def __init__(self, milliseconds):
        self._task = core.cur_task
        self.passed = _TimedOut()  # What the task is cancelled with, to tell it from any other cancellation.
        # The scheduler's handle on this object; None once it is off the scheduler's queue.
        self._entry = core.Task(self)
        core._task_queue.push(self._entry, ticks_add(ticks_ms(), milliseconds))

    def send(self, _):
        entry, self._entry = self._entry, None
        task = self._task
        while isinstance(task.data, core.Task):
            task = task.data  # As Task.cancel does: the innermost task is the one at a wait point.
        if task.data is core.CancelledError or isinstance(task.data, core.CancelledError):
            # Somebody else has cancelled it and it is about to run. That must not become a timeout.
            self._entry = entry
            core._task_queue.push(entry)
        else:
            task.cancel()
            task.data = self.passed

    def stop(self):
        if self._entry:
            core._task_queue.remove(self._entry)


async def timed(awaitable, milliseconds: int):
    """Await `awaitable`, cancelled at its wait point after `milliseconds`: then `asyncio.TimeoutError`.

    Unlike `asyncio.wait_for`, it can throw away no result: the awaitable runs in the calling task, so either it
    returns, or it is told at its wait point.

    Cancel safety: that of the awaitable. IRQ safety: none.
    """
    deadline = _Deadline(milliseconds)
    try:
        return await awaitable
    except _TimedOut as er:
        if er is deadline.passed:
            raise core.TimeoutError
        raise
    finally:
        deadline.stop()
