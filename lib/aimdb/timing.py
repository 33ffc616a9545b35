"""Calls a function at its time, and ends what takes a task too long. Loaded when the first time is set.

Cancel safety: a timer that is stopped does not call. IRQ safety: none.
"""

from asyncio import CancelledError, TimeoutError, get_event_loop, sleep_ms
from time import ticks_diff, ticks_ms

from micropython import const

from .errors import check_int
from .loop import time_out
from .polling import entry, schedule
from .waiting import current, current_loop, due

_STEPS = const(4)  # Within so many, an asyncio.wait_for that was cancelled cancels its task once more.
_FAR = const(0x10000000)  # Milliseconds: the longest that `schedule` takes. A longer wait is made of two.


class Timer:
    """Calls `function` when its time has come, with no task. What it raises goes to the loop's exception handler.

    After `stop()` it does not call, and nothing of it is left in the loop.
    """

    def __init__(self, function):
        self._function = function
        self._entry = entry(self)
        self._loop = None  # Where the entry is.
        self._rest = 0  # Milliseconds that are left when the loop calls.

    def start(self, milliseconds: int) -> None:
        """Call in so many milliseconds; an earlier start counts no more. 0: call after the step that runs now."""
        self.stop()
        first = min(milliseconds, _FAR)
        self._rest = milliseconds - first
        self._loop = schedule(self._entry, first)

    def stop(self) -> None:
        """Do not call."""
        loop = self._loop
        if loop is not None:
            self._loop = None
            loop.remove(self._entry)  # By the loop that has it: another one would take in its neighbours.

    def runs(self) -> bool:
        """Whether it will call."""
        return self._loop is not None and self._loop is current_loop()

    def send(self, _):
        # Called by the loop.
        self._loop = None
        rest = self._rest
        if rest:
            self._rest = 0
            self._loop = schedule(self._entry, rest)
            return
        try:
            self._function()
        except Exception as er:
            # The loop puts an entry that raises into its queue, where this one is already if `function` started it.
            context = {"message": "aimdb: a timer's call failed", "exception": er, "future": self._entry}
            get_event_loop().call_exception_handler(context)


class TimedOut(CancelledError):
    """What a task is cancelled with when its time is up."""


class Deadline(Timer):
    """Throws `TimedOut` into the task that makes it, where that waits when the time is up; then `passed` is true."""

    def __init__(self):
        super().__init__(self._cancel)
        self.passed = False
        self.slept = False  # Whether the task slept when its time was up.
        self._task = current()

    def _cancel(self):
        task = self._task
        self.slept = task.data is None and ticks_diff(due(task), ticks_ms()) > 0
        if time_out(task, TimedOut):
            self.passed = True
        else:
            self.start(0)


def timed(awaitable, milliseconds: int, what: object = "it"):
    """Await `awaitable`. After `milliseconds` cancel it where it waits, and raise `asyncio.TimeoutError`.

    It runs in the calling task, so that no result is lost; `asyncio.wait_for` loses some. Either it has returned, or it
    waits and is cancelled. The `str` of `what` begins the sentence of the error. The call itself raises `TypeError` or
    `ValueError` for a wrong number.
    """
    check_int("timeout_ms", milliseconds)
    return _timed(awaitable, milliseconds, what)


async def _timed(awaitable, milliseconds, what):
    deadline = Deadline()
    deadline.start(milliseconds)
    try:
        return await awaitable
    except TimedOut:
        if not deadline.passed:
            raise
    finally:
        deadline.stop()
    if deadline.slept:
        # Perhaps in asyncio.wait_for, which then cancels this task once more. That must come here, and not where the
        # caller waits next.
        for _ in range(_STEPS):
            try:
                await sleep_ms(0)
            except CancelledError as er:
                if not er.args:
                    raise
    raise TimeoutError("%s was not done within %d ms" % (what, milliseconds))
