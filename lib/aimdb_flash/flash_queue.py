from aimdb import Buffer
from aimdb.errors import BufferClosed, BufferEmpty, BufferFull, check_int, error
from aimdb.waiting import current, current_loop
from micropython import const

from .errors import StorageError
from .flash_reader import FlashReader
from .flusher import Flusher
from .ledger import Ledger
from .recovery import recover
from .segment_log import SegmentLog
from .stage import Stage
from .storage import Storage, claim, unclaim
from .values import Values

_EDITOR = const(0)  # For editors only: what is below it costs the board nothing.
if _EDITOR:
    from typing import Any

_OVERHEAD = const(12)  # Bytes of a value on flash besides its own.
_MASK = const(0x1FFFFFFF)


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
    stage, stage_bytes
                   how many values, and bytes of them, may be staged by `produce` and `try_produce`
    flush_records, flush_bytes, flush_ms
                   a flush comes when so many values or bytes are staged, or when the first has waited so long; all
                   that is staged shares it. `flush_ms=None`: after 500 ms, and at once for a value that a task awaits,
                   as soon as all tasks that can run have had their turn. With files each flush costs about one
                   erasure, so few large ones are best
    commit_ms      an acknowledgement that nobody awaits goes to flash with the next flush, or after so long
    drop_oldest    what happens when there is no room on flash: False, producers wait for commits; True, the oldest
                   segment is dropped, and its unread values count as dropped
    undecodable    a function for values that the codec cannot decode: it gets a `CodecError`. Without one they are
                   named on stderr, the 1st, 2nd, 4th ... time. They are acknowledged, and readers get the next value

    `capacity` is how many values of the codec's `size` fit, and `largest` how many bytes the longest one may have.
    `damaged_count` says how many stretches of damaged bytes were passed over, `undecodable_count` how many values could
    not be decoded; their values count as dropped. Raises `ValueError` or `TypeError` for bad arguments, `QueueInUse`,
    `UnknownFormat`, and `StorageError` when the flash cannot be read; damaged bytes raise nothing.

    Cancel safety: a cancelled `produce_async` has stored nothing; when the cancellation comes between the flush and the
    return, no reader gets the value, and the next flush makes that last. IRQ safety: none.
    """

    def __init__(
        self,
        storage: "str | Storage",
        codec: "Any" = None,
        max_size: int = 65536,
        stage: int = 64,
        flush_records: int = 16,
        flush_bytes: int = 2048,
        flush_ms: "int | None" = None,
        commit_ms: int = 10000,
        drop_oldest: bool = False,
        stage_bytes: int = 8192,
        undecodable: "Any" = None,
    ):
        check_int("stage", stage, 1)
        check_int("stage_bytes", stage_bytes, 1)
        check_int("flush_records", flush_records, 1)
        check_int("flush_bytes", flush_bytes, 1)
        if flush_ms is not None:
            check_int("flush_ms", flush_ms)
        check_int("commit_ms", commit_ms)
        if undecodable is not None and not callable(undecodable):
            raise TypeError("undecodable is a function, not %r" % (undecodable,))
        super().__init__()
        if isinstance(storage, str):
            from .file_storage import FileStorage

            storage = FileStorage(storage, max_size)
        if not isinstance(storage, Storage):
            raise TypeError("storage is a path or a Storage, not %r" % (storage,))
        storage.check()
        if codec is None:
            from aimdb.codecs import BytesCodec

            codec = BytesCodec()
        codec.encode, codec.decode  # Told now what is missing.
        self.codec = codec
        self.flush_records = min(flush_records, stage)
        self.flush_bytes = min(flush_bytes, stage_bytes)
        self.flush_ms = flush_ms
        self.commit_ms = commit_ms
        self.drop_oldest = bool(drop_oldest)
        self.path = storage.identity
        self.undecodable_count = 0
        self.undecodable = undecodable
        self._opener = current()
        self._loop = current_loop()
        self._flusher: "Any" = None
        try:
            claim(self.path, self)
            log = SegmentLog(storage, Ledger())
            recover(log)
            self._stage = Stage(stage, stage_bytes)
            self._values = Values(self, log, self._stage)
            self._line: "Any" = self._values.line
            self._readers = 0  # Attached and not closed.
            self.largest = log.largest
            size = check_size(codec)
            self.capacity = (storage.segment_count - 2) * (log.largest // (_OVERHEAD + size))
            self._flusher = self._values.flusher = Flusher(self, log, self._values)
        except BaseException as er:
            unclaim(self.path, self)
            raise StorageError(None, self, er) if isinstance(er, OSError) else er

    # Producing

    def push(self, value) -> None:
        try:
            self.try_push(value)
        except Exception:  # Whatever is the matter with the value or the heap, it must not raise.
            self.dropped_count += 1

    def try_push(self, value) -> None:
        """Stage `value`, or raise `BufferFull`, `BufferClosed`, or what the codec raises for it."""
        if self.closed:
            raise error(BufferClosed, value, self)
        data = self._encoded(value)
        if not self._stage.has_room(len(data)):
            raise error(BufferFull, value, self)
        self._values.accept(self._stage.add(data, None))
        self._flusher.come()

    def push_async(self, value):
        """Await it: it returns when `value` is on flash.

        Raises `BufferClosed`; `StorageError` when the flash failed; `SelfDeadlock` when the flash is full and only
        this same task has read the queue; and what the codec raises. In all cases nothing was accepted.
        """
        data = self._encoded(value)
        if self.closed:
            raise BufferClosed(value, self)
        flusher = self._flusher
        entry = self._stage.add(data, current_loop())
        try:
            flusher.come()
            while not entry.number:
                if flusher.full:
                    self._check_hope(value)
                flusher.flushed.park(flusher)
                yield
            if entry.number < 0:
                raise StorageError(value, self, flusher.cause)
        except BaseException:
            self._values.withdraw(entry)
            raise
        self._values.accept(entry)

    def _encoded(self, value):
        data = self.codec.encode(value)
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise TypeError("record %r stores bytes, not %r; a codec makes them" % (self.key, data))
        data = bytes(data)
        if len(data) > self.largest:
            raise ValueError("record %r: a value has at most %d bytes, not %d" % (self.key, self.largest, len(data)))
        return data

    def _check_hope(self, value):
        # Whether it is any use for the running task to wait for room on flash.
        if self.closed:
            raise BufferClosed(value, self)
        if self._readers < 2 and self._line.taken_by is current():
            from aimdb import SelfDeadlock

            raise SelfDeadlock(value, self)

    def flush(self) -> "Any":
        """Await it: what is staged and acknowledged now goes to flash at once, and has arrived when it returns.

        Raises `StorageError` when the flash fails, and `BufferClosed` when the queue is released meanwhile. When there
        is no room on flash, it waits for commits.
        """
        return self._flusher.reached(self._stage.tickets, 0)

    # Reading

    def subscribe(self) -> "FlashReader":
        if not self._readers:
            self._line.begin()  # Who has read had another reader.
        reader = FlashReader(self)
        self._readers += 1
        self.wake_up()
        return reader

    def wake_up(self) -> None:
        """In a new event loop: what was staged in the one that was left still goes to flash."""
        if self._loop is not current_loop():
            self._loop = current_loop()
            self._values.admit()
            self._flusher.flush_within(0)

    def peek(self):
        try:
            return self._values.upcoming()[1]
        except (BufferEmpty, BufferClosed):
            return None

    def held(self) -> int:
        """How many values were accepted and are not acknowledged."""
        return self._values.held

    # Ending

    @property
    def damaged_count(self) -> int:
        return self._flusher.values.log.damaged_count

    def is_in_use(self) -> bool:
        """Whether the task that opened it still runs."""
        opener = self._opener
        return opener is not None and self._flusher is not None and self._loop is current_loop() and not opener.done()

    def close(self) -> None:
        """Take no more values; what is staged goes to flash with the next flush, which comes at once.

        Readers get what is held, can commit it, and then get `BufferClosed`. Producers that wait for room on flash
        get `BufferClosed`. The storage stays in use: see `release`.
        """
        self.closed = True
        if not self._stage.barred:
            self._line.close()
        self.flush_ms = self.commit_ms = 0
        self._flusher.flush_within(0)
        self._flusher.flushed.wake_all()

    def release(self) -> None:
        """Close the queue, put everything on flash before returning, and let another queue open the storage.

        For the end of a program, before a deep sleep or a reset. What there is no room for is lost, and counted as
        dropped. Readers then get `BufferClosed`. Raises `StorageError` when the flash fails; it is released even so.
        With `MemoryError` it is not.
        """
        flusher = self._flusher
        if flusher is None or not flusher.log:
            return
        failures = flusher.failures
        flusher.begin()
        while flusher.step():
            pass
        if failures != flusher.failures and isinstance(flusher.cause, MemoryError):
            raise MemoryError
        self.close()
        for entry in self._stage.entries:
            self.dropped_count += entry.waits is None
        flusher.goes_on()
        flusher.log = None
        flusher.full = True  # For producers that wait still.
        unclaim(self.path, self)
        self._line.close()
        flusher.flushed.wake_all()
        if failures != flusher.failures:
            raise StorageError(None, self, flusher.cause)


def check_size(codec) -> int:
    """How many bytes a value of this codec is likely to have."""
    size = getattr(codec, "size", 32)
    check_int("codec.size", size)
    return size
