from asyncio import core  # type: ignore[attr-defined]
from time import ticks_add, ticks_diff, ticks_ms

from aimdb.errors import BufferClosed
from micropython import const

from .errors import StorageError
from .places import Places

_MASK = const(0x1FFFFFFF)
_RETRY_MS = const(100)  # After a failure, not at once again.


class Entry:
    """A value on its way to the flash."""

    def __init__(self, sequence: int, data: bytes):
        self.sequence = sequence
        self.data = data
        self.pending = True  # A task awaits it; nobody may read it before that task knows that it is stored.
        self.stored = False  # It is on flash.


class Flusher:
    """The way to the flash: values are staged here, in RAM, and go there all together in a flush.

    A flush is a turn of the scheduler of its own, so that none comes while a caller of `produce` waits for it to
    return; only `release` flushes at once. All of this is for the asyncio thread.
    """

    def __init__(self, queue, log, places):
        self.log = log  # None after `release`.
        self.ledger = log.ledger
        self.staged = []  # Entries that are not on flash yet, in order.
        # Entries that must not be read yet, in order: the first is pending, the others came after it.
        self.unread = []
        self.sequence = log.last + 1  # Of the next value.
        self.slots = Places(places)  # Of the producers, with the places for what is staged.
        self.flushed = Places(0)  # Of the tasks that wait for the flash; nothing is ever free in it.
        self.full = False  # There was no room on flash for what is staged.
        self.failures = 0
        self.cause = None  # Of the last failure.
        self._queue = queue
        self._bytes = 0  # Staged.
        self._entry = core.Task(self)
        self._line = None  # The scheduler's queue that the entry is on.

    def stage(self, data: bytes) -> Entry:
        """A new entry, in a place that must be free; the flush comes when the queue's policy says.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        queue = self._queue
        staged = self.staged
        entry = Entry(self.sequence, data)
        staged.append(entry)
        self.unread.append(entry)
        self.sequence += 1
        self._bytes += len(data)
        self.slots.free -= 1
        if not self.full:
            due = len(staged) >= queue.flush_records or self._bytes >= queue.flush_bytes
            self.flush_within(0 if due else queue.flush_ms)
        return entry

    def accept(self, entry: Entry) -> None:
        """Readers may have it: its producer knows that it is stored, or does not wait for that.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        queue = self._queue
        entry.pending = False
        queue._held += 1
        queue.produced_count = (queue.produced_count & _MASK) + 1
        self._admit()

    def withdraw(self, entry: Entry) -> None:
        """No reader will have it: its producer is told that it was not accepted, or was cancelled.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        if entry.stored:
            self._queue._held += 1  # As if it had been accepted, read and committed.
            self.acknowledge([entry.sequence])
        elif entry in self.staged:
            self._unstage(entry)
        if entry in self.unread:
            self.unread.remove(entry)
        self._admit()

    def _admit(self):
        # Let readers have what no longer stands behind a pending entry.
        queue = self._queue
        unread = self.unread
        while unread and not unread[0].pending:
            unread.pop(0)
            queue._line.release()
        if queue.closed and not unread:
            queue.wake()

    def _unstage(self, entry):
        # It is on flash, or need not go there.
        self.staged.remove(entry)
        self._bytes -= len(entry.data)
        if not self.staged:
            self.full = False
        self.slots.release()

    def find(self, sequence: int) -> "Entry | None":
        """The first staged entry with this number or a higher one.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        staged = self.staged
        # It is not nearer to the front: each number is there at most once.
        i = max(0, len(staged) - (self.sequence - sequence))
        while i < len(staged):
            if staged[i].sequence >= sequence:
                return staged[i]
            i += 1
        return None

    def acknowledge(self, sequences: "list[int]") -> None:
        """Nobody needs these values any more; those that are on flash are acknowledged there within `commit_ms`.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        ledger = self.ledger
        stored = False
        ranges: list = []
        start = stop = 0
        for sequence in sequences:
            if sequence != stop:  # Numbers in a row are one range.
                start = sequence
                ranges.append(None)
            stop = sequence + 1
            ranges[-1] = (start, stop)
            if not ledger.has(sequence):  # Else it was dropped meanwhile.
                self._queue._held -= 1
                if self.staged and sequence >= self.staged[0].sequence:
                    self._unstage(self.find(sequence))
                else:
                    stored = True
        ledger.acknowledge(ranges)
        if stored and self.log:
            ledger.commits += 1
            makes_room = self.full and self.log.segments[0].last < ledger.acknowledged
            self.flush_within(0 if makes_room else self._queue.commit_ms)

    def flush_within(self, milliseconds: int) -> None:
        """Have the next flush after so many milliseconds at the latest.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        entry = self._entry
        line = core._task_queue  # A new event loop begins with a new one.
        when = ticks_add(ticks_ms(), milliseconds)
        if self._line is line:
            if ticks_diff(when, entry.ph_key) >= 0:
                return
            line.remove(entry)
        self._line = line
        line.push(entry, when)

    def send(self, _) -> None:
        """Called by the scheduler, as for a coroutine.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        self._line = None
        if self.log:
            self.flush()

    def flush(self) -> None:
        """Write what is staged, and what is acknowledged. A failure is told to all who wait for it.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        try:
            self._write()
        except Exception as er:
            self.failures += 1
            self.cause = er
            for entry in self.staged[:]:
                if entry.pending:
                    self.withdraw(entry)
            try:
                # A new segment: values that were refused just now must not come to light after a restart.
                if not self.log.writable:
                    self.log.write([], 0, True)
            except Exception:
                pass  # The next write tries again before it does anything else.
            self.flush_within(max(self._queue.flush_ms, _RETRY_MS))
        self.look_again()

    def _write(self):
        log = self.log
        staged = self.staged
        queue = self._queue
        ledger = self.ledger
        while True:
            log.free()
            count = log.write(staged, self._bytes)
            for entry in staged[:count]:
                entry.stored = True
                self._unstage(entry)
            self.full = bool(staged) and not count and not queue.drop_oldest
            if not staged or self.full:
                return
            if count:
                continue  # With what did not fit into that segment.
            # Make room: drop the oldest segment.
            last = log.segments[0].last
            if self.unread and self.unread[0].sequence <= last:
                self.flush_within(0)  # The oldest value was stored just now; its producer must learn that first.
                return
            for sequence in log.drop_oldest():
                if not ledger.has(sequence):
                    queue._held -= 1
                    if sequence >= ledger.next or sequence in ledger.again:
                        queue.dropped_count += 1
                        queue._line.free -= 1
            ledger.lose(0, last + 1)

    async def reached(self, sequence: int, commits: int, milliseconds: int) -> None:
        """Wait until the values up to this number, and so many acknowledgements, are on flash; see that a flush comes.

        Raises `StorageError` when one fails, and `BufferClosed` after `release`.

        Cancel safety: nothing changes. IRQ safety: none.
        """
        failures = self.failures
        ticket = None
        while self.ledger.stored < commits or (self.staged and self.staged[0].sequence <= sequence):
            if self.failures != failures:
                raise StorageError(None, self._queue, self.cause)
            if not self.log:
                raise BufferClosed(None, self._queue)
            if ticket is None:
                self.flush_within(milliseconds)
            ticket = await self.flushed.wait(ticket)

    def look_again(self) -> None:
        """Wake those who wait: they may have what they wait for, or it may be no use to wait any longer.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        self.slots.look_again()
        self.flushed.look_again()
