"""Let the emulator rest when the guest does, and keep to the wall clock on request.

Why: the stock loop spins, holding Python's global lock, while the guest waits for something that only the
host can send; and it runs a guest's idle time hundreds of times faster than the peers it talks to.

No longer needed once Simulator.execute() sleeps while the guest waits with no alarm pending, and can be
paced.
"""

import asyncio
import time
from collections.abc import Callable

from rp2040py.simulator import Simulator

# How often, in emulated time, the engine looks whether to rest.
LOOK_NANOSECONDS = 1_000_000

# Sleeps while the guest waits: short at first, so that an answer is quick.
SHORTEST_NAP_SECONDS = 0.0001
LONGEST_NAP_SECONDS = 0.005

NEVER = 1 << 62  # when a stalled PIO is due


class Engine:
    """Runs a simulator. Everything but `stop`, `running` and `failure` belongs to the engine thread.

    Arguments:
        simulator: what to run; its own `execute` and `stop` are replaced.
        paced: True holds emulated time back to the wall clock.
        on_end: called, with the reason, when it has ended.
    """

    def __init__(self, simulator: Simulator, paced: bool, on_end: Callable[[str], None]) -> None:
        self._simulator = simulator
        self._clock = simulator.clock
        self._paced = paced
        self._on_end = on_end
        self._stopping = False
        self._resting = False
        self._look_due = False  # the batch was ended in order to look
        self._look_alarm = simulator.clock.create_alarm(self._end_batch_for_a_look)
        self.running = False
        self.failure = ""
        simulator.execute = self.execute
        simulator.stop = self.stop

    def stop(self) -> None:
        """End the engine. Any thread may call this."""
        self._stopping = True
        self._simulator.stopped = True

    async def rest(self, limit: int) -> None:
        """Wait until the guest waits for the host, but at most for `limit` nanoseconds of emulated time."""
        end = self._clock.nanos + limit
        # While the engine naps, what was sent has woken the guest already.
        while self.running and not (self._resting and self._waits_for_host()) and self._clock.nanos < end:
            await asyncio.sleep(SHORTEST_NAP_SECONDS)

    async def execute(self) -> None:
        """Run the guest until `stop`."""
        self.running = True
        reason = "the board was stopped"
        try:
            self._look_alarm.schedule(LOOK_NANOSECONDS)
            self._anchor()
            while not self._stopping:
                await self._step()
        except Exception as error:
            reason = self.failure = f"the emulator failed: {error!r}"
            self._simulator.engine_room_error = error
            raise
        finally:
            self.running = False
            self._simulator.stopped = True
            self._on_end(reason)

    async def _step(self) -> None:
        self._simulator.stopped = self._stopping
        self._simulator._execute_batch()
        if not self._look_due:
            await asyncio.sleep(0)
            return
        self._look_due = False
        if self._paced:
            await self._wait_for_wall_clock()
        elif self._waits_for_host():
            await self._nap()
        self._look_alarm.schedule(LOOK_NANOSECONDS)

    def _end_batch_for_a_look(self) -> None:
        if self._paced or self._waits_for_host():
            self._look_due = True
            self._simulator.stopped = True
        else:
            self._look_alarm.schedule(LOOK_NANOSECONDS)

    def _waits_for_host(self) -> bool:
        """Nothing in the chip itself will wake the guest: no alarm (ours has just gone off), no PIO."""
        chip = self._simulator.rp2040
        return (
            chip.core.waiting
            and not self._clock.has_scheduled_alarm
            and all(pio.stopped or pio.next_due_fp >= NEVER for pio in chip.pio)
        )

    async def _nap(self) -> None:
        self._resting = True
        seconds = SHORTEST_NAP_SECONDS
        while not self._stopping and self._waits_for_host():
            await asyncio.sleep(seconds)
            seconds = min(seconds * 1.5, LONGEST_NAP_SECONDS)
        self._resting = False

    def _anchor(self) -> None:
        """Let emulated time and wall time agree as of now."""
        self._ahead_of_wall = self._clock.nanos - time.monotonic_ns()

    async def _wait_for_wall_clock(self) -> None:
        ahead = self._clock.nanos - time.monotonic_ns() - self._ahead_of_wall
        if ahead < 0:
            # What was lost to a slow host stays lost: catching up would be running too fast.
            self._anchor()
        self._resting = self._waits_for_host()
        await asyncio.sleep(max(0, ahead) / 1e9)
        self._resting = False
