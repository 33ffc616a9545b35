"""Producing from where asyncio cannot be touched: interrupts, threads and the other core.

    one interrupt, thread or core    |    the asyncio thread
    try_send ──> slots, doorbell  ───┼──> hand_over ──> buffer ──> readers

The slots are a ring between one writer and one reader. They share no variable that both write, so it needs no lock.
"""

import sys
from asyncio import core  # type: ignore[attr-defined]
from time import sleep_ms, ticks_add, ticks_diff, ticks_ms

import micropython
from micropython import const

from .buffer import Buffer
from .doorbell import allocate_lock, bell, disable_irq, enable_irq, get_ident
from .errors import BufferFull, check_int, error
from .mistakes import SelfDeadlock

_EDITOR = const(0)  # For editors only: what is below it costs the board nothing.
if _EDITOR:
    from typing import Any

_MASK = const(0x1FFFFFFF)


class SendDeadlock(SelfDeadlock):
    """`send` was called on the thread that runs asyncio, or in an interrupt of it: it would wait for itself."""

    _text = "cannot be sent to from the thread that runs asyncio: await produce_async there, try_send in interrupts"


class SyncProducer:
    """Writes one record from one interrupt handler, thread or other core; several may write one record.

    Made by `AimDb.sync_producer`, once, when the program is wired. Up to `depth` values fit while the loop does not
    run. From there each goes into the buffer by `try_produce`, or, while that refuses, by `produce_async`.

    It belongs to one context. Two may share it only if neither can interrupt the other or run beside it: all soft
    interrupts may, and on the RP2040 all hard ones of the same core, which have the same priority.

    Raises `TypeError` or `ValueError` when `depth` is not an int of at least 1.
    """

    # Who may touch what: `_head` and `refused_count` belong to the context that sends, `_tail` and `_task` to the
    # asyncio thread. A slot is the sender's until `_head` has passed it, and then asyncio's until `_tail` has.

    def __init__(self, buffer: Buffer, depth: int = 16):
        check_int("depth", depth, 1)
        self.refused_count = 0  # By try_send; Buffer.metrics adds it to what the buffer itself has dropped.
        self._buffer: Any = buffer
        self._try_push = buffer.try_push
        self._push_async = buffer.push_async
        self._depth = depth
        self._slots: list = [None] * (depth + 1)  # The one at _head is always empty.
        self._head = 0
        self._tail = 0
        self._sends = False  # Whether `send` was ever used: there may be requests in the slots.
        # Waits for space for the value at _tail, or for others to start; meanwhile nothing is handed over.
        self._task: Any = None
        buffer.sync_producers += (self,)
        bell.producers.append(self)
        bell.listen()

    @micropython.native
    def try_send(self, value: "Any") -> bool:
        """Hand over `value`, or return False: there was no room, or the buffer is closed. Refusals are counted.

        From a hard interrupt send small ints, None, True and False, or objects that something else keeps alive until
        they are read, such as constants: the interrupt may come in the middle of a garbage collection, which does
        not see a reference that is moved to where it has looked already. From the other core the same holds.

        Cancel safety: it does not wait. IRQ safety: hard and soft, other core, thread. Heap: none. It never raises.
        """
        head = self._head
        after = head + 1 if head < self._depth else 0
        if after == self._tail or self._buffer.closed:
            self.refused_count = (self.refused_count & _MASK) + 1
            return False
        self._slots[head] = value
        self._head = after
        state = disable_irq()
        bell.rung = True
        enable_irq(state)
        return True

    def send(self, value: "Any", timeout_ms: "int | None" = None) -> None:
        """Block this thread until the buffer's `produce_async` has finished; raise what it raised.

        What this context has sent before goes first. Raises `asyncio.TimeoutError` when it is not done after
        `timeout_ms` milliseconds, even if the loop does not run; then nothing was stored. Raises `SendDeadlock` on
        the thread that runs asyncio and in its interrupts, where it would wait for itself.

        Cancel safety: it is not awaited. IRQ safety: none; for threads and the other core. Heap: a few small objects.
        """
        if get_ident() == bell.thread:
            raise error(SendDeadlock, value, self._buffer)
        request = _Request(value, timeout_ms)
        self._sends = True
        head = self._head
        after = head + 1 if head < self._depth else 0
        while after == self._tail:
            if request.is_late():
                raise core.TimeoutError
            sleep_ms(1)
        self._slots[head] = request
        self._head = after
        state = disable_irq()
        bell.rung = True
        enable_irq(state)
        request.wait()

    def start(self) -> None:
        """Have the current loop take what is sent: needed only after `asyncio.new_event_loop()`.

        `AimDb.sync_producer` and `AimDb.run` do it as well. A loop that ended and is run again goes on by itself with
        what was sent meanwhile. Tasks that were created before this call take their first step before values arrive.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        bell.listen()
        if not self._task:
            self._task = core.create_task(self._begin())

    async def _begin(self):
        self._task = None
        bell.rung = True

    def hand_over(self) -> None:
        """Give the buffer what was sent so far, on the asyncio thread, which calls this; not for users.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        if self._task:
            return
        # No more than was there: who sends without a pause must not keep the readers from running.
        head = self._head
        tail = self._tail
        slots = self._slots
        while tail != head:
            value = slots[tail]
            if self._sends and type(value) is _Request:
                self._task = core.create_task(self._wait_for_space())
                return
            try:
                self._try_push(value)
            except BufferFull:
                self._task = core.create_task(self._wait_for_space())
                return
            except MemoryError:
                raise
            except Exception as er:
                self._lost(er)
            slots[tail] = None
            tail = tail + 1 if tail < self._depth else 0
            self._tail = tail

    async def _wait_for_space(self):
        # Cancelled at any point it leaves the value that it was at in its slot.
        try:
            for _ in range(self._depth):
                value = self._slots[self._tail]
                if type(value) is _Request:
                    await value.carry_out(self._buffer)
                else:
                    try:
                        await self._push_async(value)
                    except Exception as er:
                        self._lost(er)
                tail = self._tail
                self._slots[tail] = None
                self._tail = tail + 1 if tail < self._depth else 0
                if self._tail == self._head:
                    break
        finally:
            if self._task is core.cur_task:
                self._task = None
                bell.rung = True

    def _lost(self, er):
        # The sender was told True, and is elsewhere by now.
        buffer = self._buffer
        buffer.dropped_count = (buffer.dropped_count & _MASK) + 1
        if not buffer.closed:
            print("aimdb: record %r did not store a value that was sent: %r" % (buffer.key, er), file=sys.stderr)

    def begin_anew(self) -> None:
        """Forget the loop that was left, in which a task may still wait; not for users.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        if self._task:
            if core.cur_task is self._task:
                core.cur_task = None  # It was the last one to run; nothing runs now.
            self._task.cancel()  # It must not store the value a second time.
            self._task = None


def sync_producer(buffer: Buffer, depth: int, format: "str | None") -> SyncProducer:
    """What `AimDb.sync_producer` makes.

    Cancel safety: it does not wait. IRQ safety: none.
    """
    if format is None:
        return SyncProducer(buffer, depth)
    from .packed_producer import PackedProducer

    return PackedProducer(buffer, depth, format)


class _Request:
    """What `send` puts into a slot: a value, and whom to tell what became of it."""

    def __init__(self, value, timeout_ms):
        self.value = value
        self._deadline = None if timeout_ms is None else ticks_add(ticks_ms(), timeout_ms)
        self._decided = allocate_lock()  # Taken once: by asyncio to store the value, or by the thread to give up.
        self._storing = False  # It was asyncio that took it.
        self._done = allocate_lock()  # Released by asyncio once `_error` is set.
        self._done.acquire()
        self._error = None

    def is_late(self):
        return self._deadline is not None and ticks_diff(self._deadline, ticks_ms()) <= 0

    def wait(self):
        # In the thread that sends.
        if self._deadline is None:
            self._done.acquire()
        else:
            while not self._done.acquire(False):
                if self.is_late() and self._decided.acquire(False):
                    raise core.TimeoutError
                sleep_ms(1)
        if self._error:
            raise self._error

    async def carry_out(self, buffer):
        # On the asyncio thread; again in a new loop, when the old one was left in the middle.
        if not self._storing:
            if not self._decided.acquire(False):
                return
            self._storing = True
        try:
            if self._deadline is None:
                await buffer.push_async(self.value)
            else:
                from .timing import timed

                await timed(buffer.push_async(self.value), max(0, ticks_diff(self._deadline, ticks_ms())))
        except Exception as er:
            self._error = er
        self._done.release()
