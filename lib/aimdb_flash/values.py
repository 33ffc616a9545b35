from array import array

from aimdb import kept
from aimdb.errors import BufferEmpty, error
from aimdb.waiting import Line, current_loop
from micropython import const

_BOARD = const(1)
if not _BOARD:  # So that the board's compiler knows the constant, and stores nothing.
    TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any

# The counts of the readers' line.
_FREE = const(0)  # Values that can be read.
_KEPT = const(2)  # Values that are kept for readers that were woken.
_MASK = const(0x1FFFFFFF)

_TURN = const(32)  # So many values at most are passed over before other tasks run: each may take 2 ms.


class Entry:
    """A value on its way to the flash."""

    # On flash; 0: not there yet; -1: refused. In the class, as setting it in each takes time. To set it later needs no
    # heap, because an instance with three attributes has room for a fourth.
    number = 0

    def __init__(self, ticket: int, data: bytes, loop):
        self.ticket = ticket  # Values get them in the order of staging.
        self.data = data
        # That of the task that awaits it: nobody may read it before this task knows that it is on flash. None: no task
        # awaits it any more.
        self.loop: "Any" = loop


def number_of(value) -> int:
    """The number on flash of a value that was handed out; 0: it has none yet."""
    return value if isinstance(value, int) else value.number


