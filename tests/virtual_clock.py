"""A clock that goes on only while the loop has nothing to do, so that tests of times are exact and take none."""

from asyncio import core
from time import ticks_add, ticks_ms


class VirtualClock:
    """`with VirtualClock(module) as clock:` asyncio and the module, which has imported `ticks_ms`, go by it.

    asyncio gives tasks that are due at once the time of the real clock; they are due by this one, which is ahead of it.
    """

    def __init__(self, module=None):
        self._module = module
        self._start = self.now = ticks_add(ticks_ms(), 1000000)

    def ticks_ms(self):
        return self.now

    def busy(self, milliseconds):
        """Let nobody run for so long."""
        self.now = ticks_add(self.now, milliseconds)

    def __enter__(self):
        core.ticks = self.ticks_ms
        core._io_queue.wait_io_event = self._wait
        if self._module:
            self._module.ticks_ms = self.ticks_ms
        return self

    def __exit__(self, *_):
        core.ticks = ticks_ms
        del core._io_queue.wait_io_event
        if self._module:
            self._module.ticks_ms = ticks_ms

    def _wait(self, milliseconds):
        if milliseconds < 0:
            raise AssertionError("all tasks wait for ever")
        self.busy(milliseconds)
