from asyncio import core  # type: ignore[attr-defined]

from micropython import const

from .line import Line

_EDITOR = const(0)  # For editors only: what is below it costs the board nothing.
if _EDITOR:
    from typing import Any

    from .bounded_queue import BoundedQueue

# Places in the queue's counts, and a state, as in in_memory.py and bounded_queue.py.
_HELD = const(5)
_WAITED = const(7)
_COMPETE = const(4)
_KEPT = const(8)
_PROMISED = const(9)
_READ_BY = const(10)


class Competition(Line):
    """Where the readers of a queue wait once there are several: each value is kept for the one who waits longest.

    Made, and loaded, when a queue gets its second reader. IRQ safety: none; only for the asyncio thread.
    """

    def __init__(self, queue: "BoundedQueue"):
        super().__init__(self, queue._waiting)
        self._counts = counts = queue._counts
        self._entry = core.Task(self)  # The scheduler's handle on this object, for `settle_later`.
        self._queue: Any = None  # The scheduler's queue that it is on.
        if counts[_READ_BY]:
            counts[_READ_BY] = 1
        woken = counts[_WAITED] == 2
        counts[_WAITED] = 5
        if woken and counts[_HELD] and queue._read_by and queue._read_by.data is None:
            # It waited first, and was woken when it was alone, so that nothing was kept for it.
            counts[_KEPT] = counts[_PROMISED] = 1
            self.settle_later()

    def settle_later(self) -> None:
        """Settle after the running task: it may leave a value where it is, which is for the next reader then.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        if self._queue is not core._task_queue:
            self._queue = core._task_queue
            self._queue.push(self._entry)

    def send(self, _) -> None:
        """Called by the scheduler, as for a coroutine.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        self._queue = None
        counts = self._counts
        if counts[_PROMISED]:
            counts[_PROMISED] = 0
            counts[_KEPT] -= 1
        self._settle()

    def returned(self, _) -> None:
        """What was kept for a reader goes to the next one: it was cancelled, or is closed.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        self._counts[_KEPT] -= 1
        self._settle()

    def _settle(self):
        counts = self._counts
        while counts[_WAITED] > _COMPETE and counts[_KEPT] < counts[_HELD]:
            if self.grant():
                counts[_KEPT] += 1
            else:
                counts[_WAITED] = _COMPETE