class Values:
    """The values of a queue: staged in RAM, stored, handed out, acknowledged, or lost; and how many are held.

    A reader gets those first that were given back, then those on flash, then those in RAM. A value that was handed out
    is known by its number on flash, or as an `Entry` until it has one. docs/states.md has all states in a table.
    """

    def __init__(self, queue, log):
        self.queue = queue
        self.log = log
        self.flusher: "Any" = None
        # Those in RAM, which go to flash with the next flush.
        self.entries: list = []
        self.barred: list = []  # Those that must not be read yet: the first is awaited, the others came after it.
        self.tickets = 0  # Given so far.
        self.numbered = log.next  # The number of the next entry that goes to flash.
        self.bytes = 0
        self.again: list = []  # Handed out and given back, in order.
        self.counts = array("i", bytes(20))
        self.line = Line(self.counts)  # Of the readers.
        self.pauses = False  # So many values were passed over that a reader should let other tasks run.
        self.rewind()

    # Staging

    def add(self, data: bytes, loop) -> Entry:
        """A new entry, barred if a task awaits it or one before it. When there is no memory, nothing has changed."""
        entry = Entry(self.tickets + 1, data, loop)
        entries = self.entries
        if loop is not None or self.barred:
            entries.append(entry)
            entries.pop()  # There is room for it now.
            self.barred.append(entry)
        # Ctrl-C comes before all of this or after all of it.
        entries.append(entry)
        self.tickets = entry.ticket
        self.bytes += len(data)
        return entry

    def _unstage(self, entry):
        # It need not go to flash.
        i = self.entries.index(entry)
        self.handed -= i < self.handed
        self.entries.pop(i)
        entry.number = -1
        self.bytes -= len(entry.data)
        if not self.entries:
            self.flusher.unblock()
        elif not i:
            self.flusher.try_again()  # The next one may be shorter.

    def stored(self) -> None:
        """The first entries may be on flash: those for which the log has taken numbers. Needs no heap."""
        while self.numbered < self.log.next:
            if self.handed:
                self.handed -= 1
                self.next = self.numbered + 1
            # Ctrl-C comes before all of this or after all of it.
            entry = self.entries.pop(0)
            self.bytes -= len(entry.data)
            entry.number = self.numbered
            entry.data = b""
            self.numbered += 1
        again = self.again
        for i in range(len(again)):
            again[i] = number_of(again[i]) or again[i]

    # Accepting

    def accept(self, entry) -> None:
        """Readers may have it: its producer knows that it is stored, or does not await it."""
        self._accept(entry)
        self.counts[_FREE] += not self.barred
        self.admit()

    def _accept(self, entry):
        queue = self.queue
        entry.loop = None
        self.held += 1
        queue.produced_count = (queue.produced_count & _MASK) + 1

    def withdraw(self, entry) -> None:
        """No reader will have it: its producer is told that it was not accepted, or was cancelled."""
        if entry.loop is None:
            return  # It was accepted, or withdrawn already.
        if entry.number > 0:
            self.log.ledger.acknowledge(entry.number)
            self._tell_acknowledged()
        else:
            self._unstage(entry)
        entry.loop = None
        self.barred.remove(entry)
        self.admit()

    def admit(self) -> None:
        """Let readers have what no longer stands behind a value whose producer does not know yet."""
        barred = self.barred
        while barred:
            entry = barred[0]
            if entry.loop is not None:
                if entry.loop is self.queue.loop:
                    break
                self._accept(entry)  # The task's loop was left: it will never know, and must hold up nobody.
            barred.pop(0)
            self.counts[_FREE] += 1
        self.line.share()
        if self.queue.closed and not barred:
            self.line.close()

    # Handing out

    def free(self) -> int:
        """How many values the running task may read now."""
        counts = self.counts
        if not counts[_FREE]:
            self.queue.renew()
            if counts[_KEPT]:
                self.line.renew()
        if self.owed:
            paid = min(self.owed, counts[_FREE])
            self.owed -= paid
            counts[_FREE] -= paid
        return counts[_FREE]

    def _look(self):
        # (value, bytes) of what comes next, where something is free. None: it is gone from the flash, and counted.
        again = self.again
        log = self.log
        if again:
            number = number_of(again[0])
            stop = number + 1
        else:
            while log.ledger.has(self.next):
                self.next += 1
            number = self.next
            stop = log.next
            barred = self.barred
            if barred and barred[0].number:
                stop = barred[0].number
        if not number or number >= log.next:
            entry = again[0] if again else self.entries[self.handed]
            return entry, entry.data
        found = log.get(number)
        if found:
            if found[0] == number:
                return found
            stop = min(found[0], stop)
        self.lose(number, stop)
        self.queue.damaged_count += 1
        self._tell_acknowledged()
        return None

    def upcoming(self):
        """The value that comes next, and what the codec makes of it. Raises what `try_recv` does.

        `BufferEmpty` may also mean that there were too many values to pass over in one go.
        """
        queue = self.queue
        self.pauses = False
        for _ in range(_TURN):
            if not (self.free() and self.flusher.log):
                break
            found = self._look()
            if found is None:
                continue
            value, data = found
            count = queue.consumed_count
            try:
                made = queue.codec.decode(data)
                if count == queue.consumed_count:  # Else the codec has read it from its own queue.
                    return value, made
            except MemoryError:
                raise
            except Exception as er:
                kept("mistakes", "aimdb_flash").pass_over(self, value, data, er)  # If it fails, nothing has changed.
        else:
            self.pauses = True
        if queue.closed and not (self.flusher.log and (self.barred or self.pauses)):
            raise queue.ended()
        raise error(BufferEmpty, None, queue)

    def hand_out(self, value, taken: list) -> None:
        """What came next goes into `taken`, and is not free any more. Without memory for that, nothing has changed."""
        # No jump between taking it and counting it: else Ctrl-C could come there.
        counts = self.counts
        if self.again:
            taken.append(value)
            self.again.pop(0)
            counts[_FREE] -= 1
        elif isinstance(value, int):
            taken.append(value)
            self.next = value + 1
            counts[_FREE] -= 1
        else:
            taken.append(value)
            self.handed += 1
            counts[_FREE] -= 1

    def rewind(self) -> None:
        """What readers of a loop that was left have read and not acknowledged comes again.

        All is counted anew, as Ctrl-C may have ended a call before it had counted what it had done.
        """
        ledger = self.log.ledger
        held = ledger.count(self.log.next) + len(self.entries)  # It may lack memory; then nothing has changed.
        self.loop = current_loop()  # Of the readers.
        self.line.renew()
        self.again.clear()
        self.next = ledger.acknowledged  # Values on flash from here on were not handed out yet.
        self.handed: int = 0  # So many of the first entries were handed out to readers.
        self.owed = 0  # Values were lost that were kept for readers: so many must wait again.
        self.counts[_FREE] = held - len(self.barred) - self.counts[_KEPT]
        for entry in self.barred:
            held -= entry.loop is not None
        self.held = held  # Accepted and not acknowledged.
        self.line.share()

    # Acknowledging

    def acknowledge(self, values: list, count: int) -> None:
        """Nobody needs the first `count` of these any more, which were handed out. Needs heap for the call alone."""
        log = self.log
        ledger = log.ledger
        for i in range(count):
            number = values[i]
            if not isinstance(number, int):  # As `number_of`, without a call for each.
                number = number.number
            if not number:
                self.held -= 1
                self._unstage(values[i])
                # After a failed write it may be on flash, and would count until something else is written.
                ledger.commits += bool(log.segments) and not log.writable
            elif not ledger.has(number):
                ledger.acknowledge(number)
                self.held -= 1
        if ledger.commits != ledger.stored:
            self._tell_acknowledged()

    def _tell_acknowledged(self):
        # It goes to flash within `commit_ms`, or at once when it makes room that is waited for.
        log = self.log
        flusher = self.flusher
        flusher.flush_within(self.queue.commit_ms)
        if log.stop(0) <= log.ledger.acknowledged:
            flusher.try_again()

    # Losing

    def lose(self, first: int, stop: int) -> None:
        """Values from `first` up to `stop` are gone from the flash."""
        ledger = self.log.ledger
        again = self.again
        handed = ledger.lose(first, min(stop, self.next))
        unread = ledger.lose(self.next, stop)
        self.held -= handed + unread
        while again and isinstance(again[0], int) and again[0] < stop:
            again.pop(0)
            unread += 1
        self.next = max(self.next, stop)
        free = min(unread, self.counts[_FREE])
        self.counts[_FREE] -= free
        self.owed += unread - free
        self.queue.dropped_count += unread
