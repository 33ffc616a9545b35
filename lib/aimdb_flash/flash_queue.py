from asyncio import core  # type: ignore[attr-defined]

from aimdb import Buffer
from aimdb.errors import EMPTY, BufferClosed, BufferEmpty, BufferFull, SelfDeadlock, error
from micropython import const

from .alarm import Alarm
from .codecs import BytesCodec
from .errors import StorageError
from .flash_reader import FlashReader
from .framing import OVERHEAD
from .ledger import Ledger
from .line import Line, Turn
from .segment_log import RANGES, SegmentLog

TYPE_CHECKING = const(0)  # For editors only: what is below it costs the board nothing.
if TYPE_CHECKING:
    from typing import Any

    from .storage import Storage

_MASK = const(0x1FFFFFFF)
_RETRY_MS = const(100)  # After a failure, not at once again.


class _Entry:
    # A value on its way to the flash.

    def __init__(self, sequence, data, pending):
        self.sequence = sequence
        self.data = data
        self.pending = pending  # A task awaits it; nobody may read it before that task knows that it is stored.
        self.stored = False  # It is on flash.
        self.cause = None  # What the flash raised when it was written.


class FlashQueue(Buffer):
    """Values in order that survive the power going out at any moment. Readers compete for them.

        queue = FlashQueue("/journal.queue", JsonCodec())

    `produce_async` returns when its value is on flash; from then on no power cut loses it. `produce` and
    `try_produce` stage the value in RAM, from where it can be read at once, and from where it goes to flash with
    the next flush. What was read and not acknowledged with `reader.commit()` comes again after a restart: every
    value is delivered at least once. The order is kept.

    storage        path of a folder, or a `Storage` such as `BlockStorage(rp2.Flash(…))`
    codec          turns values into bytes and back; without one, values are bytes
    max_size       the most bytes of files, when `storage` is a path
    stage          how many values may wait in RAM for the next flush
    flush_records, flush_bytes, flush_ms
                   a flush comes when so many values or bytes are staged, or when the first has waited so long; all
                   that is staged shares it. With files each flush costs about one erasure, so few large ones are best
    commit_ms      an acknowledgement that nobody awaits goes to flash with the next flush, or after so long
    drop_oldest    what happens when there is no room on flash: False, producers wait for commits; True, the oldest
                   segment is dropped, and its unread values count as dropped

    `damaged_count` says how many stretches of damaged bytes were skipped at opening, and `capacity` how many values
    of the codec's `size` fit. Raises `ValueError` or `TypeError` for bad arguments, `QueueInUse`, `UnknownFormat`,
    and `StorageError` when the flash cannot be read; damaged bytes raise nothing.
    """

    def __init__(
        self,
        storage: "str | Storage",
        codec: "Any" = None,
        max_size: int = 65536,
        stage: int = 64,
        flush_records: int = 16,
        flush_bytes: int = 2048,
        flush_ms: int = 500,
        commit_ms: int = 10000,
        drop_oldest: bool = False,
    ):
        if min(stage, flush_records, flush_bytes) < 1:
            raise ValueError("stage, flush_records and flush_bytes are at least 1")
        if min(flush_ms, commit_ms) < 0:
            raise ValueError("flush_ms and commit_ms are at least 0")
        super().__init__()
        if isinstance(storage, str):
            from .file_storage import FileStorage

            storage = FileStorage(storage, max_size)
        self.codec = BytesCodec() if codec is None else codec
        self._flush_records = min(flush_records, stage)
        self._flush_bytes = flush_bytes
        self._flush_ms = flush_ms
        self._commit_ms = commit_ms
        self._drop_oldest = drop_oldest
        self._storage = storage
        storage.claim()
        try:
            self._log: Any = SegmentLog(storage)  # None after `release`.
        except Exception as er:
            storage.unclaim()
            raise StorageError(None, self, er) if isinstance(er, OSError) else er

        found = self._log.recovered
        self._log.recovered = None
        self.damaged_count = found.damaged
        size = OVERHEAD + getattr(self.codec, "size", 32)
        self._largest = self._log.largest
        self.capacity = (storage.segment_count - 2) * (self._largest // size)
        self._ledger = Ledger(found.acknowledged, found.skipped)
        self._held = found.count  # Values accepted and not acknowledged.
        self._sequence = found.last + 1  # Of the next value.

        self._staged: list = []  # Entries that are not on flash yet, in order.
        self._staged_bytes = 0
        # Entries that must not be read yet, in order: the first is pending, the others came after it.
        self._unread: list = []
        self._line = Line(found.count)  # Of the readers, with the values that can be read.
        self._slots = Line(stage)  # Of the producers, with the places in the stage.
        self._flushed = Line()  # Of the tasks that wait for the flash; nothing is ever free in it.
        self._alarm = Alarm(self._flush)
        self._full = False  # There was no room on flash for what is staged.
        self._commits = self._commits_stored = 0  # Acknowledgements given, and how many of these are on flash.
        self._failures = 0
        self._cause = None  # Of the last failure.
        self._readers = 0  # Attached and not closed.
        self._read_by = None  # The only task that has read so far; None: no task has; False: several have.

    # Producing

    def push(self, value) -> None:
        try:
            self.try_push(value)
        except Exception:  # Whatever is the matter with the value or the heap, it must not raise.
            self.dropped_count += 1

    def try_push(self, value) -> None:
        """Stage `value`, or raise `BufferFull`, `BufferClosed`, or what the codec raises for it.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        if self._slots.free <= 0 or self.closed:
            raise error(BufferClosed if self.closed else BufferFull, value, self)
        self._stage(self._encoded(value), False)

    async def push_async(self, value) -> None:
        """Return when `value` is on flash.

        Raises `BufferClosed`; `StorageError` when the flash failed; `SelfDeadlock` when the flash is full and only
        this same task has read the queue; and what the codec raises. In all cases nothing was accepted.

        Cancel safety: cancelled before its flush, it has stored nothing. A flush cannot be interrupted; when the
        cancellation comes between the flush and the return, the value is taken back: no reader gets it, and the
        next flush makes that last. IRQ safety: none.
        """
        data = self._encoded(value)
        if self._slots.free <= 0 or self.closed:
            failures = self._failures
            await Turn(
                self._slots,
                lambda: self._slots.free > 0 or self.closed or self._failures != failures or self._hopeless(),
            )
            if self.closed:
                raise BufferClosed(value, self)
            if self._slots.free <= 0:
                if self._failures != failures:
                    raise StorageError(value, self, self._cause)
                raise SelfDeadlock(value, self)
        entry = self._stage(data, True)
        try:
            await Turn(self._flushed, lambda: entry.stored or entry.cause or self._hopeless())
            if entry.cause:
                raise StorageError(value, self, entry.cause)
            if not entry.stored:
                raise (BufferClosed if self.closed else SelfDeadlock)(value, self)
        except BaseException:
            self._withdraw(entry)
            raise
        entry.pending = False
        self._accepted()
        self._release_unread()

    def _encoded(self, value):
        data = self.codec.encode(value)
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise TypeError("record %r: the codec must make bytes, not %r" % (self.key, data))
        if len(data) > self._largest:
            raise ValueError(
                "record %r: a value of %d bytes is too long, at most %d fit" % (self.key, len(data), self._largest)
            )
        return bytes(data)

    def _hopeless(self):
        # Whether it is no use for the current task to wait for room on flash.
        return self._full and (self.closed or (self._readers < 2 and self._read_by is core.cur_task))

    def _stage(self, data, pending):
        entry = _Entry(self._sequence, data, pending)
        if pending or self._unread:
            self._unread.append(entry)
        self._staged.append(entry)
        self._sequence += 1
        self._staged_bytes += len(data)
        self._slots.free -= 1
        if not pending:
            self._accepted()
            if not self._unread:
                self._line.release()
        if not self._full:
            due = len(self._staged) >= self._flush_records or self._staged_bytes >= self._flush_bytes
            self._alarm.set(0 if due else self._flush_ms)
        return entry

    def _accepted(self):
        self._held += 1
        self.produced_count = (self.produced_count & _MASK) + 1

    def _withdraw(self, entry):
        if entry.stored:
            self._ledger.skip(entry.sequence)
            self._commits += 1
            self._alarm.set(self._commit_ms)
        elif entry in self._staged:
            self._unstage(self._staged.index(entry))
        if entry in self._unread:
            self._unread.remove(entry)
        self._release_unread()

    def _unstage(self, index):
        self._staged_bytes -= len(self._staged.pop(index).data)
        if not self._staged:
            self._full = False
        self._slots.release()

    def _release_unread(self):
        # Let readers have what no longer stands behind a pending entry.
        unread = self._unread
        while unread and not unread[0].pending:
            unread.pop(0)
            self._line.release()
        if self._ended():
            self.wake()

    # Flushing

    def _flush(self):
        # Called by the alarm alone, and by `release`: never while a caller of `produce` waits for it to return.
        self._alarm.stop()
        try:
            self._write()
        except Exception as er:
            self._failed(er)
        self._look_again()

    def _write(self):
        log = self._log
        ledger = self._ledger
        staged = self._staged
        while True:
            log.free(ledger.acknowledged())
            ranges = ledger.ranges()
            commits = self._commits
            changed = commits != self._commits_stored
            count = log.write(staged, ledger.acknowledged(), ranges[:RANGES], changed)
            if len(ranges) <= RANGES:
                self._commits_stored = commits
            for _ in range(count):
                staged[0].stored = True
                self._unstage(0)
            self._full = False
            if not staged:
                return
            if count == 0:
                if not self._drop_oldest:
                    self._full = True
                    return
                if self._unread and self._unread[0].sequence <= log.segments[0].last:
                    self._alarm.set(0)  # The oldest value was stored just now; its producer must learn that first.
                    return
                self._drop()

    def _drop(self):
        # Make room: drop the oldest segment.
        ledger = self._ledger
        last = self._log.segments[0].last
        for sequence in self._log.drop_oldest():
            if ledger.is_waiting(sequence):
                self.dropped_count += 1
                self._line.free -= 1
                self._held -= 1
            elif ledger.acknowledge(sequence):
                self._held -= 1
        ledger.pass_over(last)

    def _failed(self, cause):
        self._failures += 1
        self._cause = cause
        for entry in self._staged[:]:
            if entry.pending:
                entry.cause = cause
                self._withdraw(entry)
        try:
            # Values that were refused just now must not come to light after a restart.
            self._log.close_segment(self._ledger.acknowledged(), self._ledger.ranges()[:RANGES])
        except Exception:
            pass  # The next write tries again before it does anything else.
        self._alarm.set(max(self._flush_ms, _RETRY_MS))

    def flush(self) -> "Any":
        """Await it: what is staged and acknowledged now goes to flash at once, and has arrived when it returns.

        Raises `StorageError` when the flash fails, and `BufferClosed` when the queue is released meanwhile. When there
        is no room on flash, it waits for commits.

        Cancel safety: cancelled, all stays staged. IRQ safety: none.
        """
        return self._reached(self._sequence - 1, self._commits, 0)

    async def _reached(self, sequence, commits, milliseconds):
        # Wait until the values up to this number and so many acknowledgements are on flash.
        failures = self._failures

        def there():
            return self._commits_stored >= commits and not (self._staged and self._staged[0].sequence <= sequence)

        if there():
            return
        self._alarm.set(milliseconds)
        await Turn(self._flushed, lambda: there() or self._failures != failures or not self._log)
        if not there():
            raise StorageError(None, self, self._cause) if self._failures != failures else BufferClosed(None, self)

    # Reading

    def subscribe(self) -> FlashReader:
        self._readers += 1
        return FlashReader(self)

    def _upcoming(self):
        # The number and the bytes of the value that comes next.
        ledger = self._ledger
        while self._log and self._line.free > 0:
            wanted = ledger.upcoming()
            try:
                found = self._find(wanted)
            except OSError as er:
                raise StorageError(None, self, er)
            if ledger.is_again(wanted):
                if found and found[0] == wanted:
                    return found
                self._lost(1)
                ledger.pass_over(wanted)
            elif not found or (self._unread and found[0] >= self._unread[0].sequence):
                self._lost(self._line.free)
            else:
                ledger.pass_over(found[0] - 1)
                if not ledger.is_skipped(found[0]):
                    return found
                ledger.pass_over(found[0])
        raise error(BufferClosed, None, self) if self._ended() else EMPTY

    def _find(self, sequence):
        found = self._log.get(sequence)
        if not found:
            index = self._staged_at(sequence)
            if index < len(self._staged):
                entry = self._staged[index]
                found = entry.sequence, entry.data
        return found

    def _staged_at(self, sequence):
        # The place in the stage of the first value with this number or a higher one.
        staged = self._staged
        index = max(0, len(staged) - (self._sequence - sequence))  # Not after it: each number is there at most once.
        while index < len(staged) and staged[index].sequence < sequence:
            index += 1
        return index

    def _lost(self, count):
        # So many values were there when they were counted, and cannot be read now.
        self._line.free -= count
        self._held -= count
        self.damaged_count += 1

    def _commit(self, sequences):
        if not self._log:
            raise BufferClosed(None, self)
        stored = False
        for sequence in sequences:
            if self._ledger.acknowledge(sequence):
                self._held -= 1
                index = self._staged_at(sequence)
                if index < len(self._staged) and self._staged[index].sequence == sequence:
                    self._unstage(index)  # Nobody needs it any more.
                else:
                    stored = True
        if stored:
            self._commits += 1
            more_room = self._full and self._log.could_free(self._ledger.acknowledged())
            self._alarm.set(0 if more_room else self._commit_ms)
        return self._reached(-1, self._commits, self._flush_ms)

    def _detached(self, sequences):
        self._readers -= 1
        for _ in range(self._ledger.give_back(sequences)):
            self._line.release()
        self._look_again()

    def peek(self):
        if self._line.free <= 0:
            return None
        try:
            return self.codec.decode(self._upcoming()[1])
        except BufferEmpty:
            return None

    def held(self) -> int:
        """How many values were accepted and are not acknowledged.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        return self._held

    # Ending

    def wake(self) -> None:
        self._line.look_again()

    def _look_again(self):
        # For those who wait: they may have what they wait for, or it may be no use to wait any longer.
        self._slots.look_again()
        self._flushed.look_again()

    def _ended(self):
        return self.closed and not self._unread

    def close(self) -> None:
        """Take no more values; what is staged goes to flash with the next flush, which comes at once.

        Readers get what is held, can commit it, and then get `BufferClosed`. Producers that wait for room on flash
        get `BufferClosed`. The storage stays in use: see `release`.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        super().close()
        self._flush_ms = self._commit_ms = 0
        if self._log:
            self._alarm.set(0)
        self._look_again()

    def release(self) -> None:
        """Close the queue, put everything on flash before returning, and let another queue open the storage.

        For the end of a program, before a deep sleep or a reset. What there is no room for is lost, and counted as
        dropped. Readers then get `BufferClosed`. Raises `StorageError` when the flash fails; it is released even so.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        self.close()
        if not self._log:
            return
        failures = self._failures
        self._flush()
        self._alarm.stop()
        self.dropped_count += sum([not entry.pending for entry in self._staged])
        self._log = None
        self._line.free = 0
        self._full = True  # For producers that wait still.
        self._storage.unclaim()
        self.wake()
        self._look_again()
        if failures != self._failures:
            raise StorageError(None, self, self._cause)
