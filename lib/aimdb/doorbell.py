"""The way from interrupts, threads and the other core into the asyncio loop: one for all SyncProducers of a program.

A critical section here contains no jump (no `if`, `and`, `while`): at a jump the interpreter lets callbacks, Ctrl-C
and, where there is a global lock, other threads in.
"""

import select
from asyncio import core  # type: ignore[attr-defined]

import micropython
from micropython import const

try:
    from _thread import get_ident
except ImportError:  # Without threads there is only one place from which to call.

    def get_ident() -> int:  # type: ignore[misc]
        return 0


try:
    # Leaving a critical section also wakes an RP2040 core that sleeps (SEV).
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


def runs() -> bool:
    """Whether the loop runs."""
    return core.cur_task is not None


class Signal(list):
    """Calls `answer` on the asyncio thread, between two tasks, once `stream` can be read; without heap.

    `begin` is called before each run of the loop, when its main task is made, and `end` after it, however it ends.
    A subclass defines all three. There is one for the whole program.

    It lies in the loop's poll map in the place of [task that waits to read, task that waits to write, stream]. When the
    stream can be read, the loop puts the task on its queue and then forgets it by `signal[0] = None`. In that moment
    this list takes the task off the queue again, and answers.
    """

    def __init__(self, stream: "Any"):
        super().__init__([core.Task(self), None, stream])
        self._byte = bytearray(1)
        self._queue: Any = None  # What the task is on, while it waits for all others to have had a step.
        run = core.run_until_complete

        def run_until_complete(main_task=None):
            self.begin()
            try:
                return run(main_task)
            finally:
                core.cur_task = None  # After Ctrl-C it would be a task that no longer runs, and cannot be cancelled.
                self.end()

        core.run_until_complete = run_until_complete

    def hold(self) -> None:
        """Answer only after all tasks that could run now have had a step. Each loop needs it once, to begin with."""
        polled = core._io_queue
        queue = core._task_queue
        if self._queue is queue:
            queue.remove(self[0])
        elif id(self[2]) in polled.map:
            polled._dequeue(self[2])
        self._queue = queue
        queue.push(self[0])

    def send(self, _) -> None:
        # Called by the loop, as for a coroutine.
        self._queue = None
        polled = core._io_queue
        try:
            polled.poller.register(self[2], select.POLLIN)
            polled.map[id(self[2])] = self
        except MemoryError:
            return self.hold()
        self.answer()

    def __setitem__(self, index, nobody):
        task = core.cur_task = self[0]  # The last one that ran may have to be cancelled.
        queue = core._task_queue
        queue.remove(task)
        self[2].readinto(self._byte)
        self.answer()
        if not queue.peek():
            queue.push(task)  # The loop takes for granted that there is one.


# ----


class Doorbell(Signal):
    """The SyncProducers that have something, in the order in which they got it, and the signal that wakes the loop.

    Idle ones are in no list, so they cost nothing, and what a program no longer refers to is collected.
    """

    def __init__(self) -> None:
        # A chain from `next` over each producer's `next` to `last`, to which any context adds, in a critical section;
        # empty: `last` is this object.
        self.next: Any = None
        self.last: Any = self
        # Only for the asyncio thread: what was taken from the chain, and the producers that have a task.
        self._taken: Any = None
        self.waiting: list[Any] = []
        self.thread = get_ident()  # The one that runs asyncio.
        poked = stream()
        self._poke = poked.write
        super().__init__(poked)

    @micropython.native
    def ring(self, producer: "Any") -> None:
        """Have `producer` hand over soon; from any context. It does nothing if that is to come already."""
        state = disable_irq()
        # Add it to the chain, unless it is there: an index stands in for `if`.
        rings = 1 - producer.rung
        producer.rung = 1
        either = producer.either  # [None, producer]
        last = self.last
        last.next = either[rings]
        either[0] = last
        self.last = either[rings]
        either[0] = None
        enable_irq(state)
        if rings and last is self:
            self._poke(b"\0")

    def answer(self) -> None:
        """Let all in the chain hand over."""
        try:
            if self._taken is None:  # Otherwise an error or Ctrl-C has ended the last time early.
                state = disable_irq()
                self._taken = self.next
                self.next = None
                self.last = self
                enable_irq(state)
            while self._taken is not None:
                producer = self._taken
                state = disable_irq()
                self._taken = producer.next
                producer.next = None
                producer.rung = 0  # What is sent from now on rings again.
                # No more than this: who sends without a pause must not keep the readers from running.
                producer.due = len(producer.values)
                enable_irq(state)
                try:
                    producer.hand_over()
                except BaseException:
                    self.ring(producer)
                    raise
        except MemoryError:
            pass  # There may be memory at the next look.
        if self.last is not self:
            self._poke(b"\0")

    def begin(self) -> None:
        self.end()
        self.thread = get_ident()
        self.hold()

    def end(self) -> None:
        while self.waiting:
            self.waiting[0].stop()


bell = Doorbell()
