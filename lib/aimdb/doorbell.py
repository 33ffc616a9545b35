"""The way from interrupts, threads and the other core into the asyncio loop: one for all SyncProducers of a program.

A critical section here contains no jump (no `if`, `and`, `while`): at a jump the interpreter lets callbacks, Ctrl-C
and, with a global lock, other threads in.
"""

import select
from asyncio import core  # type: ignore[attr-defined]

from micropython import const

try:
    from _thread import get_ident
except ImportError:  # Without threads there is only one place from which to call.

    def get_ident() -> int:  # type: ignore[misc]
        return 0


try:
    from machine import disable_irq, enable_irq
    from micropython import RingIO

    def stream():
        return RingIO(1)

except ImportError:
    from .on_unix import disable_irq, enable_irq, stream  # type: ignore[assignment]

_EDITOR = const(0)  # For editors only: what is below it costs the board nothing.
if _EDITOR:
    from typing import Any


# ---- To be moved into waiting.py


def around_runs(begin, end):
    """Call `begin()` before each run of the loop, when its main task is made, and `end()` after it, however it ends."""
    run = core.run_until_complete

    def run_until_complete(main_task=None):
        begin()
        try:
            return run(main_task)
        finally:
            core.cur_task = None  # After Ctrl-C it would be a task that no longer runs, and cannot be cancelled.
            end()

    core.run_until_complete = run_until_complete


class Signal(list):
    """Calls `answer()` on the asyncio thread, between two tasks, once it can read from `stream`; without heap.

    It lies in the loop's poll map in the place of [task that waits to read, task that waits to write, stream]. When the
    stream can be read, the loop puts the task on its queue and then forgets it by `signal[0] = None`. In that moment
    this list takes the task off the queue again, and answers.
    """

    def __init__(self, stream, answer):
        super().__init__([core.Task(self), None, stream])
        self._stream = stream
        self._answer = answer
        self._byte = bytearray(1)
        self._queue: Any = None  # What the task is on, while it waits for all others to have had a step.

    def hold(self) -> None:
        """Answer only after all tasks that could run now have had a step; needed once in a new loop."""
        task, queue, polled = self[0], core._task_queue, core._io_queue
        if self._queue is queue:
            queue.remove(task)
        elif id(self._stream) in polled.map:
            polled._dequeue(self._stream)
        self._queue = queue
        queue.push(task)

    def holds(self) -> bool:
        return self._queue is core._task_queue

    def listens(self) -> bool:
        return id(self._stream) in core._io_queue.map

    def send(self, _) -> None:
        # Called by the loop, as for a coroutine.
        self._queue = None
        polled = core._io_queue
        try:
            polled.map[id(self._stream)] = self
            polled.poller.register(self._stream, select.POLLIN)
        except MemoryError:
            polled.map.pop(id(self._stream), None)
            self.hold()
            return
        self._answer()

    def __setitem__(self, index, nobody):
        core._task_queue.remove(self[0])
        self._stream.readinto(self._byte)
        self._answer()


# ----


class Doorbell:
    """The SyncProducers that have something, in the order in which they got it, and the signal that wakes the loop.

    Idle ones are in no list, so they cost nothing, and what a program no longer refers to is collected.
    """

    def __init__(self) -> None:
        # A chain from `next` over each producer's `next` to `last`, to which any context adds, in a critical section;
        # empty: `last` is this object.
        self.next: Any = None
        self.last: Any = self
        # Only for the asyncio thread: what was taken from the chain, and who was taken from that. An error or Ctrl-C
        # leaves both as they are, and the next time goes on there.
        self._taken: Any = None
        self._current: Any = None
        self.waiting: list[Any] = []  # Producers that have a task.
        self.thread = get_ident()  # The one that runs asyncio.
        self.runs = False
        poke = stream()
        self.wake = poke.write
        self._signal = Signal(poke, self.take_in)
        self.hold = self._signal.hold
        around_runs(self._begin, self._end)

    def listen(self) -> None:
        """See to it that the current loop takes in what is sent."""
        if not self._signal.listens() and not self._signal.holds():
            self.hold()

    def _begin(self):
        self._end()
        self.thread = get_ident()
        self.runs = True
        self.hold()

    def _end(self):
        self.runs = False
        while self.waiting:
            self.waiting[0].stop()

    def take_in(self) -> None:
        """Have all in the chain hand over what they have got."""
        try:
            self._hand_over()
            state = disable_irq()
            self._taken = self.next
            self.next = None
            self.last = self
            enable_irq(state)
            self._hand_over()
        except MemoryError:
            self.wake(b"\0")  # Nothing is lost; there may be memory at the next look.

    def _hand_over(self):
        while True:
            producer = self._current
            if producer is None:
                producer = self._taken
                if producer is None:
                    return
                state = disable_irq()
                self._current = producer
                self._taken = producer.unlink()
                enable_irq(state)
            producer.hand_over()
            self._current = None


bell = Doorbell()
