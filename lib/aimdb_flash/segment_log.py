from errno import ENOENT

from micropython import const

from .framing import header, record, records
from .storage import patiently

_HEADER_SIZE = const(16)
_OVERHEAD = const(12)
_VALUE = const(1)
_EVERYTHING = const(2)
_NEWS = const(3)

_ENOSPC = const(28)  # Which the module errno lacks.
_BITS = const(256)  # The most bytes of an acknowledgement's bits in front of values.
_STEP = const(4096)  # The most bytes of values in one write, so that it takes no longer than two erasures.
_SPARE = const(2)  # Segments that values leave free, so that a full queue can still write acknowledgements.
_LONGEST = const(65535)  # The length of a payload has 16 bits.
_CHUNK = const(512)  # About ten short records.
_NOTHING = const((None, 0, b""))


class Segment:
    """What is known of a segment without reading it."""

    def __init__(self, number: int, first: int):
        self.number = number
        self.first = first  # The number of its first value; it has all up to the first one of the next segment.
        self.end = 0  # Where its valid bytes end; 0: not looked at yet; -1: it could not be made, and is to be removed.


class SegmentLog:
    """The segments of a storage, in order: reads their values, writes new ones, and acknowledgements, and removes them.

    A value gets its number when it is written, and the next one the next number. A value whose write failed has none.
    `recover` finds the segments that are there. `ledger` knows what is acknowledged. Methods raise `OSError` when the
    storage fails, and `MemoryError`.
    """

    def __init__(self, storage, ledger):
        self.storage = storage
        self.ledger = ledger
        self.segments = []  # Oldest first.
        self.number = 0  # Of the newest segment that there ever was, also if it could not be made.
        self.writable = False  # Whether the newest segment may take more.
        self.whole = 0  # The newest segment that begins with an acknowledgement of everything.
        self.newest: "Segment | None" = None  # Of those that could be made.
        self.settled = 0  # All values below it are acknowledged, and that is on flash.
        self.next = 1  # The number of the next value.
        self.damaged_count = self.lost_count = 0  # Stretches and values, found when it was opened.
        self.chunk: tuple = _NOTHING  # What was read last: segment number, offset, bytes; until more is appended there.
        self.piece = _CHUNK  # Bytes that are read at a time.
        # The value that was found last: segment number, number of the value, offsets of its record and of the next.
        self._found = (None, 0, 0, 0)  # At first nothing was.
        # The longest value that fits into a new segment together with an acknowledgement.
        self.largest = min(_LONGEST, storage.segment_size - _HEADER_SIZE - 2 * _OVERHEAD - _BITS)

    # Reading

    def read(self, number: int, offset: int, size: int) -> "tuple[bytes, int]":
        """Bytes of a segment, and where `offset` is among them. They go on for `size`, except at its end."""
        known, start, data = self.chunk
        if known != number or offset < start or offset + size > start + len(data):
            start = offset
            data = patiently(self.storage.read, number, offset, max(size, self.piece))
            self.chunk = (number, offset, data)
        return data, offset - start

    def stop(self, i: int) -> int:
        """The number after the last value of segment `i` of the list."""
        return self.segments[i + 1].first if i + 1 < len(self.segments) else self.next

    def get(self, number: int) -> "tuple[int, bytes] | None":
        """(number, bytes) of the first value from this one on that is not acknowledged and can be read, or None.

        A segment that cannot be read is passed over.
        """
        segments = self.segments
        i = 0
        stop = len(segments)
        while stop - i > 1:  # The last one that begins with it or before.
            middle = (i + stop) // 2
            if segments[middle].first <= number:
                i = middle
            else:
                stop = middle
        while i < len(segments):
            try:
                found = self._look(segments[i], number, self.stop(i))
                if found:
                    return found
            except OSError:
                pass
            number = max(number, self.stop(i))
            i += 1
        return None

    def _look(self, segment, number, stop):
        # In one segment.
        if number >= stop:
            return None
        if not segment.end:
            segment.end = patiently(self.storage.length, segment.number)
        known, before, offset, after = self._found
        if known != segment.number or before > number:
            offset = _HEADER_SIZE
        elif before < number:
            offset = after
        for item in records(self.read, segment.number, offset, segment.end):
            if item and item[1] == _VALUE and number <= item[2] < stop and not self.ledger.has(item[2]):
                self._found = (segment.number, item[2], item[0] - _OVERHEAD - len(item[3]), item[0])
                return item[2], bytes(item[3])
        return None

    # Removing

    def reclaim(self) -> "bool | OSError | None":
        """Remove a segment that nobody needs: True. None: there is none; an `OSError`: those cannot be removed."""
        segments = self.segments
        acknowledged = self.ledger.acknowledged
        storage = self.storage
        if storage.preallocated and (len(segments) < storage.segment_count or segments[-1] is not self.newest):
            # What says so goes to another place first. Else it may be written over the values, and fail: they are gone,
            # and nothing says why.
            acknowledged = self.settled
        error = None
        for i, segment in enumerate(segments):
            needed = segment.end >= 0
            if needed and segment is not self.newest:  # Which says what is acknowledged.
                stop = segments[i + 1].first
                # Of one without values the acknowledgements are needed, until all is said anew.
                needed = stop > acknowledged and (segment.first != stop or segment.number >= self.whole)
            if not needed:
                try:
                    storage.remove(segment.number)
                    segments.remove(segment)
                    return True
                except OSError as er:
                    error = er
                    acknowledged = self.settled  # Those behind it may be all that says that it is acknowledged.
        return error

    # Writing

    def write(self, entries: list, until: int, commits: bool = False) -> int:
        """Write entries in order, up to the ticket `until`; returns how many.

        One call writes to one segment, so not all may fit; 0: there is room for none. It also writes what is
        acknowledged, if that is new, or with `commits`. An entry has a `ticket` and `data`.
        """
        storage = self.storage
        ledger = self.ledger
        commits = commits or ledger.commits != ledger.stored
        used = len(self.segments)
        for_values = storage.segment_count - _SPARE
        stop = self.next + len(entries)
        # Acknowledgements of more would not fit into a segment, and numbers of more bits not into a record.
        if self.next - ledger.acknowledged > 8 * (storage.segment_size - 64) or stop >> 32:
            for_values = 0
        ledger.cover(stop)
        if self.writable:
            segment = self.segments[-1]
            start = -(-segment.end // storage.alignment) * storage.alignment
            said = self._said(segment.number, False) if commits else b""
            room = storage.segment_size - start - len(said)
            parts = [said]
            count = self._add(parts, segment.number, entries, until, room) if used <= for_values else 0
            if room >= 0 and (count or not entries or used >= for_values):
                if not count and not said:
                    return 0
                data = b"".join(parts)
                self.writable = False  # When it fails.
                self.chunk = _NOTHING
                try:
                    storage.append(segment.number, start, data)
                    return self._written(segment, start + len(data), count)
                except OSError as er:
                    if er.errno != ENOENT:
                        raise
                    # The segment is gone, by other hands than ours.
        if used >= for_values:
            entries = []
            if not commits and self.writable:
                return 0
            if used >= self._most():
                raise OSError(_ENOSPC)
        # Acknowledgements may have left no room for the first value; then there is nothing new to be said.
        return self._begin(entries, until) or (self.write(entries, until) if entries else 0)

    def _most(self):
        # How many segments there may be: more files than the storage has now, if it had more when values were written.
        count = _SPARE
        for i, segment in enumerate(self.segments):
            count += self.stop(i) > segment.first and not self.storage.preallocated
        return max(count, self.storage.segment_count)

    def _add(self, parts, number, entries, until, room):
        # The records of as many as fit there; returns how many.
        count = size = 0
        for entry in entries:
            size += _OVERHEAD + len(entry.data)
            if size > room or (count and size > _STEP) or entry.ticket > until:
                break
            parts += record(number, _VALUE, self.next + count, entry.data)
            count += 1
        return count

    def _said(self, number, everything):
        # The record of an acknowledgement.
        ledger = self.ledger
        data = ledger.everything() if everything else ledger.news()
        return b"".join(record(number, _EVERYTHING if everything else _NEWS, ledger.acknowledged, data))

    def _begin(self, entries, until):
        # A new segment.
        storage = self.storage
        number = self.number + 1
        while storage.is_taken(number):
            number += 1
        whole = not entries or len(self.ledger.everything()) <= _BITS
        said = self._said(number, whole)
        room = storage.segment_size - _HEADER_SIZE - len(said)
        parts = [header(number, self.next), said]
        count = self._add(parts, number, entries, until, room)
        data = b"".join(parts)
        segment = Segment(number, self.next)
        segment.end = -1  # When it fails.
        self.segments.append(segment)
        self.number = number
        self.writable = False
        storage.create(number, data)
        self._written(segment, len(data), count)
        if whole:
            self.whole = number
        return count

    def _written(self, segment, end, count):
        segment.end = end
        self.writable = True
        self.next += count
        self.ledger.stored = self.ledger.commits
        self.newest = segment
        self.settled = self.ledger.acknowledged
        self.ledger.stop = 0
        return count
