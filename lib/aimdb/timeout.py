from asyncio import core  # type: ignore[attr-defined]
from time import ticks_add, ticks_ms


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
