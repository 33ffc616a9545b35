"""Producing from where asyncio cannot be touched: interrupts, threads and the other core.

    interrupts, threads, the other core    |    the asyncio thread
    try_send ──> slots, doorbell        ───┼──> hand_over ──> buffer ──> readers

What both sides touch is read and written in critical sections.
"""

import sys
from asyncio import TimeoutError, create_task, current_task
from time import sleep_us, ticks_add, ticks_diff, ticks_ms

import micropython
from micropython import const

from .buffer import Buffer
from .checks import check_int
from .doorbell import bell, disable_irq, enable_irq, get_ident
from .errors import BufferClosed, BufferFull, SelfDeadlock, error, spares

_EDITOR = const(0)  # For editors only: what is below it costs the board nothing.
if _EDITOR:
    from typing import Any

_MASK = const(0x1FFFFFFF)
_PATIENCE_US = const(5_000_000)
_COMPLAINT = const(
    "aimdb: send to record %r waits for %d s: no loop runs, it is busy, or what was sent before finds no space"
)


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
        self._size = depth + 1
        self._slots: list = [None] * self._size  # The one at _head is always free.
        self._head = 0  # Moved by who sends.
        self._tail = 0  # Moved by the asyncio thread.
        # The chain of the doorbell: whether this producer is in it, what comes next there.
        self._rung = 0
        self.next: Any = None
        self._links: list = [None, self]
        # Only for the asyncio thread: how far it may hand over, and what waits for the buffer to store the value at
        # _tail.
        self._end = 0
        self._task: Any = None
        buffer.sync_producers += (self,)
        bell.listen()

    def try_send(self, value: "Any") -> bool:
        """Hand over `value`, or return False: there was no room, or the buffer is closed. Refusals are counted.

        From a hard interrupt send small ints, None, True and False, or objects that something else keeps alive until
        they are read, such as constants: the interrupt may come in the middle of a garbage collection, which does
        not see a reference that is moved to where it has looked already. From the other core the same holds.

        Heap: none. It never raises.
        """
        if not self.closed and not self._buffer.closed and self._put(value, 1):
            return True
        state = disable_irq()
        self.refused_count = (self.refused_count & _MASK) + 1
        enable_irq(state)
        return False

    @micropython.native
    def _put(self, value, count):
        # Take `count` (1, or 0 to ring alone) values, and ring. Returns whether there was room.
        state = disable_irq()
        head = self._head
        after = (head + 1) % self._size
        fits = after != self._tail
        self._slots[head] = value
        self._head = (head + fits * count) % self._size
        # Add it to the chain, unless it is there. An index stands in for `if`, see doorbell.py.
        rings = 1 - self._rung
        self._rung = 1
        last = bell.last
        links = self._links
        last.next = links[rings]
        links[0] = last
        bell.last = links[rings]
        links[0] = None
        enable_irq(state)
        if rings and last is bell:
            bell.wake(b"\0")
        return fits

    def send(self, value: "Any", timeout_ms: "int | None" = None) -> None:
        """Block this thread until the buffer's `produce_async` has finished; raise what it raised.

        What this context has sent before goes first. Raises `asyncio.TimeoutError` when it is not done after
        `timeout_ms` milliseconds, and `BufferClosed` when the buffer or this producer is closed, both even if no loop
        runs; then nothing was stored. Raises `SendDeadlock` on the thread that runs asyncio and in its interrupts,
        where it would wait for itself. When it has waited for 5 s without a timeout, a line on `sys.stderr` says so,
        and again after twice the time.
        """
        if timeout_ms is not None:
            check_int("timeout_ms", timeout_ms)
        if get_ident() == bell.thread:
            raise error(SendDeadlock, value, self._buffer)
        _Request(value, timeout_ms).carry_through(self, self._buffer)

    def start(self) -> None:
        """Hand over only after the tasks that could run now have had a step; `AimDb.run` does it, after its taps."""
        bell.hold()

    def close(self) -> None:
        """Take no more values: `try_send` refuses, `send` raises `BufferClosed`, also where it waits already.

        What was sent before goes to the buffer. The record's metrics keep what was refused so far.
        """
        if not self.closed:
            buffer = self._buffer
            buffer.sync_producers = tuple([each for each in buffer.sync_producers if each is not self])
            self.closed = True
            buffer.dropped_count = (buffer.dropped_count + self.refused_count) & _MASK
            self.stop()

    def unlink(self) -> "Any":
        """What comes next in the doorbell's chain, which this producer leaves; called in a critical section."""
        following = self.next
        self.next = None
        self._rung = 0  # What is sent from now on rings again.
        # No further than this: who sends without a pause must not keep the readers from running.
        self._end = self._head
        return following

    def hand_over(self) -> None:
        """Give the buffer what was sent so far; called by the doorbell."""
        while self._tail != self._end and self._task is None:
            value = self._slots[self._tail]
            if type(value) is _Request:
                return self._wait()
            try:
                self._try_push(value)
                self._drop()  # No jump in between: Ctrl-C comes before both or after both.
            except BufferFull:
                return self._wait()
            except MemoryError:
                raise
            except Exception as er:
                self._lost(er)

    def _drop(self):
        state = disable_irq()
        tail = self._tail
        self._slots[tail] = None
        self._tail = (tail + 1) % self._size
        enable_irq(state)

    def _lost(self, er):
        # The sender was told True, and is elsewhere by now.
        buffer = self._buffer
        buffer.dropped_count = (buffer.dropped_count & _MASK) + 1
        self._drop()
        if not buffer.closed:
            print("aimdb: record %r did not store a value that was sent: %r" % (buffer.key, er), file=sys.stderr)

    def _wait(self):
        bell.waiting.append(self)
        try:
            self._task = create_task(self._store())
        except BaseException:
            bell.waiting.remove(self)
            raise

    async def _store(self):
        # Cancelled at any point it leaves the value that it was at in its slot.
        try:
            while self._tail != self._end:
                value = self._slots[self._tail]
                if type(value) is _Request:
                    await value.store(self._buffer)
                    self._drop()
                else:
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
        self._put(None, 0)  # There may be more.

    def stop(self) -> None:
        """Have the value that waits for space wait in its slot; called by the doorbell when the loop ends."""
        if self._task is not None:
            self._task.cancel()
            request = self._slots[self._tail]
            if type(request) is _Request:
                request.claimed = False
            self._forget_task()


