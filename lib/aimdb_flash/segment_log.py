from errno import ENOENT
from struct import pack

from micropython import const

from .framing import header, record
from .segments import Segment, Segments

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


class SegmentLog(Segments):
    """Writes values and acknowledgements into the segments.

    A value gets its number when it is written, and the next one the next number. A value whose write failed has none.
    """

    def __init__(self, storage, ledger):
        super().__init__(storage, ledger)
        # The longest value that fits into a new segment together with an acknowledgement.
        self.largest = min(_LONGEST, storage.segment_size - _HEADER_SIZE - 2 * _OVERHEAD - _BITS)

    def write(self, entries: list, until: int, acknowledges: bool = False) -> int:
        """Put values on flash, and what is acknowledged, if that is new; returns how many values.

        They go there in order, those with a ticket above `until` not at all. One call writes to one segment, so not
        all may fit; 0: there is room for none. What is acknowledged is always written, with `acknowledges` even when
        it is not new. An entry has a `ticket` and `data`.
        """
        storage = self.storage
        ledger = self.ledger
        acknowledges = acknowledges or ledger.commits != ledger.stored
        used = len(self.segments)
        for_values = storage.segment_count - _SPARE
        if self.next - ledger.acknowledged > 8 * (storage.segment_size - 64):
            for_values = 0  # Acknowledgements of more would not fit into a segment.
        ledger.cover(self.next + len(entries))
        if self.writable:
            segment = self.segments[-1]
            start = -(-segment.end // storage.alignment) * storage.alignment
            said = self._said(segment.number, False) if acknowledges else b""
            room = storage.segment_size - start - len(said)
            values = self._values(segment.number, entries, until, room) if used <= for_values else []
            if room >= 0 and (values or not entries or used >= for_values):
                if not values and not said:
                    return 0
                if self._append(segment, start, said + b"".join(values), len(values)):
                    return len(values)
        if used >= for_values:
            entries = []
            if not acknowledges and self.writable:
                return 0
            if used >= storage.segment_count:
                raise OSError(_ENOSPC)
        # Acknowledgements may have left no room for the first value; then there is nothing new to be said.
        return self._begin(entries, until) or (self.write(entries, until) if entries else 0)

    def _values(self, number, entries, until, room):
        # The records of as many as fit there.
        values = []
        room = min(room, max(_STEP, _OVERHEAD + len(entries[0].data))) if entries else 0
        for entry in entries:
            room -= _OVERHEAD + len(entry.data)
            if room < 0 or entry.ticket > until:
                break
            values.append(record(number, _VALUE, self.next + len(values), entry.data))
        return values

    def _said(self, number, everything):
        # The record of an acknowledgement.
        ledger = self.ledger
        if everything:
            return record(number, _EVERYTHING, ledger.acknowledged, ledger.everything())
        first, marks = ledger.news()
        return record(number, _NEWS, ledger.acknowledged, pack("<I", first) + marks if marks else b"")

    def _append(self, segment, start, data, count):
        # False: the segment is gone, by other hands than ours.
        self.writable = False  # When it fails.
        self.forget()
        try:
            self.storage.append(segment.number, start, data)
        except OSError as er:
            if er.errno != ENOENT:
                raise
            return False
        self._written(segment, start + len(data), count)
        return True

    def _begin(self, entries, until):
        # A new segment.
        storage = self.storage
        number = self.number + 1
        while storage.is_taken(number):
            number += 1
        whole = not entries or len(self.ledger.everything()) <= _BITS
        said = self._said(number, whole)
        room = storage.segment_size - _HEADER_SIZE - len(said)
        values = self._values(number, entries, until, room)
        data = header(number, self.next) + said + b"".join(values)
        segment = Segment(number, self.next)
        segment.end = -1  # When it fails.
        self.segments.append(segment)
        self.number = number
        self.writable = False
        self.forget()
        storage.create(number, data)
        self._written(segment, len(data), len(values))
        if whole:
            self.whole = number
        return len(values)

    def _written(self, segment, end, count):
        segment.end = end
        self.writable = True
        self.next += count
        self.ledger.written()
