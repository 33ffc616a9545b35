from time import ticks_add, ticks_diff, ticks_ms

from aimdb import kept
from aimdb.timing import Timer
from aimdb.waiting import Line
from micropython import const

from .storage import StorageError

_BOARD = const(1)
if not _BOARD:  # So that the board's compiler knows the constant, and stores nothing.
    TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any

_RETRY_MS = const(100)  # After a failure, not at once again.
_STAGED_MS = const(500)  # How long a value that nobody awaits may be staged, unless the user says.

_NO_MEMORY = MemoryError()


class Flusher:
    """Brings what is staged and acknowledged to the flash, one segment in a step, and tells those who wait for that.

    A step is a turn of the scheduler of its own: none comes while a caller of `produce` waits for it to return, and
    other tasks run between two. Only `release` makes all steps at once.
    """

    def __init__(self, queue, log, values):
        self.queue = queue
        self.log = log  # None after `release`.
        self.ledger = log.ledger
        self.values = values
        self.flushed = Line()  # The line of the tasks that wait for the flash; nothing is ever free in it.
        self.full = False  # There was no room on flash for what is staged.
        self.failures = 0
        self.cause = None  # Of the last failure.
        # The ticket of the last value that goes to flash in this flush. None: the next step is one of no flush, and has
        # only something to remove.
        self.until: "Any" = None
        self._timer = Timer(self._run)
        self._steps = False  # It calls at once, for the next step.
        self._due: "Any" = None  # When the next flush begins, in ticks; None: none is planned.
        self._standstill: "Any" = None  # From the first one on.

    def plan(self, awaited: bool) -> None:
        """A value is staged: have the flush come when the queue's policy says."""
        if self.full:
            return
        queue = self.queue
        wait = queue.flush_ms
        if len(self.values.entries) >= queue.flush_records or self.values.bytes >= queue.flush_bytes:
            wait = 0
        elif wait is None:
            wait = 0 if awaited else _STAGED_MS  # Who awaits alone gains nothing by waiting for others.
        self.flush_within(wait)

    def flush_within(self, milliseconds: int) -> None:
        """Have the next flush after so many milliseconds at the latest."""
        runs = self._timer.runs()  # Ctrl-C may have come in its call.
        # What is left is compared, because the difference to a time that is past may be too large for ticks.
        if runs and self._due is not None and ticks_diff(self._due, ticks_ms()) <= milliseconds:
            return
        if not (runs and self._steps):
            self._timer.start(milliseconds)  # It may lack memory; then nothing has changed.
            self._steps = False
        self._due = ticks_add(ticks_ms(), milliseconds)

    def _run(self):
        # Called by the timer: a step of the flush that is due, or goes on.
        try:
            if not self.log:
                return
            if self._due is not None and ticks_diff(self._due, ticks_ms()) <= 0:
                self.begin()
            self._steps = self.step() is not False
            if self._steps:
                self._timer.start(0)
            elif self._due is not None:
                self._timer.start(max(ticks_diff(self._due, ticks_ms()), 0))
            elif self.values.entries and not self.full:
                self.flush_within(0)  # Staged while it was full.
        except BaseException:  # Ctrl-C.
            self.values.stored()
            self.flush_within(0)
            raise

    def begin(self) -> None:
        """The next steps are for what is staged and acknowledged now."""
        self._due = None
        self.until = self.values.tickets

    def step(self) -> "bool | None":
        """Write to one segment, or remove one. False: that was all; None: there is more, but producers run first."""
        try:
            try:
                more = self._step()
            finally:
                self.values.stored()  # Also after Ctrl-C.
        except Exception as er:
            more = False
            self.failures += 1
            # The interpreter gives the next error that it has no heap for the same object.
            self.cause = _NO_MEMORY if isinstance(er, MemoryError) else er
            self.until = None
            entries = self.values.entries
            for i in range(len(entries) - 1, -1, -1):
                self.values.withdraw(entries[i])
            try:
                # A new segment: values that were refused just now must not come to light after a restart.
                if not self.log.writable:
                    self.log.write([], 0, True)
            except Exception:
                pass  # The next write tries again before it does anything else.
            self.flush_within(max(self.queue.flush_ms or 0, _RETRY_MS))
            if self.cause is not _NO_MEMORY:  # Which loading a module would not mend.
                self._complain()
        self.flushed.wake_all()
        return more

    def _step(self):
        log = self.log
        values = self.values
        self.queue.renew()
        removed = log.reclaim()
        if removed is True:
            return True
        entries = []
        if self.until is not None:
            if values.entries and values.entries[0].ticket <= self.until:
                entries = values.entries
            news = self.ledger.commits != self.ledger.stored
            if entries or news:
                count = log.write(entries, self.until)
                if count or not entries:
                    self.unblock()
                if count or news:
                    return True
        if removed and entries and not self.queue.drop_oldest:
            raise removed  # It is why there is no room for them.
        if entries and self.queue.drop_oldest:
            for segment in log.segments:
                stop = segment.first  # The end of the segment before.
                if stop > self.ledger.acknowledged:
                    if values.barred and 0 < values.barred[0].number < stop:
                        return None  # The oldest value was stored just now; its producer must learn that first.
                    values.lose(self.ledger.acknowledged, stop)
                    return True  # The next step removes that segment.
        self.full = bool(entries)
        self.until = None
        if entries:
            self._complain()
        return False

    def _complain(self):
        try:
            if self._standstill is None:
                self._standstill = kept("standstill", "aimdb_flash").Standstill(self)
            self._standstill.begin()
        except Exception:
            pass  # There is no memory, or the flash that failed has this module, too.

    def try_again(self) -> None:
        """There may be room for what is staged, if there was none."""
        if self.full and self.log:
            self.full = False  # Until a flush finds out.
            self.flush_within(0)

    def unblock(self) -> None:
        """What was staged is on flash, or need not go there: the standstill is over."""
        self.full = False
        if self._standstill:
            self._standstill.end()

    def reached(self, ticket: int, milliseconds: int):
        """Await it: the values up to this ticket, and what is acknowledged, are on flash; a flush comes in that time.

        Raises `StorageError` when one fails, and `BufferClosed` after `release`.
        """
        failures = self.failures
        commits = self.ledger.commits
        entries = self.values.entries
        comes = False
        while self.ledger.stored < commits or (entries and entries[0].ticket <= ticket):
            if self.failures != failures:
                raise StorageError(None, self.queue, self.cause)
            if not self.log:
                raise self.queue.ended()
            if not comes:
                self.flush_within(milliseconds)
                comes = True
            self.flushed.park(self)
            yield

    def remove(self, task):
        """Called by `Task.cancel` on a task that waits for the flash."""
        self.flushed.forget(task)
