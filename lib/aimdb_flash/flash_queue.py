from asyncio import core  # type: ignore[attr-defined]

from aimdb import Buffer
from aimdb.errors import BufferClosed, BufferEmpty, BufferFull, SelfDeadlock, error
from micropython import const

from .errors import StorageError
from .flash_reader import FlashReader, upcoming
from .flusher import Flusher
from .ledger import Ledger
from .places import Places
from .recovery import recover
from .segment_log import SegmentLog

_EDITOR = const(0)  # For editors only: what is below it costs the board nothing.
if _EDITOR:
    from typing import Any

    from .storage import Storage

_OVERHEAD = const(12)  # Bytes of a value on flash besides its own.


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
            from aimdb.codecs import BytesCodec

            codec = BytesCodec()
        self.codec = codec
        self.flush_records = min(flush_records, stage)
        self.flush_bytes = flush_bytes
        self.flush_ms = flush_ms
        self.commit_ms = commit_ms
        self.drop_oldest = drop_oldest
        self._storage = storage
        storage.claim()
        try:
            log = SegmentLog(storage, Ledger())
            held, self.damaged_count = recover(log)
        except Exception as er:
            storage.unclaim()
            raise StorageError(None, self, er) if isinstance(er, OSError) else er

        self.largest = log.largest
        self.capacity = (storage.segment_count - 2) * (log.largest // (_OVERHEAD + getattr(codec, "size", 32)))
        self._flusher = Flusher(self, log, stage)
        # What follows is changed by the flusher and the readers, too; all of them are in the asyncio thread.
        self._held = held  # Values accepted and not acknowledged.
        self._line = Places(held)  # Of the readers, with the values that can be read.
        self._waiting = self._line.tasks  # For `wake`.
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
        if self._flusher.slots.free <= 0 or self.closed:
            raise error(BufferClosed if self.closed else BufferFull, value, self)
        self._flusher.accept(self._flusher.stage(self._encoded(value)))

    async def push_async(self, value) -> None:
        """Return when `value` is on flash.

        Raises `BufferClosed`; `StorageError` when the flash failed; `SelfDeadlock` when the flash is full and only
        this same task has read the queue; and what the codec raises. In all cases nothing was accepted.

        Cancel safety: cancelled before its flush, it has stored nothing. A flush cannot be interrupted; when the
        cancellation comes between the flush and the return, the value is taken back: no reader gets it, and the
        next flush makes that last. IRQ safety: none.
        """
        data = self._encoded(value)
        flusher = self._flusher
        failures = flusher.failures
        ticket = None
        while flusher.slots.free <= 0 or self.closed:
            if flusher.failures != failures:
                raise StorageError(value, self, flusher.cause)
            if self.closed or self._hopeless():
                raise (BufferClosed if self.closed else SelfDeadlock)(value, self)
            ticket = await flusher.slots.wait(ticket)
        entry = flusher.stage(data)
        ticket = None
        try:
            while not entry.stored:
                if entry not in flusher.staged:
                    raise StorageError(value, self, flusher.cause)
                if self._hopeless():
                    raise (BufferClosed if self.closed else SelfDeadlock)(value, self)
                ticket = await flusher.flushed.wait(ticket)
        except BaseException:
            flusher.withdraw(entry)
            raise
        flusher.accept(entry)

    def _encoded(self, value):
        data = self.codec.encode(value)
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise TypeError("record %r stores bytes, not %r; a codec makes them" % (self.key, data))
        if len(data) > self.largest:
            raise ValueError("record %r: a value has at most %d bytes, not %d" % (self.key, self.largest, len(data)))
        return bytes(data)

    def _hopeless(self):
        # Whether it is no use for the current task to wait for room on flash.
        return self._flusher.full and (self.closed or (self._readers < 2 and self._read_by is core.cur_task))

    def flush(self) -> "Any":
        """Await it: what is staged and acknowledged now goes to flash at once, and has arrived when it returns.

        Raises `StorageError` when the flash fails, and `BufferClosed` when the queue is released meanwhile. When there
        is no room on flash, it waits for commits.

        Cancel safety: cancelled, all stays staged. IRQ safety: none.
        """
        return self._flusher.reached(self._flusher.sequence - 1, self._flusher.ledger.commits, 0)

    # Reading

    def subscribe(self) -> "FlashReader":
        if not self._readers and self._read_by:
            self._read_by = None  # Who has read had another reader.
        reader = FlashReader(self)
        self._readers += 1
        return reader

    def peek(self):
        try:
            return self.codec.decode(upcoming(self)[1])
        except (BufferEmpty, BufferClosed):
            return None

    def held(self) -> int:
        """How many values were accepted and are not acknowledged.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        return self._held

    # Ending

    def close(self) -> None:
        """Take no more values; what is staged goes to flash with the next flush, which comes at once.

        Readers get what is held, can commit it, and then get `BufferClosed`. Producers that wait for room on flash
        get `BufferClosed`. The storage stays in use: see `release`.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        super().close()
        self.flush_ms = self.commit_ms = 0
        self._flusher.flush_within(0)
        self._flusher.look_again()

    def release(self) -> None:
        """Close the queue, put everything on flash before returning, and let another queue open the storage.

        For the end of a program, before a deep sleep or a reset. What there is no room for is lost, and counted as
        dropped. Readers then get `BufferClosed`. Raises `StorageError` when the flash fails; it is released even so.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        flusher = self._flusher
        if not flusher.log:
            return
        self.close()
        failures = flusher.failures
        flusher.flush()
        for entry in flusher.staged:
            self.dropped_count += not entry.pending
        flusher.log = None
        flusher.full = True  # For producers that wait still.
        self._line.free = 0
        self._storage.unclaim()
        self.wake()
        flusher.look_again()
        if failures != flusher.failures:
            raise StorageError(None, self, flusher.cause)