def sync_producer(buffer: Buffer, depth: int, format: "str | None") -> SyncProducer:
    """What `AimDb.sync_producer` makes."""
    if format is None:
        return SyncProducer(buffer, depth)
    from .packed_producer import PackedProducer

    return PackedProducer(buffer, depth, format)


class _Request:
    """What `send` puts into a slot: a value, and what became of it."""

    def __init__(self, value, timeout_ms):
        self.value = value
        self.claimed = False  # By asyncio, to store the value, or by the thread, to give up: whoever is first.
        self._deadline = None if timeout_ms is None else ticks_add(ticks_ms(), timeout_ms)
        self._done = False  # Set by asyncio, after _error.
        self._error = None

    def _claim(self):
        state = disable_irq()
        claimed = self.claimed
        self.claimed = True
        enable_irq(state)
        return not claimed

    def _left(self):
        return ticks_diff(self._deadline, ticks_ms())

    def carry_through(self, producer, buffer):
        # In the thread that sends.
        placed = False
        pause_us = 32
        waited_us = 0
        complain_us = _PATIENCE_US
        try:
            while not self._done:
                placed = placed or producer._put(self, 1)
                if self._deadline is not None and self._left() <= 0 and self._claim():
                    raise TimeoutError
                if (producer.closed or buffer.closed) and (self._claim() or not bell.runs):
                    raise error(BufferClosed, self.value, buffer)
                sleep_us(pause_us)
                waited_us += pause_us
                pause_us = min(2 * pause_us, 8192)
                if waited_us > complain_us and not self.claimed:
                    complain_us *= 2
                    print(_COMPLAINT % (buffer.key, waited_us // 1_000_000), file=sys.stderr)
        finally:
            self._claim()  # Whatever ends the wait: it must not be stored later.
        if self._error:
            raise self._error

    async def store(self, buffer):
        # On the asyncio thread; again, when the loop was left in the middle.
        if self._claim():
            try:
                if self._deadline is None:
                    await buffer.push_async(self.value)
                else:
                    from .timeout import timed

                    await timed(buffer.push_async(self.value), max(0, self._left()))
                self._done = True
            except Exception as er:
                self._error = er
                self._done = True
