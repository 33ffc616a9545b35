"""Producing from where asyncio cannot be touched: interrupts, threads and the other core.

    interrupts, threads, the other core    |    the asyncio thread
    try_send ──> values, doorbell       ───┼──> hand_over ──> buffer ──> readers

What both sides change is changed in critical sections; see doorbell.py for what must not be in them.
"""

import sys
from array import array
from asyncio import CancelledError, TimeoutError, create_task, sleep_ms
from collections import deque
from time import sleep_us, ticks_diff, ticks_ms

import micropython
from micropython import const

from . import kept, once
from .buffer import Buffer
from .doorbell import bell, disable_irq, enable_irq, get_ident
from .errors import BufferClosed, BufferFull, check_int, error
from .waiting import current, current_loop

_BOARD = const(1)
if not _BOARD:  # So that the board's compiler knows the constant, and stores nothing.
    TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any

_MASK = const(0x1FFFFFFF)
_PATIENCE_US = const(10_000_000)
_HUNGRY_MS = const(100)  # After this time there may be memory for what found none.
_ATTEMPTS = const(100)  # After so many without memory a value is given up.
_ENDS = (Exception, CancelledError)  # Made here, because an `except` that makes it needs heap.


class SyncProducer:
    """Writes one record from interrupts, threads and the other core, all of which may share it.

    Made by `AimDb.sync_producer`, when the program is wired. Up to `depth` values fit while the loop does not run.
    From there each goes into the buffer by `try_produce`, or, while that refuses, by `produce_async`. An `SpmcRing`
    keeps nothing for readers that come late. So the values of a record with such a buffer wait here until `AimDb.run`
    runs its taps, links and transforms.

    Several may write one record. Raises `TypeError` for what is no buffer, and `TypeError` or `ValueError` when `depth`
    is not an int of at least 1.

    IRQ safety: `try_send` is for hard and soft interrupts, the other core, threads and tasks; `send` for threads and
    the other core; the rest for the asyncio thread.
    """

    def __init__(self, buffer: Buffer, depth: int = 16):
        check_int("depth", depth, 1)
        if not isinstance(buffer, Buffer):
            raise TypeError("a SyncProducer needs a buffer, not %r" % (buffer,))
        self.closed = False
        self.refused_count = 0  # By try_send; any context changes it, in critical sections.
        self._buffer = buffer
        self._try_push = buffer.try_push
        self._push_async = buffer.push_async
        self._depth = depth
        # 1: append raises IndexError when it is full.
        self.values: deque = deque((), depth, 1)  # type: ignore[call-overload]
        # For the doorbell, in its critical sections: whether this producer is in its chain, what comes next there, and
        # what it indexes in place of an `if`.
        self.rung = 0
        self.next = None
        self.either = [None, self]
        # Only for the asyncio thread.
        self.due = 0  # So many values may be handed over now.
        self._lost_count = 0  # Of the values that the buffer did not store; the 1st, 2nd, 4th … is told.
        self._task = None  # It waits for the buffer to store the first of them.
        self.record: Any = None  # Whose buffer it is; None for a buffer alone.
        bell.hold()
        if buffer.sync_refusals is None:
            buffer.sync_refusals = array("i", (0,))
        self._refusals = buffer.sync_refusals

    @micropython.native
    def try_send(self, value) -> bool:
        """Hand over `value`, or return False: there was no room, or the buffer is closed. Refusals are counted.

        From a hard interrupt send small ints, None, True and False, or objects that something else keeps alive until
        they are read, such as constants: the interrupt may come in the middle of a garbage collection, which does not
        see a reference that is stored where it has looked already. From the other core the same holds.

        It needs no heap and never raises.
        """
        if not self.closed and not self._buffer.closed and len(self.values) < self._depth:
            state = disable_irq()
            try:
                self.values.append(value)
                enable_irq(state)
                if not self.rung:
                    bell.ring(self)
                return True
            except IndexError:  # Another context has taken the last place.
                enable_irq(state)
        self._count_refusals(1)
        return False

    def _count_refusals(self, count):
        state = disable_irq()
        self.refused_count = (self.refused_count + count) & _MASK
        self._refusals[0] = (self._refusals[0] + count) & _MASK
        enable_irq(state)

    def send(self, value, timeout_ms=None) -> None:
        """Block this thread until the buffer's `produce_async` has finished; raise what it raised.

        What this thread has sent before goes first. Raises `asyncio.TimeoutError` when it is not done after
        `timeout_ms` milliseconds, and `BufferClosed` when the buffer or this producer is closed, both even if no loop
        runs; then nothing was stored. Raises `SendDeadlock` on the thread that runs asyncio and in its interrupts,
        where it would wait for itself.

        When no loop has taken it in after 10 s, a line on `sys.stderr` says so, and again after 2, 4, 8 ... times that.
        """
        if timeout_ms is not None:
            check_int("timeout_ms", timeout_ms)
        buffer = self._buffer
        if get_ident() == bell.thread:
            raise kept("mistakes").SendDeadlock(value, buffer)  # In a hard interrupt this is a MemoryError.
        request = Request(value)
        start = ticks_ms()
        placed = False
        pause_us = 32
        waited_us = 0
        complain_us = _PATIENCE_US
        try:
            while request.outcome is None:
                if not placed:
                    placed = self.try_send(request)
                    if not placed:
                        self._count_refusals(-1)  # It is not refused yet.
                reason = None
                if self.closed or buffer.closed:
                    reason = error(BufferClosed, value, buffer)
                elif timeout_ms is not None and not 0 <= ticks_diff(ticks_ms(), start) < timeout_ms:
                    reason = TimeoutError("record %r has not stored it within %d ms" % (buffer.key, timeout_ms))
                if reason:
                    request.given_up = True
                    if not request.begun or current() is None:  # Else asyncio is at it.
                        raise reason
                    bell.ring(self)  # It is to stop.
                sleep_us(pause_us)
                waited_us += pause_us
                pause_us = min(2 * pause_us, 8192)
                if waited_us > complain_us and self._task is None:  # Else a loop waits for space.
                    complain_us *= 2
                    print("aimdb: send to record %r waits: no loop takes it in" % buffer.key, file=sys.stderr)
        finally:
            request.given_up = True  # However the wait has ended, it must not be stored later.
        if request.outcome is not True:
            raise request.outcome

    def close(self) -> None:
        """Take no more values: `try_send` refuses, `send` raises `BufferClosed`, also where it waits already.

        What was sent before goes to the buffer.
        """
        self.closed = True

    # The rest is only for the doorbell.

    def hand_over(self) -> None:
        """Give the buffer what is due, unless that is too early."""
        if self.record is not None and self._is_too_early():
            buffer = self._buffer
            if self not in buffer.early_producers:
                buffer.early_producers += (self,)
            return
        while self.due:
            value = self.values[0]
            is_request = type(value) is Request
            if is_request and value.given_up:  # By its thread.
                self.stop()
                self._done()
                continue
            if self._task is not None:
                return
            try:
                if not is_request:
                    self._try_push(value)
                    self._done()  # No jump in between: Ctrl-C comes before both or after both.
                    continue
            except BufferFull:
                pass
            except MemoryError:
                pass
            except _ENDS as er:
                self._lost(er)
                continue
            bell.waiting.append(self)
            try:
                self._task = create_task(self._store())  # type: ignore[assignment]
            except BaseException:
                bell.waiting.remove(self)
                raise
            return

    def _is_too_early(self):
        # Whether stages that read the record have yet to subscribe, and would miss what the buffer gets now.
        record = self.record
        buffer = self._buffer
        # Perhaps in the run of a later database than the record's.
        if getattr(buffer, "runs_in", None) is current_loop() or type(buffer).peek is not Buffer.peek:
            return False
        for other, kind, function, _ in record.db._stages:
            if other is record and kind in ("tap", "link_to") or record.key in getattr(function, "inputs", ()):
                return True
        return False

    async def _store(self):
        # In a task of its own. Cancelled by `stop`, it leaves the value in hand where it is: in `values`.
        hungry = 0  # How often the value in hand has found no memory.
        while self.due:
            value = self.values[0]
            request = value if type(value) is Request else None
            try:
                if request is None:
                    await self._push_async(value)
                    self._done()  # As in `hand_over`.
                else:
                    request.begun = True
                    if request.given_up:
                        request.begun = False
                    else:
                        await self._push_async(request.value)
                        request.outcome = True  # No jump from here on, either.
                    self._done()
            except _ENDS as er:
                if self._task is not current():
                    return
                if request is not None:
                    request.outcome = er
                    self._done()
                elif isinstance(er, MemoryError) and hungry < _ATTEMPTS:
                    hungry += 1
                    await sleep_ms(_HUNGRY_MS)
                    continue
                else:
                    self._lost(er)
            hungry = 0
        # Not after Ctrl-C: then `bell.end` cancels what may still wait for space.
        if self._task is current():
            self._forget_task()

    def _done(self):
        # With the first value: it is in the buffer, or was refused for good.
        state = disable_irq()
        self.values.popleft()
        self.due -= 1
        enable_irq(state)

    def _lost(self, er):
        # The sender was told True, and is elsewhere by now.
        buffer = self._buffer
        buffer.dropped_count = (buffer.dropped_count & _MASK) + 1
        self._done()
        if not buffer.closed:
            self._lost_count = count = (self._lost_count & _MASK) + 1
            if not count & (count - 1):
                try:
                    once("telling").say(count, "record %r did not store a value that was sent: %r", (buffer.key, er))
                except Exception:
                    pass  # There is no memory for it. It is counted.

    def _forget_task(self):
        self._task = None
        bell.waiting.remove(self)
        bell.ring(self)  # There may be more.

    def stop(self) -> None:
        """What waits for the buffer to store a value waits no more; the value stays in `values`."""
        if self._task is not None:
            self._task.cancel()
            if self.values:  # Ctrl-C may have come when the last one was stored.
                value = self.values[0]
                if type(value) is Request:
                    value.begun = False
            self._forget_task()


def hand_over_early(buffer: Buffer) -> None:
    """`AimDb.run` has made the tasks that read the buffer: hand over what was too early, once they have had a step."""
    bell.hold()
    for producer in buffer.early_producers:
        bell.ring(producer)
    buffer.early_producers = ()


class Request:
    """What `send` hands over: a value, and what became of it."""

    def __init__(self, value):
        self.value = value
        # Each side sets its own first and then looks at the other's: so they never both go on.
        self.begun = False  # By asyncio: it stores the value now.
        self.given_up = False  # By the thread: asyncio is to stop, and not to begin.
        self.outcome = None  # Set last, by asyncio: True, or what push_async has raised.
