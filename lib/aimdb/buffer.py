from array import array
from collections import deque

import micropython
from micropython import const

from . import kept
from .errors import BufferClosed, BufferEmpty, BufferLagged, check_int, error
from .waiting import Line, ptr32

_BOARD = const(1)
if not _BOARD:  # So that the board's compiler knows the constant, and stores nothing.
    TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any

    from .metrics import Metrics

_MASK = const(0x1FFFFFFF)  # Counters stay small ints, which need no heap.
_LINE = const(4)  # The first counts are the buffer's own. Then come 5 of the readers' line, and 5 of the producers'.
_PLACES = const(14)
_SLOTS = const(9)  # A ring leaves it at the capacity; a queue counts there how many slots are empty.
# The counts of a line; see waiting.py.
_FREE = const(0)
_ASKED = const(1)


class Buffer:
    """Base class of all buffers: define `push` and it works everywhere; override more as needed.

    `push` alone gives a buffer that accepts everything and that nobody can read (a log, a display). To be read,
    override `has_value` and `take`, and call `self.wake()` at the end of `push`. To refuse, override `try_push`;
    to make a producer wait, override `push_async`. A buffer that has work of its own to do, such as keeping up a
    connection, defines `async def run(self)`; `AimDb.run` runs it beside the stages.

    `key` is the record's, set by `AimDb.configure`.

    Cancel safety: a cancelled `push_async` must have stored nothing. IRQ safety: none; only for the asyncio thread.
    """

    # Class attributes, so that a buffer need not call __init__.
    key: "str | None" = None
    capacity = 0
    closed = False
    produced_count = 0
    consumed_count = 0
    dropped_count = 0
    sync_refusals: "Any" = None  # In an array: how many values its `SyncProducer`s have refused.
    early_producers: "tuple[Any, ...]" = ()  # Those that have values for readers which `AimDb.run` has yet to start.
    _line: "Any" = None  # Where readers wait; a Line from the first reader on.
    # Stages and runs leave more at a buffer, because it outlives their database: `runs_in` (running.py), `periodic`
    # (periodic.py), `in_hand` (transforming.py), `join_state` (joining.py).

    def push(self, value: "Any") -> None:
        """Store `value`; never wait, never raise. Called by `Record.produce`, with no layer in between.

        A closed buffer should drop the value and add 1 to `self.dropped_count`.
        """
        raise NotImplementedError("a buffer defines push and take")

    def try_push(self, value: "Any") -> None:
        """Store `value`, or raise `BufferFull` or `BufferClosed` with the value in it and store nothing."""
        if self.closed:
            raise error(BufferClosed, value, self)
        self.push(value)

    async def push_async(self, value: "Any") -> None:
        """Store `value` and return when that is done, or raise what went wrong.

        It may wait wherever it likes and need know nothing of timeouts: `produce_async(v, timeout_ms=…)` cancels
        it at its wait point.
        """
        self.try_push(value)

    def subscribe(self) -> "Reader":
        """A new reader. The buffer keeps no reference to it."""
        return Reader(self)

    async def subscribe_async(self) -> "Reader":
        """A new reader, for buffers that must attach somewhere first; here it returns at once."""
        return self.subscribe()

    def has_value(self, reader: "Reader") -> bool:
        """Whether `take(reader)` would return a value or raise `BufferLagged`."""
        return False

    if TYPE_CHECKING:

        def take(self, reader: "Reader") -> Any:
            """Remove and return the reader's next value. Called only when `has_value(reader)` is true."""

    else:
        take = push  # It raises, too.

    def peek(self) -> "Any":
        """The value that a reader would get next, left where it is, or None."""

    def held(self) -> int:
        """How many values are held now."""
        return 0

    def metrics(self) -> "Metrics":
        """`produced_count`, `consumed_count`, `dropped_count`, and `occupancy`, a pair (held, capacity).

        A counter goes from 0 to 2**29, and on from 1.
        """
        return kept("metrics").metrics(self)

    def wake(self) -> None:
        """Wake every reader that waits, to look whether there is something for it."""
        if self._line is not None:
            self._line.wake_all()

    def close(self) -> None:
        """Take no more values. Readers get what is held, then `BufferClosed`; those who wait are woken."""
        self.closed = self.closed  # The attribute has its place now, and nothing below needs heap.
        if self._line is not None:
            self._line.close()  # It ends without a jump: Ctrl-C closes both or neither.
        self.closed = True


class InMemory(Buffer):
    """What the buffers in memory have in common: `capacity` slots, and counts.

    The counts are in an array, so that native code changes them in an instruction each and without heap.

    Raises `TypeError` or `ValueError` when `capacity` is not an int of at least 1.
    """

    if TYPE_CHECKING:
        _values: deque
        _counts: array
        _append: Any
        wake_first: Any

        def __init__(self, capacity: int): ...

    else:
        from .errors import new as __new__

        def __init__(self, capacity=None):  # Without a default the interpreter's error would not name it.
            only = self.capacity  # 0, but in a class that has one capacity only.
            if only and capacity is None:
                capacity = only
            check_int("capacity", capacity, 1, only or _MASK)
            self.capacity = capacity
            self._values = deque((), capacity)
            self._append = self._values.append
            self._counts = counts = array("i", bytes(4 * _PLACES))
            counts[_SLOTS] = capacity
            self._line = Line(memoryview(counts)[_LINE:])
            self.wake_first = self._line.wake_first  # Here, because `push` calls it.

    def peek(self) -> "Any":
        return self._values[0] if self._values else None

    def held(self) -> int:
        return len(self._values)


