"""The way from interrupts, threads and the other core into the asyncio loop: one for all SyncProducers of a program.

A critical section here contains no jump (no `if`, `and`, `while`): at a jump the interpreter lets callbacks, Ctrl-C
and, where there is a global lock, other threads in.
"""

import micropython

from .polling import entry, find_heap, schedule
from .waiting import current_loop, polled, run_as, surround_runs

try:
    from _thread import get_ident
except ImportError:  # Without threads there is only one place from which to call.

    def get_ident() -> int:  # type: ignore[misc]
        return 0


try:
    # Leaving a critical section also wakes an RP2040 core that sleeps (SEV).
    from machine import disable_irq, enable_irq
    from micropython import RingIO

    stream = RingIO(1)
except ImportError:
    from .on_unix import disable_irq, enable_irq, stream


class Doorbell(list):
    """The SyncProducers that have something, in the order in which they got it, and the stream that wakes the loop.

    Idle ones are in no list, so they cost nothing, and what a program no longer refers to is collected.
    """

    # It stands in the loop's poll map as [task that waits to read, task that waits to write, stream]. When the stream
    # can be read, the loop pushes the first and sets that place to None. `__setitem__` is this moment, between two
    # tasks: it takes the entry back, keeps the place as it is, and hands over.

    def __init__(self) -> None:
        super().__init__((entry(None), None, stream))
        self._byte = bytearray(1)
        # A chain from `next` over each producer's `next` to `last`; any context adds to it, the asyncio thread takes
        # from it, both in critical sections. Empty: `last` is this object.
        self.next = None
        self.last = self
        self._either = [None, self]  # Indexed in a critical section, in place of an `if`.
        # The rest is only for the asyncio thread.
        self.waiting: list = []  # The producers that have a task.
        self._entry = entry(self)  # What hands over after `hold`,
        self._held_in = None  # and the loop where it is.
        self.thread = get_ident()  # The one that runs asyncio.

    @micropython.native
    def ring(self, producer) -> None:
        """Have `producer` hand over soon; from any context. It does nothing if that is to come already."""
        state = disable_irq()
        # Add it to the chain, unless it is there.
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
            stream.write(b"\0")

    def __setitem__(self, index, nothing):
        # Called by the loop's poll.
        loop = current_loop()
        loop.remove(self[0])
        while stream.readinto(self._byte):
            pass
        if self._held_in is not loop:
            run_as(self._entry)  # Not the task that ran last: it may have to be cancelled, and none can itself.
            self._hand_over()
            if not loop.peek():
                self.hold()  # The loop takes for granted that there is a task to run.

    def send(self, _):
        # Called by the loop, as for a task.
        self._held_in = None
        self._hand_over()

    def hold(self) -> None:
        """In the current loop, hand over only after all tasks that could run now have had a step."""
        streams = polled()
        key = id(stream)
        if key not in streams.map:
            find_heap(stream)
            streams.map[key] = self
            try:
                streams.poller.register(stream, 1)
            except BaseException:
                del streams.map[key]
                raise
        if self._held_in is not None:
            self._held_in.remove(self._entry)
        self._held_in = schedule(self._entry, 0)

    def _hand_over(self):
        # All that are in the chain now.
        producer = self
        stop = self.last
        either = self._either
        while producer is not stop:
            state = disable_irq()
            producer = self.next
            self.next = producer.next
            producer.next = None
            either[0] = self.last
            self.last = either[producer is self.last]
            either[0] = None
            producer.rung = 0  # What is sent from now on rings again.
            # No more than these: a sender without pause must not keep the readers from running.
            producer.due = len(producer.values)
            enable_irq(state)
            try:
                producer.hand_over()
            except BaseException as er:
                self.ring(producer)
                if not isinstance(er, MemoryError):
                    raise
                break  # There may be memory at the next look.
        if self.last is not self:
            stream.write(b"\0")

    def begin(self) -> None:
        """Called before each run of the loop, when its main task is made."""
        self.end()
        self.thread = get_ident()
        self.hold()

    def end(self) -> None:
        """Called after each run, however it ends."""
        while self.waiting:
            self.waiting[0].stop()


def surround(run):
    """What runs the loop by `run`, and tells the bell."""

    def run_until_complete(main_task=None):
        bell.begin()
        try:
            return run(main_task)
        finally:
            run_as(None)  # After Ctrl-C it would be a task that is over.
            bell.end()

    return run_until_complete


bell = Doorbell()
surround_runs(surround)
