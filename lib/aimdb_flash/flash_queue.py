from asyncio import core  # type: ignore[attr-defined]
from time import ticks_add, ticks_diff, ticks_ms

from aimdb import Buffer, Reader
from aimdb.errors import EMPTY, BufferClosed, BufferEmpty, BufferFull, RecordError, SelfDeadlock, error
from aimdb.line import Line
from aimdb.timeout import timed
from micropython import const

from .segment_log import Ledger, SegmentLog

TYPE_CHECKING = const(0)  # For editors only: what is below it costs the board nothing.
if TYPE_CHECKING:
    from collections.abc import Awaitable
    from typing import Any

    from .segment_log import Storage

_MASK = const(0x1FFFFFFF)
_OVERHEAD = const(12)  # Bytes of a value on flash besides its own.
_RETRY_MS = const(100)  # After a failure, not at once again.


class StorageError(RecordError):
    """The flash or its filesystem failed; `cause` is what it raised, `value` what was not accepted, if anything.

    The queue goes on working: the next write is tried on another piece of the flash.
    """

    def __init__(self, value: "Any" = None, buffer: "Buffer | None" = None, cause: "Exception | None" = None):
        super().__init__(value, buffer)
        self.cause = cause
        self._text = "could not use its storage: %r" % (cause,)


class CodecError(RecordError):
    """A value was read whose bytes the codec cannot decode; `value` has the bytes, `cause` what the codec raised.

    It counts as read: the next read goes on with the next value, and `commit` acknowledges this one, too.
    """

    def __init__(self, value: "Any" = None, buffer: "Buffer | None" = None, cause: "Exception | None" = None):
        super().__init__(value, buffer)
        self.cause = cause
        self._text = "holds bytes that its codec cannot decode: %r, %r" % (value, cause)


class _Places(Line):
    # A line in which tasks also wait for other things than their turn: whoever waits looks in a loop.

    def __init__(self, free):
        super().__init__(self)
        self.free = free  # What may be taken at once. Above 0 only while nobody in line could take it.
        self._ticket = 0

    def release(self, _=None):
        # Hand one on to the first in line, or set it free.
        if not self.grant():
            self.free += 1

    returned = release  # Called when who was granted one is cancelled.

    def look_again(self, count=-1):
        # Wake the first `count` in line (-1: all) to look.
        tasks = self.tasks
        while count and tasks.peek():
            core._task_queue.push(tasks.pop())
            count -= 1

    def wait(self, ticket):
        # A coroutine, written as a generator so that it can yield to the scheduler. It returns when it is time to
        # look; what is free then is so until the next await. Give it None, and when it has to wait on, what it
        # returned, with which a task keeps its place.
        if ticket is None:
            self._ticket = ticket = ticks_add(self._ticket, 1)
        task = core.cur_task
        self.tasks.push(task, ticket)
        task.data = self.tasks  # Has the `remove` that Task.cancel calls.
        try:
            yield
        except BaseException:
            if self.free > 0:
                self.look_again(1)  # It may have been woken to look at just this one.
            raise
        if task.data is self:  # It was granted one.
            task.data = None
            self.free += 1
        return ticket


