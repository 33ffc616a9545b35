from asyncio import core  # type: ignore[attr-defined]
from collections import namedtuple

import micropython
from micropython import const

from .errors import EMPTY, BufferClosed, BufferLagged, error

_EDITOR = const(0)  # For editors only: what is below it costs the board nothing.
if _EDITOR:
    from collections.abc import Awaitable
    from typing import Any

# Counters stay small ints, which need no heap: they go from 0 to 2**29, and on from 1.
_MASK = const(0x1FFFFFFF)

DONE = StopIteration()  # Raised again and again, so that a wait can end without heap.

Metrics = namedtuple("Metrics", ("produced_count", "consumed_count", "dropped_count", "occupancy"))


class Buffer:
    """Base class of all buffers: define `push` and it works everywhere; override more as needed.

    `push` alone gives a buffer that accepts everything and that nobody can read (a log, a display). To be read,
    override `has_value` and `take`, and call `self.wake()` at the end of `push`. To refuse, override `try_push`;
    to make a producer wait, override `push_async`. What a buffer must keep up meanwhile, such as a connection, goes
    into an `async def run(self)`, which `AimDb.run` runs with the stages.

    `key` is the record's, set by `AimDb.configure`.
    """

    # Here for buffers that do not call __init__.
    key: "str | None" = None
    capacity = 0
    closed = False
    produced_count = 0
    consumed_count = 0
    dropped_count = 0
    sync_producers: "tuple[Any, ...]" = ()  # Those that write this buffer from interrupts and threads.
    _waiting: "Any" = None  # Tasks of readers with nothing to read; a TaskQueue from the first reader on.

    def __init__(self):
        # Made now, so that counting allocates nothing later.
        self.produced_count = self.consumed_count = self.dropped_count = 0
        self.closed = False
        self._waiting = core.TaskQueue()

    def push(self, value: "Any") -> None:
        """Store `value`; never wait, never raise. Called by `Producer.produce`, with no layer in between.

        A closed buffer should drop the value and add 1 to `self.dropped_count`.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        raise NotImplementedError

    def try_push(self, value: "Any") -> None:
        """Store `value`, or raise `BufferFull` or `BufferClosed` with the value in it and store nothing.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        if self.closed:
            raise error(BufferClosed, value, self)
        self.push(value)

    async def push_async(self, value: "Any") -> None:
        """Store `value` and return when that is done, or raise what went wrong.

        It may wait wherever it likes and need know nothing of timeouts: `produce_async(v, timeout_ms=…)` cancels
        it at its wait point.

        Cancel safety: cancelled, it must have stored nothing. IRQ safety: none.
        """
        self.try_push(value)

    def subscribe(self) -> "Reader":
        """A new reader. The buffer keeps no reference to it.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        return Reader(self)

    async def subscribe_async(self) -> "Reader":
        """A new reader, for buffers that must attach somewhere first; here it returns at once.

        Cancel safety: cancelled, no reader is attached. IRQ safety: none.
        """
        return self.subscribe()

    def has_value(self, reader: "Reader") -> bool:
        """Whether `take(reader)` would return a value or raise `BufferLagged`.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        return False

    def take(self, reader: "Reader") -> "Any":
        """Remove and return the reader's next value. Called only when `has_value(reader)` is true.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        raise NotImplementedError

    def peek(self) -> "Any":
        """The value that a reader would get next, left where it is, or None.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        return None

    def held(self) -> int:
        """How many values are held now.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        return 0

    def metrics(self) -> Metrics:
        """The counters, and `occupancy`, a pair (held, capacity). A counter goes round after 2**29.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        dropped_count = self.dropped_count
        for producer in self.sync_producers:
            dropped_count += producer.refused_count
        return Metrics(self.produced_count, self.consumed_count, dropped_count, (self.held(), self.capacity))

    def wake(self) -> None:
        """Wake every reader that waits, to look whether there is something for it.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        waiting = self._waiting
        if waiting:
            while waiting.peek():
                core._task_queue.push(waiting.pop())

    def close(self) -> None:
        """Take no more values. Readers get what is held, then `BufferClosed`; those who wait are woken.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        self.closed = True
        self.wake()


def _endless():
    while True:
        yield


_forever = _endless()