class _Endless:
    # Iterates over None without end, and with no step of Python in it: Ctrl-C would end a generator, and from then on
    # every `ready()` of the program would return at once.
    __getitem__: "Any" = {}.get


_forever = iter(_Endless())
del _Endless
_done = StopIteration()  # What ends every `ready()`: made once, so that none needs heap.


class _Ready(filter):
    # What `ready()` returns, the same object each time. A filter of what is endless has no state of its own, and
    # the interpreter steps it without heap. `send` and `throw` are what asyncio's tools ask of a coroutine.

    def send(self, _):
        return next(self)

    def throw(self, error):
        raise error


class Reader:
    """Reads one buffer; every task that reads has one of its own, from `subscribe`.

    It reads by the buffer's `has_value` and `take`. A subclass that overrides `has_value` and `try_recv` needs neither.
    A reader that is closed detaches at once; one that is forgotten is collected as garbage.

    Cancel safety: a call that is cancelled or timed out has taken nothing. IRQ safety: none.
    """

    closed = False
    lagged = 0  # Values missed by this reader, in all.

    def __init__(self, buffer: Buffer):
        self.buffer: Any = buffer
        self._ready: Any = _Ready(self.look, _forever)
        if buffer._line is None:
            buffer._line = Line()
        self._line_counts = buffer._line._counts  # Here, because native code reads them at each call.
        # The interpreter finds an attribute of the instance ten times as fast as one of its class.
        self.park = self.park
        self.try_recv = self.try_recv
        self.recv = self.recv
        self.ready = self.ready

    def has_value(self) -> bool:
        """Whether `try_recv` would return a value or raise `BufferLagged`, if this reader is not closed."""
        return self.buffer.has_value(self)

    def try_recv(self) -> "Any":
        """The next value, at once. Needs no heap.

        Raises `BufferEmpty`; `BufferLagged(count)`, once, after which reading goes on with the oldest value held;
        `BufferClosed` when the buffer is closed and read to its end, or this reader is closed.
        """
        if not self.has_value():
            self.nothing()
        buffer = self.buffer
        value = buffer.take(self)
        buffer.consumed_count = (buffer.consumed_count & _MASK) + 1
        return value

    def nothing(self):
        """What `try_recv` raises when there is nothing to read."""
        buffer = self.buffer
        raise error(BufferClosed if self.closed or buffer.closed else BufferEmpty, None, buffer)

    if TYPE_CHECKING:

        async def ready(self) -> None:
            """Return when `try_recv` would return a value, or raise `BufferLagged` or `BufferClosed`. Needs no heap.

            With competing readers the value is not reserved: read it before the next await.
            """

        async def recv(self, timeout_ms: "int | None" = None) -> "Any":
            """Wait for the next value and return it. Raises as `try_recv` does, except `BufferEmpty`.

            After `timeout_ms` milliseconds (0 to 2**29 - 1) raises `asyncio.TimeoutError`; 0 looks once.
            """

    else:

        def ready(self):
            return self._ready

        def recv(self, timeout_ms=None):
            # A coroutine, written as a generator so that it can yield to the scheduler without a helper object.
            if timeout_ms is None:
                while self.park(self):
                    yield
            else:
                timeout_ms = self.park_until(timeout_ms)  # A second local variable would cost heap at each call.
                while timeout_ms is not None:
                    yield
                    timeout_ms = timeout_ms.park()
            return self.try_recv()

    @micropython.viper
    def look(self, none) -> bool:
        """One step of awaiting `ready()`: return True to wait, or raise what ends it."""
        if self.park(self):
            return True
        counts = ptr32(self._line_counts)
        if counts[_ASKED] and counts[_FREE]:
            self.buffer._line.lend()
        done = _done
        done.__traceback__ = none  # It would grow with use.
        raise done

    def park(self, owner) -> bool:
        """Park the running task, which must `yield` next; or return False: it can read. See `Line.park`."""
        if self.has_value() or self.buffer.closed:
            return False
        return self.buffer._line.park(owner)

    def park_until(self, timeout_ms):
        """The same for at most so long. Returns the alarm with which the task has parked, or None.

        The first alarm puts its own `park_until` in place of this one.
        """
        return kept("alarm").Alarm(self).park_until(timeout_ms)

    def remove(self, task):
        """Called by `Task.cancel` on a task that waits."""
        self.buffer._line.forget(task)

    def close(self) -> None:
        """Detach: a `recv` that waits on this reader, and every later read, ends with `BufferClosed`.

        What it had not read stays for the others.
        """
        kept("leaving").leave(self)

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
