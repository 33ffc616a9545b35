"""A source that keeps time. Loaded when a program uses `every`."""

from asyncio import sleep_ms
from collections import namedtuple
from time import ticks_add, ticks_diff, ticks_ms

from micropython import const

from . import once
from .buffer import Buffer
from .errors import BufferClosed, check_int, new

_BOARD = const(1)
if not _BOARD:  # So that the board's compiler knows the constant, and stores nothing.
    TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .db import Record

_MASK = const(0x1FFFFFFF)  # Counts stay small ints, which need no heap.
_NAP_MS = const(1000)  # A change of the period is noticed within this time.
_EXITS = (KeyboardInterrupt, SystemExit)  # They end the program also when `read` raises them.


async def _coroutine():
    pass


_COROUTINE = type(_coroutine())


class Every:
    """A source that calls `read` every `period_ms` milliseconds, and produces what it returns by `produce_async`.

        db.configure("temperature", SpmcRing(16)).source(every(100, sensor.celsius))

    It does so at its start, and then after n times the period, without drift. When reading and storing a value, or
    another task, takes longer than the period, the times that are past are left out, and counted in `overruns`. It ends
    when the record is closed.

    read            a function, sync or async; None is no value
    period_ms       an int from 1 to 2**29 - 1, or a function that gives it, such as the `peek` of a record's buffer; it
                    may change at any time, and is looked at every second. While the function gives no such number, the
                    period before holds, or 1 s at first
    give_up_after   after so many failures in a row the source raises the last one's error; None: never

    When `read` or the record raises, or the function for the period gives no period, that is a failure. It is counted
    in `failures`, the 1st, 2nd, 4th … one is named on stderr, and the source goes on. The record's
    `metrics()` show all three counts.

    Raises `TypeError` or `ValueError` for wrong arguments. Cancel safety: a run that is cancelled has lost at most the
    value that was not stored. IRQ safety: none.
    """

    if not TYPE_CHECKING:
        __new__ = new
        source = True  # So that a record refuses it as a tap.

    def __init__(
        self,
        period_ms: "int | Callable[[], Any]",
        read: "Callable[[], Any]",
        give_up_after: "int | None" = None,
    ):
        if hasattr(period_ms, "subscribe"):
            raise TypeError("every: period_ms is an int or a function, such as a buffer's peek, not %r" % (period_ms,))
        if not callable(period_ms):
            check_int("period_ms", period_ms, 1)
        if not callable(read):
            advice = "; the period comes first" if callable(period_ms) else "; pass read, not read()"
            raise TypeError("every: read is a function, sync or async, not %r%s" % (read, advice))
        if give_up_after is not None:
            check_int("give_up_after", give_up_after, 1)
        self.period_ms = period_ms
        self.overruns = 0
        self.failures = 0
        self._read = read
        self._give_up_after = give_up_after
        self._period = _NAP_MS  # The one that holds.
        self._count = self._least = self._sum = self._most = 0  # Of the lateness.
        self.__name__ = getattr(read, "__name__", type(read).__name__)

    @property
    def lateness(self) -> "tuple[int, float, int]":
        """How late `read` was called, in milliseconds: (min, mean, max)."""
        return self._least, self._sum / (self._count or 1), self._most

    async def __call__(self, producer: "Record") -> None:
        # Needs no heap, so that a board without any for a while goes on; unless `read` or the record need some.
        buffer = producer.buffer
        buffer.periodic = self  # For its metrics.
        inherits = type(buffer).push_async is Buffer.push_async and "push_async" not in buffer.__dict__
        push = producer.try_produce if inherits else None  # It does the same there, without heap.
        failures = 0  # In a row.
        self._look_at_period(producer)
        due = ticks_ms()
        while not buffer.closed:
            value = self  # Until `read` has returned.
            try:
                value = self._read()
                if type(value) is _COROUTINE:
                    value = await value
                if value is not None:
                    if push:
                        push(value)
                    else:
                        await producer.produce_async(value)
                failures = 0
            except BaseException as er:
                if not isinstance(er, Exception) and (value is not self or isinstance(er, _EXITS)):
                    raise  # The task is cancelled. If `read` raises such an error itself, it is a failure like others.
                if isinstance(er, BufferClosed) and buffer.closed:
                    if value is not self and type(value) is not _COROUTINE:  # `read` has returned it.
                        producer.produce(value)  # It is dropped, and counted.
                    return
                self._fail(producer, self.__name__, er)
                failures += 1
                if failures == self._give_up_after:
                    raise
            due = self._next(due)
            while not buffer.closed:
                await sleep_ms(min(max(ticks_diff(due, ticks_ms()), 0), _NAP_MS))
                due = self._shifted(producer, due)
                late = ticks_diff(ticks_ms(), due)
                if late >= 0:
                    self._note_lateness(late)
                    break

    def _next(self, due):
        # The first time after `due` that is not past.
        now = ticks_ms()
        late = ticks_diff(now, due)
        if late < 0:  # It is days late, and the clock has gone round: at least so late.
            late = _MASK
            due = ticks_add(now, -late)
        missed = (late - 1) // self._period
        if missed > 0:
            self.overruns = (self.overruns + missed) & _MASK
            due = ticks_add(due, missed * self._period)
        return ticks_add(due, self._period)

    def _shifted(self, producer, due):
        # The same time, or another one if the period has changed; then none that is past.
        before = self._period
        self._look_at_period(producer)
        if self._period == before:
            return due
        due = ticks_add(due, self._period - before)
        now = ticks_ms()
        return now if ticks_diff(due, now) < 0 else due

    def _look_at_period(self, producer):
        try:
            period = self.period_ms
            if callable(period):
                period = period()
            check_int("period_ms", period, 1)
            self._period = period
        except Exception as er:
            self._fail(producer, "period_ms", er)

    def _fail(self, producer, what, error):
        self.failures = count = (self.failures & _MASK) + 1
        if not count & (count - 1):
            try:
                text = "record %r: %s of its source failed: %r"
                once("telling").say(count, text, (producer.key, what, error))
            except Exception:
                pass  # There is no memory for it. It is counted.

    def _note_lateness(self, milliseconds):
        if self._sum + milliseconds > _MASK:
            self._sum >>= 1  # The mean stays as it is.
            self._count >>= 1
        if not self._count or milliseconds < self._least:
            self._least = milliseconds
        self._count += 1
        self._sum += milliseconds
        self._most = max(self._most, milliseconds)


PeriodicMetrics = namedtuple(
    "PeriodicMetrics",
    ("produced_count", "consumed_count", "dropped_count", "occupancy", "overruns", "failures", "lateness"),
)


def metrics(source, *counts):
    """The metrics of a record with this source."""
    return PeriodicMetrics(*counts, source.overruns, source.failures, source.lateness)