class _Entry:
    # A value on its way to the flash.

    def __init__(self, sequence, data):
        self.sequence = sequence
        self.data = data
        self.pending = True  # A task awaits it; nobody may read it before that task knows that it is stored.
        self.stored = False  # It is on flash.


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

    `damaged_count` says how many stretches of damaged bytes were skipped at opening, `capacity` how many values of
    the codec's `size` fit, and `largest` how many bytes the longest one may have. Raises `ValueError` or `TypeError`
    for bad arguments, `QueueInUse`, `UnknownFormat`, and `StorageError` when the flash cannot be read; damaged bytes
    raise nothing.
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
        if min(stage, flush_records, flush_bytes, flush_ms + 1, commit_ms + 1) < 1:
            raise ValueError("stage, flush_records and flush_bytes are at least 1, flush_ms and commit_ms at least 0")
        super().__init__()
        if isinstance(storage, str):
            from .file_storage import FileStorage

            storage = FileStorage(storage, max_size)
        if codec is None:
            from .codecs import BytesCodec

            codec = BytesCodec()
        self.codec = codec
        self.flush_records = min(flush_records, stage)
        self.flush_bytes = flush_bytes
        self.flush_ms = flush_ms
        self.commit_ms = commit_ms
        self.drop_oldest = drop_oldest
        self._storage = storage
        self._ledger = Ledger()
        storage.claim()
        try:
            log = SegmentLog(storage, self._ledger)
        except Exception as er:
            storage.unclaim()
            raise StorageError(None, self, er) if isinstance(er, OSError) else er

        self._log: Any = log  # None after `release`.
        self.damaged_count = log.damaged_count
        self.largest = log.largest
        self.capacity = (storage.segment_count - 2) * (log.largest // (_OVERHEAD + getattr(codec, "size", 32)))
        self._held = log.held  # Values accepted and not acknowledged.
        self._sequence = log.last + 1  # Of the next value.

        self._staged: list = []  # Entries that are not on flash yet, in order.
        self._bytes = 0
        # Entries that must not be read yet, in order: the first is pending, the others came after it.
        self._unread: list = []
        self._line = _Places(log.held)  # Of the readers, with the values that can be read.
        self._waiting = self._line.tasks  # For `wake`.
        self._slots = _Places(stage)  # Of the producers, with the places in the stage.
        self._flushed = _Places(0)  # Of the tasks that wait for the flash; nothing is ever free in it.
        self._flusher = core.Task(self._flushes())
        self._queue: Any = None  # The scheduler's queue that the flusher is on.
        self._full = False  # There was no room on flash for what is staged.
        self._failures = 0
        self._cause: Any = None  # Of the last failure.
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
        self._accept(self._stage(self._encoded(value)))

    async def push_async(self, value) -> None:
        """Return when `value` is on flash.

        Raises `BufferClosed`; `StorageError` when the flash failed; `SelfDeadlock` when the flash is full and only
        this same task has read the queue; and what the codec raises. In all cases nothing was accepted.

        Cancel safety: cancelled before its flush, it has stored nothing. A flush cannot be interrupted; when the
        cancellation comes between the flush and the return, the value is taken back: no reader gets it, and the
        next flush makes that last. IRQ safety: none.
        """
        data = self._encoded(value)
        failures = self._failures
        ticket = None
        while self._slots.free <= 0 or self.closed:
            if self.closed:
                raise BufferClosed(value, self)
            if self._failures != failures:
                raise StorageError(value, self, self._cause)
            if self._hopeless():
                raise SelfDeadlock(value, self)
            ticket = await self._slots.wait(ticket)
        entry = self._stage(data)
        ticket = None
        try:
            while not entry.stored:
                if entry not in self._staged:
                    raise StorageError(value, self, self._cause)
                if self._hopeless():
                    raise (BufferClosed if self.closed else SelfDeadlock)(value, self)
                ticket = await self._flushed.wait(ticket)
        except BaseException:
            self._withdraw(entry)
            raise
        self._accept(entry)

    def _encoded(self, value):
        data = self.codec.encode(value)
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise TypeError("record %r stores bytes, not %r; a codec makes them" % (self.key, data))
        if len(data) > self.largest:
            raise ValueError("record %r: a value has at most %d bytes, not %d" % (self.key, self.largest, len(data)))
        return bytes(data)

    def _hopeless(self):
        # Whether it is no use for the current task to wait for room on flash.
        return self._full and (self.closed or (self._readers < 2 and self._read_by is core.cur_task))

    def _stage(self, data):
        entry = _Entry(self._sequence, data)
        self._unread.append(entry)
        self._staged.append(entry)
        self._sequence += 1
        self._bytes += len(data)
        self._slots.free -= 1
        if not self._full:
            due = len(self._staged) >= self.flush_records or self._bytes >= self.flush_bytes
            self._flush_within(0 if due else self.flush_ms)
        return entry

    def _accept(self, entry):
        entry.pending = False
        self._held += 1
        self.produced_count = (self.produced_count & _MASK) + 1
        self._admit()

    def _withdraw(self, entry):
        if entry.stored:
            self._acknowledge([(entry.sequence, entry.sequence + 1)], True)
        elif entry in self._staged:
            self._unstage(entry)
        if entry in self._unread:
            self._unread.remove(entry)
        self._admit()

    def _unstage(self, entry):
        self._staged.remove(entry)
        self._bytes -= len(entry.data)
        if not self._staged:
            self._full = False
        self._slots.release()

    def _admit(self):
        # Let readers have what no longer stands behind a pending entry.
        unread = self._unread
        while unread and not unread[0].pending:
            unread.pop(0)
            self._line.release()
        if self.closed and not unread:
            self.wake()

    # Flushing

    def _flush_within(self, milliseconds):
        # Have the flusher run after so many milliseconds at the latest.
        flusher = self._flusher
        queue = core._task_queue  # A new event loop begins with a new one.
        when = ticks_add(ticks_ms(), milliseconds)
        if self._queue is queue:
            if ticks_diff(when, flusher.ph_key) >= 0:
                return
            queue.remove(flusher)
        self._queue = queue
        queue.push(flusher, when)

    def _flushes(self):
        # What the flusher runs. So a flush never comes while a caller of `produce` waits for it to return.
        while True:
            self._queue = None
            if self._log:  # Else it was released.
                self._flush()
            yield

    def _flush(self):
        try:
            self._write()
        except Exception as er:
            self._failures += 1
            self._cause = er
            for entry in self._staged[:]:
                if entry.pending:
                    self._withdraw(entry)
            try:
                # A new segment: values that were refused just now must not come to light after a restart.
                if not self._log.writable:
                    self._log.write([], True)
            except Exception:
                pass  # The next write tries again before it does anything else.
            self._flush_within(max(self.flush_ms, _RETRY_MS))
        self._look_again()

    def _write(self):
        log = self._log
        ledger = self._ledger
        staged = self._staged
        while True:
            log.free()
            count = log.write(staged)
            for entry in staged[:count]:
                entry.stored = True
                self._unstage(entry)
            self._full = bool(staged) and not count and not self.drop_oldest
            if not staged or self._full:
                return
            if not count:
                # Make room: drop the oldest segment.
                last = log.segments[0].last
                if self._unread and self._unread[0].sequence <= last:
                    self._flush_within(0)  # The oldest value was stored just now; its producer must learn that first.
                    return
                for sequence in log.drop_oldest():
                    if not ledger.has(sequence):
                        self._held -= 1
                        if sequence >= ledger.next or sequence in ledger.again:
                            self.dropped_count += 1
                            self._line.free -= 1
                ledger.lose(0, last + 1)

    def flush(self) -> "Any":
        """Await it: what is staged and acknowledged now goes to flash at once, and has arrived when it returns.

        Raises `StorageError` when the flash fails, and `BufferClosed` when the queue is released meanwhile. When there
        is no room on flash, it waits for commits.

        Cancel safety: cancelled, all stays staged. IRQ safety: none.
        """
        return self._reached(self._sequence - 1, self._ledger.commits, 0)

    async def _reached(self, sequence, commits, milliseconds):
        # Wait until the values up to this number and so many acknowledgements are on flash.
        failures = self._failures
        ticket = None
        while self._ledger.stored < commits or (self._staged and self._staged[0].sequence <= sequence):
            if self._failures != failures:
                raise StorageError(None, self, self._cause)
            if not self._log:
                raise BufferClosed(None, self)
            if ticket is None:
                self._flush_within(milliseconds)
            ticket = await self._flushed.wait(ticket)

    # Reading

    def subscribe(self) -> "FlashReader":
        self._readers += 1
        return FlashReader(self)

    def _upcoming(self):
        # The number and the bytes of the value that comes next.
        ledger = self._ledger
        while self._log and self._line.free > 0:
            again = bool(ledger.again)
            wanted = ledger.again[0] if again else ledger.next
            try:
                found = self._log.get(wanted)
            except OSError as er:
                raise StorageError(None, self, er)
            if not found:
                entry = self._staged_from(wanted)
                found = entry and (entry.sequence, entry.data)
            if found and self._unread and found[0] >= self._unread[0].sequence:
                found = None  # Not to be read yet.
            if found and (found[0] == wanted or not again):
                if found[0] > wanted:
                    ledger.lose(wanted, found[0])
                return found
            # Values that were there when they were counted cannot be read now.
            lost = 1 if again else self._line.free
            self._line.free -= lost
            self._held -= lost
            self.damaged_count += 1
            if again:
                ledger.lose(wanted, wanted + 1)
        raise error(BufferClosed, None, self) if self.closed and not self._unread else EMPTY

    def _staged_from(self, sequence):
        # The first staged entry with this number or a higher one.
        staged = self._staged
        # It is not nearer to the front: each number is there at most once.
        for entry in staged[max(0, len(staged) - (self._sequence - sequence)) :]:
            if entry.sequence >= sequence:
                return entry

    def _acknowledge(self, ranges, stored):
        ledger = self._ledger
        ledger.acknowledge(ranges)
        if stored and self._log:
            ledger.commits += 1
            makes_room = self._full and self._log.segments[0].last < ledger.acknowledged
            self._flush_within(0 if makes_room else self.commit_ms)

    def peek(self):
        try:
            return self.codec.decode(self._upcoming()[1])
        except (BufferEmpty, BufferClosed):
            return None

    def held(self) -> int:
        """How many values were accepted and are not acknowledged.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        return self._held

    # Ending

    def _look_again(self):
        # For those who wait: they may have what they wait for, or it may be no use to wait any longer.
        self._slots.look_again()
        self._flushed.look_again()

    def close(self) -> None:
        """Take no more values; what is staged goes to flash with the next flush, which comes at once.

        Readers get what is held, can commit it, and then get `BufferClosed`. Producers that wait for room on flash
        get `BufferClosed`. The storage stays in use: see `release`.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        super().close()
        self.flush_ms = self.commit_ms = 0
        self._flush_within(0)
        self._look_again()

    def release(self) -> None:
        """Close the queue, put everything on flash before returning, and let another queue open the storage.

        For the end of a program, before a deep sleep or a reset. What there is no room for is lost, and counted as
        dropped. Readers then get `BufferClosed`. Raises `StorageError` when the flash fails; it is released even so.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        if not self._log:
            return
        self.close()
        failures = self._failures
        self._flush()
        for entry in self._staged:
            self.dropped_count += not entry.pending
        self._log = None
        self._line.free = 0
        self._full = True  # For producers that wait still.
        self._storage.unclaim()
        self.wake()
        self._look_again()
        if failures != self._failures:
            raise StorageError(None, self, self._cause)


class FlashReader(Reader):
    """Reads a `FlashQueue`, in competition with its other readers. What it has read is its own until `commit`.

    A reader that is done should be closed, so that others get what it did not commit. What a forgotten reader had
    read comes again only after a restart.
    """

    def __init__(self, buffer: FlashQueue):
        super().__init__(buffer)
        self._taken: list = []  # Numbers of the values that were read and not committed, in the order of reading.

    def has_value(self) -> bool:
        return self.buffer._line.free > 0

    def try_recv(self):
        buffer = self.buffer
        if self.closed:
            raise BufferClosed(None, buffer)
        sequence, data = buffer._upcoming()
        self._taken.append(sequence)
        ledger = buffer._ledger
        if ledger.again:
            ledger.again.pop(0)
        else:
            ledger.next = sequence + 1
        buffer._line.free -= 1
        if buffer._read_by is not core.cur_task:
            buffer._read_by = core.cur_task if buffer._read_by is None else False
        buffer.consumed_count = (buffer.consumed_count & _MASK) + 1
        try:
            return buffer.codec.decode(data)
        except Exception as er:
            raise CodecError(data, buffer, er)

    def commit(self, count: "int | None" = None) -> "Awaitable[None]":
        """Acknowledge the oldest `count` values that were read with this reader and not committed; None: all.

        It counts at once: when this reader is closed, they are not given back. A power cut may still bring them
        back; await the result for the acknowledgement to be on flash, which raises `StorageError` when that fails.
        When it is not awaited, the acknowledgement goes to flash with the next flush. Values that were committed
        before they went to flash never go there.

        Raises `ValueError` when `count` is negative, or more than was read, and `BufferClosed` after `release`.

        Cancel safety: cancelled, the values stay acknowledged. IRQ safety: none.
        """
        buffer = self.buffer
        taken = self._taken
        if not buffer._log:
            raise BufferClosed(None, buffer)
        if count is None:
            count = len(taken)
        elif not 0 <= count <= len(taken):
            raise ValueError("record %r: cannot commit %r of the %d values read" % (buffer.key, count, len(taken)))
        self._taken = taken[count:]
        ranges = []
        stored = False
        for sequence in taken[:count]:
            ranges.append((sequence, sequence + 1))
            if not buffer._ledger.has(sequence):  # Else it was dropped meanwhile.
                buffer._held -= 1
                if sequence > buffer._log.last:
                    buffer._unstage(buffer._staged_from(sequence))  # Nobody needs it any more.
                else:
                    stored = True
        buffer._acknowledge(ranges, stored)
        return buffer._reached(-1, buffer._ledger.commits, buffer.flush_ms)

    async def ready(self) -> None:
        buffer = self.buffer
        line = buffer._line
        ticket = None
        while line.free <= 0 and not self.closed and (buffer._unread or not buffer.closed):
            ticket = await line.wait(ticket)
        if line.free > 0:
            line.look_again(1)  # This task may leave it; the next in line must not sleep on then.

    async def recv(self, timeout_ms: "int | None" = None) -> "Any":
        if timeout_ms is not None and timeout_ms > 0:
            return await timed(self.recv(), timeout_ms)
        while True:
            if timeout_ms is None:
                await self.ready()
            try:
                return self.try_recv()
            except BufferEmpty:
                # What was counted on has turned out to be damaged, or was dropped.
                if timeout_ms is not None:
                    await core.sleep_ms(0)  # A task that only looks, in a loop, must not starve the others.
                    raise core.TimeoutError

    def close(self) -> None:
        """Detach, and give what was not committed back to the other readers, in order.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        if not self.closed:
            super().close()
            buffer = self.buffer
            buffer._readers -= 1
            ledger = buffer._ledger
            for sequence in self._taken:
                if not ledger.has(sequence):  # Else it was dropped meanwhile.
                    ledger.again.append(sequence)
                    buffer._line.release()
            ledger.again.sort()
            self._taken = []
            buffer._look_again()
