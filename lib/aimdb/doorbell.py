"""Wakes the asyncio loop from interrupts, threads and the other core: one pollable for the whole program.

The loop polls it, as it polls a socket, each time before it runs a task and before it sleeps. That look is also the
moment to take in what was sent: on the asyncio thread, between two tasks, with no task of our own to switch to. It
then reports itself as writable, for which nobody waits, so the loop leaves it registered, looks at its tasks and runs
the reader that has been woken.
"""

import io
from asyncio import core  # type: ignore[attr-defined]

from micropython import const

try:
    from _thread import allocate_lock, get_ident
except ImportError:  # Without threads there is only one place from which to call.
    allocate_lock = None  # type: ignore[assignment]

    def get_ident() -> int:  # type: ignore[misc]
        return 0


try:
    from machine import disable_irq, enable_irq
except ImportError:  # The unix port. An attempt to take a lock orders memory, too, and blocks nobody.
    _lock = allocate_lock()

    def disable_irq():  # type: ignore[misc]
        return _lock.acquire(False)

    def enable_irq(state):  # type: ignore[misc]
        if state:
            _lock.release()


_EDITOR = const(0)  # For editors only: what is below it costs the board nothing.
if _EDITOR:
    from typing import Any

_POLL = const(3)  # py/stream.h: MP_STREAM_POLL, and what it may return.
_READABLE = const(1)
_WRITABLE = const(4)


class Doorbell(io.IOBase):
    """Of all SyncProducers together, so that a program that idles looks at one place."""

    def __init__(self) -> None:
        # Set by who has sent something, in any context; cleared here before looking. Both inside a critical section,
        # so that a second core either sees the other's store or makes the first look again. Leaving that section is
        # also what wakes an RP2040 core that sleeps (SEV); a store does not.
        self.rung = False
        self.thread = 0  # The one that runs asyncio, as far as we know.
        self.producers: list[Any] = []

    def listen(self) -> None:
        """Have the current loop look here. `asyncio.new_event_loop` makes a loop that does not.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        self.thread = get_ident()
        loop = core._io_queue
        if id(self) not in loop.map:
            for producer in self.producers:
                producer.begin_anew()
            # As IOQueue.queue_read does. That a task waits, here this object, keeps it registered; it is never woken.
            loop.map[id(self)] = [self, None, self]
            loop.poller.register(self, _READABLE)
            self.rung = True

    def ioctl(self, request: int, flags: int) -> int:
        """Called by the loop's poll: let all producers hand over what they have got.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        if request != _POLL:
            return -1
        if not self.rung or (core.cur_task is None and core._task_queue.peek()):
            return 0  # Of a run of the loop, the main task has the first step: it may subscribe a reader.
        state = disable_irq()
        self.rung = False
        enable_irq(state)
        for producer in self.producers:
            try:
                producer.hand_over()
            except MemoryError:
                self.rung = True  # Nothing was taken; there may be memory at the next look.
        return _WRITABLE if core._task_queue.peek() else 0


bell = Doorbell()
