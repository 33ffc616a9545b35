from aimdb import Buffer, kept, once
from aimdb.errors import BufferClosed, BufferFull, RecordError, error
from aimdb.waiting import current, current_loop
from micropython import const

from .flash_reader import FlashReader
from .flusher import Flusher
from .ledger import Ledger
from .segment_log import SegmentLog
from .storage import StorageError
from .values import Values

_BOARD = const(1)
if not _BOARD:  # So that the board's compiler knows the constant, and stores nothing.
    TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any

    from .storage import Storage


class FlashQueue(Buffer):
    """Values in order that survive the power going out at any moment. Readers compete for them.

        queue = FlashQueue("/journal.queue", JsonCodec())

    `produce_async` returns when its value is on flash; from then on no power cut loses it. `produce` and `try_produce`
    stage the value in RAM: it can be read at once, and goes to flash with the next flush. What was read and not
    acknowledged with `reader.commit()` comes again after a restart: every value is delivered at least once. The order
    is kept.

    storage        path of a folder, or a `Storage` such as `BlockStorage(rp2.Flash(…))` or an ESP32's `partition()`
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
    not be decoded, and `unencodable_count` how many `produce` dropped because the codec does not take them: those are
    named on stderr, the 1st, 2nd, 4th ... time. All of these values count as dropped. Raises `ValueError` or
    `TypeError` for bad arguments, `UnknownFormat`, and `StorageError` when the flash cannot be read or
    the folder cannot be made; damaged bytes raise nothing.

    A storage has one queue at a time. A new one takes it over from the one before, which puts what is staged on flash
    and is closed; whoever uses that one still gets `QueueInUse`.

    Cancel safety: a cancelled `produce_async` has stored nothing; when it is cancelled after its value was flushed, no
    reader gets the value, and the next flush writes that down. IRQ safety: none.
    """

    if not TYPE_CHECKING:
        from aimdb.errors import new as __new__

    taken_over = False  # Another queue has opened its storage since.

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
        self.codec = codec
        self.stage = stage
        self.stage_bytes = stage_bytes
        self.flush_records = flush_records
        self.flush_bytes = flush_bytes
        self.flush_ms = flush_ms
        self.commit_ms = commit_ms
        self.drop_oldest = drop_oldest
        self.undecodable = undecodable
        opening = once("opening", "aimdb_flash")
        device = opening.configure(self, storage, max_size)
        self.loop = current_loop()  # That it is used in.
        with opening.Succession(self, device):
            self.path = device.identity
            log = SegmentLog(device, Ledger())
            once("recovery", "aimdb_flash").recover(log)
            self._values = Values(self, log)
            self._line: "Any" = self._values.line
            self._readers = 0  # Attached and not closed.
            self.damaged_count = log.damaged_count
            self.undecodable_count = self.unencodable_count = 0
            self.closed = False  # The interpreter finds these in the instance ten times as fast as in its class.
            self.produced_count = self.consumed_count = 0
            self.dropped_count = log.lost_count
            self.largest = log.largest
            self.capacity = opening.capacity(self, device)
            self._flusher: "Any" = Flusher(self, log, self._values)
            self._values.flusher = self._flusher

    # Producing

    def push(self, value) -> None:
        try:
            self.try_push(value)
        except Exception as er:  # Whatever is the matter with the value or the heap, it must not raise.
            self.dropped_count += 1
            if isinstance(er, (RecordError, MemoryError)):
                return
            try:  # The codec does not take the value, and nobody else is told.
                kept("mistakes", "aimdb_flash").drop(self, er)
            except Exception:
                pass

    def try_push(self, value) -> None:
        """Stage `value`, or raise `BufferFull`, `BufferClosed`, or what the codec raises for it."""
        data = self._encoded(value)
        if self.closed:  # Perhaps by the codec.
            raise self.ended(value)
        self.renew()
        values = self._values
        count = len(values.entries)
        if count >= self.stage or (count and values.bytes + len(data) > self.stage_bytes):
            raise error(BufferFull, value, self)
        values.accept(values.add(data, None))
        self._flusher.plan(False)

    if TYPE_CHECKING:

        async def push_async(self, value: "Any") -> None:
            """Return when `value` is on flash.

            Raises `BufferClosed`; `StorageError` when the flash failed; `SelfDeadlock` when the flash is full and only
            this same task has read the queue; and what the codec raises. In all cases nothing was accepted.
            """

        async def flush(self) -> None:
            """What is staged and acknowledged now goes to flash at once, and is there when it returns.

            Raises `StorageError` when the flash fails, and `BufferClosed` when the queue is released meanwhile. When
            there is no room on flash, it waits for commits.
            """

    else:

        def push_async(self, value):
            data = self._encoded(value)
            if self.closed:
                raise self.ended(value)
            self.renew()
            flusher = self._flusher
            entry = self._values.add(data, self.loop)
            try:
                flusher.plan(True)
                while not entry.number:
                    if flusher.full:  # It may be of no use to wait for room.
                        if self.closed:
                            raise self.ended(value)
                        if self._readers < 2 and self._line.taken_by is current():
                            from aimdb import SelfDeadlock

                            raise SelfDeadlock(value, self)
                    flusher.flushed.park(flusher)
                    yield
                if entry.number < 0:
                    raise StorageError(value, self, flusher.cause)
                if entry.loop is not None:  # Else `admit` has accepted it in another loop.
                    self._values.accept(entry)
            except BaseException:
                self._values.withdraw(entry)
                raise

        def flush(self):
            return self._flusher.reached(self._values.tickets, 0)

    def _encoded(self, value):
        data = self.codec.encode(value)
        if not isinstance(data, bytes) and isinstance(data, (bytearray, memoryview)):
            data = bytes(data)
        if isinstance(data, bytes) and len(data) <= self.largest:
            return data
        raise kept("mistakes", "aimdb_flash").unfit(self, data)

    # Reading

    def subscribe(self) -> "FlashReader":
        if self._values.loop is not current_loop():
            self._values.rewind()
            self._readers = 0
        if not self._readers:
            self._line.taken_by = None  # Whoever has read did so with a reader that is closed.
        reader = FlashReader(self)
        self._readers += 1
        self.renew()
        return reader

    def renew(self) -> None:
        """In a new event loop: what was staged in the one that was left still goes to flash."""
        if self.loop is not current_loop():
            self._flusher.flush_within(0)  # It may lack memory; then nothing has changed.
            self.loop = current_loop()
            self._values.admit()

    def peek(self):
        try:
            return self._values.upcoming()[1]
        except RecordError:
            return None

    def held(self) -> int:
        """How many values were accepted and are not acknowledged."""
        return self._values.held

    # Ending

    def ended(self, value=None) -> "Exception":
        """The error for those who use it when it is closed, or has given its storage to another queue."""
        if self.taken_over:
            return kept("mistakes", "aimdb_flash").QueueInUse(value, self)
        return error(BufferClosed, value, self)

    def close(self) -> None:
        """Take no more values; what is staged goes to flash with the next flush, which comes at once.

        Readers get what is held, can commit it, and then get `BufferClosed`. Producers that wait for room on flash
        get `BufferClosed`. The storage stays in use: see `release`.
        """
        if not self._values.barred:
            self._line.close()  # It ends without a jump: Ctrl-C closes both or neither.
        self.closed = True
        self.flush_ms = self.commit_ms = 0
        self._flusher.flush_within(0)
        self._flusher.flushed.wake_all()

    def release(self) -> None:
        """Close the queue, put everything on flash before returning, and let another queue open the storage.

        For the end of a program, before a deep sleep or a reset. What there is no room for is lost, and counted as
        dropped. Readers then get `BufferClosed`. Raises `StorageError` when the flash fails; it is released even so.
        With `MemoryError` it is not.
        """
        if self._flusher.log:
            kept("ending", "aimdb_flash").release(self)
