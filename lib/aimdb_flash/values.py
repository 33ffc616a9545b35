import sys
from array import array

from aimdb.errors import BufferClosed, BufferEmpty, error
from aimdb.waiting import Line, current_loop
from micropython import const

from .errors import CodecError
from .outlet import Outlet

# The counts of the readers' line.
_FREE = const(0)  # Values that can be read.
_KEPT = const(2)  # Values that are kept for readers that were woken.
_LENT = const(3)
_NOTE = const(4)
_MASK = const(0x1FFFFFFF)


class Values:
    """What becomes of each value of a queue: accepted, handed out, acknowledged, or lost; and how many are held.

    A value that was handed out is known by its number on flash, or as an `Entry` until it has one.
    """

    def __init__(self, queue, log, stage):
        self.queue = queue
        self.log = log
        self.stage = stage
        self.outlet = Outlet(log, stage)
        self.flusher = None
        self.held = log.ledger.held(log.next)  # Accepted and not acknowledged.
        self.counts = array("i", (self.held, 0, 0, 0, 0, 0))
        self.line = Line(self.counts, 0)  # Of the readers.
        self._owed = 0  # Values were lost that were kept for readers: so many must wait again.

    # Accepting

    def accept(self, entry) -> None:
        """Readers may have it: its producer knows that it is stored, or does not wait for that."""
        if entry in self.stage.barred:
            self._accept(entry)
            self.admit()

    def _accept(self, entry):
        queue = self.queue
        entry.waits = None
        self.held += 1
        queue.produced_count = (queue.produced_count & _MASK) + 1

    def withdraw(self, entry) -> None:
        """No reader will have it: its producer is told that it was not accepted, or was cancelled."""
        stage = self.stage
        if entry not in stage.barred:
            return
        if entry.number > 0:
            self.log.ledger.acknowledge(entry.number)
            self._tell_acknowledged()
        else:
            self._unstage(entry)
        stage.barred.remove(entry)
        self.admit()

    def admit(self) -> None:
        """Let readers have what no longer stands behind a value whose producer does not know yet."""
        barred = self.stage.barred
        while barred:
            entry = barred[0]
            if entry.waits is not None:
                if entry.number <= 0 or entry.waits is current_loop():
                    return
                self._accept(entry)  # The task's loop was left: it will never know, and the value is there.
            barred.pop(0)
            self.line.give()
        if self.queue.closed:
            self.line.close()

    # Handing out

    def free(self) -> int:
        """How many values the running task may read now."""
        counts = self.counts
        if counts[_LENT] or (counts[_KEPT] and not counts[_FREE]):
            self.line.settle()
        if self._owed and counts[_FREE] > 0:
            paid = min(self._owed, counts[_FREE])
            self._owed -= paid
            counts[_FREE] -= paid
        return counts[_FREE]

    def park(self, owner) -> bool:
        """Have the running task wait, which must `yield` next; or False: there is something to read."""
        while not self.line.park(owner):
            if not self._owed or self.free() or self.queue.closed:
                return False
        return True

    def upcoming(self):
        """The value that comes next, and what the codec makes of it. Raises what `try_recv` does."""
        queue = self.queue
        while self.free() and self.flusher.log:
            value, data, stop = self.outlet.look()
            if value is None:
                self._lose(data, stop)
                continue
            try:
                return value, queue.codec.decode(data)
            except MemoryError:
                raise
            except Exception as er:
                self._pass_over(value, data, er)
        ended = queue.closed and not (self.stage.barred and self.flusher.log)
        raise error(BufferClosed if ended else BufferEmpty, None, queue)

    def take(self, value) -> None:
        """The running task has read what came next. Needs no heap."""
        self.outlet.take(value)
        counts = self.counts
        counts[_FREE] -= 1
        if counts[_NOTE] == 1:
            self.line.note()
        elif counts[_NOTE]:
            counts[_NOTE] = 1

    def give_back(self, values: list) -> None:
        """They were handed out and come again. When there is no memory, nothing has changed."""
        ledger = self.log.ledger
        values = [value for value in values if not isinstance(value, int) or not ledger.has(value)]
        self.outlet.give_back(values)
        for _ in values:
            self.line.give()

    def acknowledge(self, value) -> None:
        """Nobody needs this value any more, which was handed out. Needs no heap."""
        number = value if isinstance(value, int) else value.number
        if not number:
            self._unstage(value)
            self.held -= 1
        elif not self.log.ledger.has(number):
            self.log.ledger.acknowledge(number)
            self.held -= 1
            self._tell_acknowledged()

    def _unstage(self, entry):
        self.stage.remove(entry)
        if not self.stage.entries:
            self.flusher.goes_on()

    def _tell_acknowledged(self):
        # It goes to flash within `commit_ms`, or at once when it makes room that is waited for.
        log = self.log
        log.ledger.commits += 1
        makes_room = self.flusher.full and log.stop(0) <= log.ledger.acknowledged
        self.flusher.flush_within(0 if makes_room else self.queue.commit_ms)

    def _pass_over(self, value, data, cause):
        # The codec cannot decode what comes next.
        queue = self.queue
        self.outlet.take(value)
        self.counts[_FREE] -= 1
        self.acknowledge(value)
        queue.dropped_count += 1
        queue.undecodable_count = count = queue.undecodable_count + 1
        try:
            error = CodecError(data, queue, cause)
            if queue.undecodable:
                queue.undecodable(error)
            elif not count & (count - 1):
                print("%s (%d so far)" % (error, count), file=sys.stderr)
        except Exception as er:
            sys.print_exception(er)

    # Losing

    def _lose(self, first, stop):
        # These values were there when they were counted, and cannot be read.
        count = self.log.ledger.lose(first, stop)
        self.outlet.skip(stop)
        self.held -= count
        self._unread_are_gone(count)
        self.log.damaged_count += 1
        self._tell_acknowledged()

    def drop_below(self, stop: int) -> None:
        """The values below were removed from the flash to make room."""
        ledger = self.log.ledger
        outlet = self.outlet
        handed = ledger.lose(ledger.acknowledged, min(stop, outlet.next))
        fresh = ledger.lose(outlet.next, stop)
        self.held -= handed + fresh
        self._unread_are_gone(fresh + outlet.skip(stop))
        ledger.commits += 1

    def _unread_are_gone(self, count):
        free = min(count, self.counts[_FREE])
        self.counts[_FREE] -= free
        self._owed += count - free
        self.queue.dropped_count += count
