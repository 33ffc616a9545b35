from errno import EIO
from struct import pack

from micropython import const

from .framing import header, record, records

_HEADER_SIZE = const(16)
_OVERHEAD = const(12)
_VALUE = const(1)
_ACKNOWLEDGEMENT = const(2)

_RANGES = const(32)  # The most ranges in an acknowledgement.
_CHUNK = const(512)  # Bytes read at a time: about ten short records.
_SPARE = const(2)  # Segments that values leave free, so that a full queue can still write acknowledgements.


class Segment:
    """What is known of a segment without reading it."""

    def __init__(self, number: int):
        self.number = number
        self.end = 0  # Where its valid bytes end; 0: it could not be made, and is to be removed.
        self.last = 0  # The highest sequence number of its values; 0: it has none that counts.


class SegmentLog:
    """Values and acknowledgements in the segments of a storage, in order; `recover` finds those that are there.

    `ledger` knows what is acknowledged. Methods raise `OSError` when the storage fails.
    """

    def __init__(self, storage, ledger):
        self.storage = storage
        self.ledger = ledger
        self.segments = []  # Oldest first.
        self.number = 0  # Of the newest segment that there ever was, also if it could not be made.
        self.writable = False  # Whether the newest segment may take more.
        self.last = 0  # The highest sequence number on flash, or that was ever used, as far as it is known.
        # The longest value that fits into a segment under all circumstances.
        self.largest = storage.segment_size - _HEADER_SIZE - _OVERHEAD - 8 * _RANGES - _OVERHEAD
        # What was read last: segment number, offset, bytes. And where reading left off: segment number, offset,
        # sequence number before it. At first nothing was.
        self._chunk = (None, 0, b"")
        self._at = self._chunk

    def read(self, number: int, offset: int, size: int) -> bytes:
        """Bytes of a segment, fewer at its end.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        known, start, data = self._chunk
        if known != number or offset < start or offset + size > start + len(data):
            start = offset
            data = self.storage.read(number, offset, max(size, _CHUNK))
            self._chunk = (number, offset, data)
        return data[offset - start : offset - start + size]

    def get(self, sequence: int) -> "tuple[int, bytes] | None":
        """(sequence number, payload) of the first value from this number on that is to be read and can be, or None.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        for segment in self.segments:
            if segment.last >= sequence:
                number, offset, before = self._at
                if number != segment.number or before >= sequence:
                    offset = _HEADER_SIZE
                for item in records(self.read, segment.number, offset, segment.end, self.storage.alignment):
                    if item and item[1] == _VALUE and item[2] >= sequence and not self.ledger.has(item[2]):
                        self._at = (segment.number, item[0], item[2])
                        return item[2], item[3]
        return None

    def free(self) -> None:
        """Remove the segments all of whose values are acknowledged, except the newest; also what could not be made.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        for segment in reversed(self.segments):
            if segment.last < self.ledger.acknowledged and (segment is not self.segments[-1] or not segment.end):
                self.storage.remove(segment.number)
                self.segments.remove(segment)

    def drop_oldest(self) -> "list[int]":
        """Remove the oldest segment, whatever is in it; the numbers of its values.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        segment = self.segments[0]
        found = []
        for item in records(self.read, segment.number, _HEADER_SIZE, segment.end, self.storage.alignment):
            if item and item[1] == _VALUE:
                found.append(item[2])
        self.storage.remove(segment.number)
        self.segments.pop(0)
        return found

    def write(self, entries: list, size: int, acknowledges: bool = False) -> int:
        """Put values on flash, the first ones first, and what is acknowledged, if that is new; returns how many values.

        One call writes to one segment, so not all may fit; 0: there is room for none. The acknowledgement is
        always written, with `acknowledges` even when it is not new. An entry has a `sequence` and `data`; that of all
        of them has `size` bytes.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        storage = self.storage
        ledger = self.ledger
        ranges = ledger.ranges[:_RANGES]
        acknowledges = acknowledges or ledger.commits != ledger.stored
        acknowledgement = _OVERHEAD + 8 * len(ranges)

        # Where: after what the newest segment has, or at the start of a new one, where there is more room.
        used = len(self.segments)
        for_values = storage.segment_count - _SPARE
        start = room = 0
        if self.writable:
            start = -(-self.segments[-1].end // storage.alignment) * storage.alignment
            room = storage.segment_size - start - acknowledgement * acknowledges
        size += _OVERHEAD * len(entries)
        if not start or room < 0 or (size > room and used < for_values):
            start = 0
            room = storage.segment_size - _HEADER_SIZE - acknowledgement
            for_values -= 1
        number = self.number + (not start)

        # What: as many values as fit there.
        values = []
        for entry in entries:
            room -= _OVERHEAD + len(entry.data)
            if room < 0 or used > for_values:
                break
            values.append(record(number, _VALUE, entry.sequence, entry.data))
        if not values and not acknowledges:
            return 0
        data = b""
        if acknowledges or not start:
            for first, stop in ranges:
                data += pack("<II", first, stop)
            data = record(number, _ACKNOWLEDGEMENT, ledger.acknowledged, data)
        if not start:
            data = header(number, self.last + 1) + data
        data += b"".join(values)

        self._chunk = (None, 0, b"")
        if start:
            self.writable = False  # When it fails.
            storage.append(number, start, data)
        else:
            if used >= storage.segment_count:
                raise OSError(EIO)
            self.writable = False
            self.number = number
            self.segments.append(Segment(number))
            storage.create(number, data)
        self.writable = True
        if len(ledger.ranges) <= _RANGES:
            ledger.stored = ledger.commits
        segment = self.segments[-1]
        segment.end = start + len(data)
        if values:
            self.last = segment.last = entries[len(values) - 1].sequence
        return len(values)