class Reader:
    """Reads one buffer; every task that reads has one of its own, from `subscribe`.

    It asks the buffer's `has_value` and `take`. A subclass that overrides `has_value` and `try_recv` needs neither.
    """

    def __init__(self, buffer: Buffer):
        self.buffer: Any = buffer
        self.closed = False
        self.lagged = 0  # Values missed by this reader, in all.
        # Awaited again and again: a filter of what never ends has no state, and the interpreter steps it without heap.
        self._ready: Any = filter(self._look, _forever)
        if not buffer._waiting:
            buffer._waiting = core.TaskQueue()
        # The interpreter finds an attribute of the instance ten times as fast as one of its class.
        self._park = self._park
        self.try_recv = self.try_recv
        self.recv = self.recv
        self.ready = self.ready

    def has_value(self) -> bool:
        """Whether `try_recv` would return a value or raise `BufferLagged`, if this reader is not closed.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        return self.buffer.has_value(self)

    def try_recv(self) -> "Any":
        """The next value, at once.

        Raises `BufferEmpty`; `BufferLagged(count)`, once, after which reading goes on with the oldest value held;
        `BufferClosed` when the buffer is closed and read to its end, or this reader is closed.

        Cancel safety: it does not wait. IRQ safety: none. Heap: none.
        """
        if self.closed or not self.has_value():
            self._nothing()
        buffer = self.buffer
        value = buffer.take(self)
        buffer.consumed_count = (buffer.consumed_count & _MASK) + 1
        return value

    def _nothing(self):
        buffer = self.buffer
        raise error(BufferClosed, None, buffer) if self.closed or buffer.closed else EMPTY

    def ready(self) -> "Awaitable[None]":
        """Wait until `try_recv` has something to say: a value, a lag, or that the buffer is closed.

        With competing readers the value is not reserved: read it before the next await.

        Cancel safety: nothing is taken, so nothing can be lost. IRQ safety: none. Heap: none.
        """
        return self._ready

    @micropython.native
    def _look(self, _):
        # A step of awaiting `ready()`: wait for another, or end it.
        if self._park():
            return True
        DONE.__traceback__ = None
        raise DONE

    if _EDITOR:

        async def recv(self, timeout_ms: int | None = None) -> Any:
            """Wait for the next value and return it; raises as `try_recv` does, except `BufferEmpty`.

            After `timeout_ms` milliseconds raises `asyncio.TimeoutError`; 0 looks once.

            Cancel safety: cancelled or timed out, it has taken nothing. IRQ safety: none.
            """

    else:

        def recv(self, timeout_ms=None):
            # A coroutine, written as a generator so that it can yield to the scheduler without a helper object.
            while self._park():
                if timeout_ms is not None:
                    timeout_ms = self._limit(timeout_ms)
                yield
            return self.try_recv()

    def _park(self):
        # Unless there is something to read, put the task where `wake` finds it, to be followed by a yield.
        if self.has_value() or self.closed or self.buffer.closed:
            return False
        task = core.cur_task
        waiting = self.buffer._waiting
        waiting.push(task)
        task.data = waiting  # Has the `remove` that Task.cancel calls.
        return True

    def _limit(self, milliseconds):
        # Have the wait of the running task, which is parked, end in time. The first one gives the reader its alarm, to
        # be found instead of this method; an alarm that stays with another task brings this method back.
        try:
            from .timeout import Alarm

            self._limit = Alarm(self).limit
        except BaseException:  # No memory: then it does not wait after all.
            core.cur_task.data.remove(core.cur_task)
            raise
        return self._limit(milliseconds)

    def close(self) -> None:
        """Detach: a `recv` that waits on this reader, and every later read, ends with `BufferClosed`.

        What it had not read stays for the others. A reader that is forgotten instead is collected as garbage.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        self.closed = True
        self.buffer.wake()

    def __aiter__(self):
        return self

    async def __anext__(self):
        while True:
            try:
                return await self.recv()
            except BufferLagged:
                pass  # Counted in self.lagged.
            except BufferClosed:
                raise StopAsyncIteration


def check_capacity(capacity: int) -> None:
    """Raise `TypeError` or `ValueError` unless `capacity` is an int of at least 1.

    Cancel safety: it does not wait. IRQ safety: none.
    """
    if not isinstance(capacity, int) or isinstance(capacity, bool):
        raise TypeError("capacity is an int, not %r" % (capacity,))
    if capacity < 1:
        raise ValueError("capacity is at least 1, not %d" % capacity)
