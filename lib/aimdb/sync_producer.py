"""Producing from where asyncio cannot be touched: interrupts, threads and the other core.

    interrupts, threads, the other core    |    the asyncio thread
    try_send ──> slots, doorbell        ───┼──> hand_over ──> buffer ──> readers

What both sides touch is read and written in critical sections.
"""

import sys
from asyncio import TimeoutError, create_task, current_task
from collections import deque
from time import sleep_us, ticks_diff, ticks_ms

import micropython
from micropython import const

from .buffer import Buffer
from .checks import check_int
from .doorbell import bell, disable_irq, enable_irq, get_ident, runs
from .errors import BufferClosed, BufferFull, SelfDeadlock, error, spares

_EDITOR = const(0)  # For editors only: what is below it costs the board nothing.
if _EDITOR:
    from typing import Any

_MASK = const(0x1FFFFFFF)
_PATIENCE_US = const(5_000_000)


class SendDeadlock(SelfDeadlock):
    """`send` was called on the thread that runs asyncio, or in an interrupt of it: it would wait for itself."""

    _text = "cannot be sent to from the thread that runs asyncio: await produce_async there, try_send in interrupts"


spares.append(SendDeadlock())


class SyncProducer:
    """Writes one record from interrupts, threads and the other core, all of which may share it.

    Made by `AimDb.sync_producer`, when the program is wired. Up to `depth` values fit while the loop does not run.
    From there each goes into the buffer by `try_produce`, or, while that refuses, by `produce_async`.

    `try_send` is for hard and soft interrupts, the other core, threads and tasks; `send` for threads and the other
    core; the rest for the asyncio thread. Several may write one record.

    Raises `TypeError` or `ValueError` when `depth` is not an int of at least 1.
    """

    def __init__(self, buffer: Buffer, depth: int = 16):
        check_int("depth", depth, 1)
        self.closed = False
        self.refused_count = 0  # By try_send; Buffer.metrics adds it to what the buffer itself has dropped.
        self._buffer: Any = buffer
        self._try_push = buffer.try_push
        self._push_async = buffer.push_async
        self._depth = depth
        self.values: Any = deque((), depth, 1)  # 1: append raises IndexError when it is full.
        # For the doorbell: whether this producer is in its chain, and what comes next there.
        self.rung = 0
        self.next: Any = None
        self.either: list = [None, self]
        # Only for the asyncio thread: how many values it may hand over, and what waits until the buffer has stored
        # the first of them.
        self.due = 0
        self._task: Any = None
        buffer.sync_producers += (self,)
        bell.hold()

    @micropython.native
    def try_send(self, value: "Any") -> bool:
        """Hand over `value`, or return False: there was no room, or the buffer is closed. Refusals are counted.

        From a hard interrupt send small ints, None, True and False, or objects that something else keeps alive until
        they are read, such as constants: the interrupt may come in the middle of a garbage collection, which does
        not see a reference that is moved to where it has looked already. From the other core the same holds.

        Heap: none. It never raises.
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
        self.refused(1)
        return False

    def refused(self, count: int) -> None:
        """Count refusals; -1 takes one back. Not for users."""
        state = disable_irq()
        self.refused_count = (self.refused_count + count) & _MASK
        enable_irq(state)

    def send(self, value: "Any", timeout_ms: "int | None" = None) -> None:
        """Block this thread until the buffer's `produce_async` has finished; raise what it raised.

        What this context has sent before goes first. Raises `asyncio.TimeoutError` when it is not done after
        `timeout_ms` milliseconds, and `BufferClosed` when the buffer or this producer is closed, both even if no loop
        runs; then nothing was stored. Raises `SendDeadlock` on the thread that runs asyncio and in its interrupts,
        where it would wait for itself.

        When no loop has taken it in after 5 s, a line on `sys.stderr` says so, and again after 2, 4, 8 ... times that.
        """
        if timeout_ms is not None:
            check_int("timeout_ms", timeout_ms)
        if get_ident() == bell.thread:
            raise error(SendDeadlock, value, self._buffer)
        Request(value).carry_through(self, self._buffer, timeout_ms)

    def start(self) -> None:
        """Hand over only after the tasks that could run now have had a step; `AimDb.run` does it, after its taps."""
        bell.hold()

    def close(self) -> None:
        """Take no more values: `try_send` refuses, `send` raises `BufferClosed`, also where it waits already.

        What was sent before goes to the buffer. The record's metrics keep what was refused until now.
        """
        if not self.closed:
            buffer = self._buffer
            buffer.sync_producers = tuple([each for each in buffer.sync_producers if each is not self])
            self.closed = True
            buffer.dropped_count = (buffer.dropped_count + self.refused_count) & _MASK

    # Only for the doorbell and the asyncio thread.

    def hand_over(self) -> None:
        """Give the buffer what is due."""
        while self.due:
            value = self.values[0]
            request = type(value) is Request
            if self._task is not None:
                if request and value.given_up:
                    self.stop()
                return
            try:
                if not request:
                    self._try_push(value)
                    self._drop()  # No jump in between: Ctrl-C comes before both or after both.
                    continue
            except BufferFull:
                pass
            except MemoryError:
                raise
            except Exception as er:
                self._lost(er)
                continue
            bell.waiting.append(self)
            try:
                self._task = create_task(self._store())
            except BaseException:
                bell.waiting.remove(self)
                raise

    def _drop(self):
        state = disable_irq()
        self.values.popleft()
        self.due -= 1
        enable_irq(state)

    def _lost(self, er):
        # The sender was told True, and is elsewhere by now.
        buffer = self._buffer
        buffer.dropped_count = (buffer.dropped_count & _MASK) + 1
        self._drop()
        if not buffer.closed:
            print("aimdb: record %r did not store a value that was sent: %r" % (buffer.key, er), file=sys.stderr)

    async def _store(self):
        # Cancelled at any point it leaves the value that it was at where it is.
        try:
            while self.due:
                value = self.values[0]
                if type(value) is Request:
                    await value.store(self._buffer)
                    self._drop()
                    continue
                try:
                    await self._push_async(value)
                    self._drop()
                except MemoryError:
                    break
                except Exception as er:
                    self._lost(er)
        finally:
            if self._task is current_task():
                self._forget_task()

    def _forget_task(self):
        self._task = None
        bell.waiting.remove(self)
        bell.ring(self)  # There may be more.

    def stop(self) -> None:
        """Have the value that waits for space wait in its slot; called by the doorbell when the loop ends."""
        if self._task is not None:
            self._task.cancel()
            request = self.values[0]
            if type(request) is Request:
                request.claimed = False
            self._forget_task()


def sync_producer(buffer: Buffer, depth: int, format: "str | None") -> SyncProducer:
    """What `AimDb.sync_producer` makes."""
    if format is None:
        return SyncProducer(buffer, depth)
    from .packed_producer import PackedProducer

    return PackedProducer(buffer, depth, format)


class Request:
    """What `send` puts into a slot: a value, and what became of it."""

    def __init__(self, value):
        self.value = value
        self.claimed = False  # By asyncio, to store the value, or by the thread, to give up: whoever is first.
        self.given_up = False  # The thread would like asyncio to stop.
        self._done = False  # Set by asyncio, after _error.
        self._error = None

    def _claim(self):
        state = disable_irq()
        claimed = self.claimed
        self.claimed = True
        enable_irq(state)
        return not claimed

    def carry_through(self, producer, buffer, timeout_ms):
        # In the thread that sends.
        start = ticks_ms()
        placed = False
        pause_us = 32
        waited_us = 0
        complain_us = _PATIENCE_US
        try:
            while not self._done:
                placed = placed or producer.try_send(self) or producer.refused(-1)
                reason = None
                if producer.closed or buffer.closed:
                    reason = error(BufferClosed, self.value, buffer)
                elif timeout_ms is not None and ticks_diff(ticks_ms(), start) >= timeout_ms:
                    reason = TimeoutError()
                if reason is not None:
                    if self._claim() or not runs():
                        raise reason
                    self.given_up = True
                    bell.ring(producer)
                sleep_us(pause_us)
                waited_us += pause_us
                pause_us = min(2 * pause_us, 8192)
                if waited_us > complain_us and not self.claimed:
                    complain_us *= 2
                    print("aimdb: send to record %r waits: no loop takes it in" % buffer.key, file=sys.stderr)
        finally:
            self._claim()  # Whatever ends the wait: it must not be stored later.
        if self._error:
            raise self._error

    async def store(self, buffer):
        # On the asyncio thread; again, when the loop was left in the middle.
        if not self.given_up and self._claim():
            try:
                await buffer.push_async(self.value)
                self._done = True
            except Exception as er:
                self._error = er
                self._done = True
