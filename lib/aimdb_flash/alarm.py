from asyncio import core  # type: ignore[attr-defined]
from time import ticks_add, ticks_diff, ticks_ms


class Alarm:
    """Calls a function from the scheduler, in a turn of its own, at a time that can be moved forward.

    It stands in the scheduler's queue as a task does, and needs none. IRQ safety: none.
    """

    def __init__(self, function):
        self._function = function
        self._entry = core.Task(self)
        self._line = None  # The scheduler's queue that it stands in; a new event loop begins with a new one.
        self._when = 0

    def set(self, milliseconds: int) -> None:
        """Call after so many milliseconds at the latest, and then wait to be set again.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        when = ticks_add(ticks_ms(), milliseconds)
        if self._line is core._task_queue:
            if ticks_diff(when, self._when) >= 0:
                return
            self._line.remove(self._entry)
        self._line = core._task_queue
        self._when = when
        self._line.push(self._entry, when)

    def stop(self) -> None:
        """Do not call.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        if self._line is core._task_queue:
            self._line.remove(self._entry)
        self._line = None

    def send(self, _) -> None:
        """Called by the scheduler."""
        self._line = None
        self._function()
