"""Values and acknowledgements as bytes in segments. docs/flash-format.md says in prose what the bytes are."""

from binascii import crc32
from errno import EIO
from struct import pack, unpack, unpack_from

from micropython import const

from .storage import UnknownFormat

TYPE_CHECKING = const(0)  # For editors only: what is below it costs the board nothing.
if TYPE_CHECKING:
    from typing import Any

    from .ledger import Ledger
    from .storage import Storage

_VERSION = const(1)
_MAGIC = b"AQF"
_MARK = b"\xa5"  # First byte of a record; an erased byte is 0xFF.

HEADER_SIZE = 16
OVERHEAD = 12  # Bytes of a record besides its payload.
RANGES = 32  # The most ranges in an acknowledgement.

# Kinds of record.
_VALUE = const(1)
_ACKNOWLEDGEMENT = const(2)

_CHUNK = const(512)  # Bytes read at a time: about ten short records.
_PAGE = const(256)
_SPARE = const(2)  # Segments that values leave free, so that a full queue can still write acknowledgements.


def parse_header(data: bytes) -> "tuple[int, int] | None":
    """(number, floor) of a segment, or None when there is no whole header. Raises `UnknownFormat`.

    Cancel safety: it does not wait. IRQ safety: none.
    """
    if len(data) < HEADER_SIZE or data[:3] != _MAGIC:
        return None
    _, version, number, floor, check = unpack_from("<3sBIII", data)
    if crc32(data[:12]) != check:
        return None
    if version != _VERSION:
        raise UnknownFormat("the flash holds a queue of format version %d; known is %d" % (version, _VERSION))
    return number, floor


def _record(segment, kind, sequence, payload):
    # The check comes last, so that a record that was written in part is not valid. It is seeded with the segment's
    # number: what an earlier use of the place left there, or stands in a payload, is then not taken for a record.
    start = pack("<sBHI", _MARK, kind, len(payload), sequence)
    return start + payload + pack("<I", crc32(payload, crc32(start, segment)))


class _Segment:
    # What is known of a segment without reading it.

    def __init__(self, number):
        self.number = number
        self.end = HEADER_SIZE  # Where its valid bytes end.
        self.last = 0  # The highest sequence number of its values; 0: it has none that counts.


class SegmentLog:
    """Values and acknowledgements in the segments of a storage, in order. Opening it recovers what is there.

    `ledger` knows what is acknowledged; opening fills it. Methods raise `OSError` when the storage fails; opening,
    whatever the bytes are, raises only that and `UnknownFormat`.
    """

    def __init__(self, storage: "Storage", ledger: "Ledger"):
        self._storage = storage
        self._ledger = ledger
        self._chunk: Any = (0, 0, b"")  # What was read last: segment number, offset, bytes.
        self._at = (0, 0, 0)  # Where reading left off: segment number, offset, sequence number before it.
        self.segments: list = []  # Oldest first.
        self._failed: list = []  # Numbers of segments that could not be made, to be removed.
        self.writable = False  # Whether the newest segment may take more.
        self.last = 0  # The highest sequence number on flash, or that was ever used, as far as it is known.
        self.held = 0  # Values found at opening that are not acknowledged.
        self.damaged = 0  # Stretches of damaged bytes found then.
        # The longest value that fits into a segment under all circumstances.
        self.largest = storage.segment_size - HEADER_SIZE - OVERHEAD - 8 * RANGES - OVERHEAD

        # From the newest segment back, because what a newer one says decides what counts in an older one.
        limit = 1 << 32  # Values from this number on do not count.
        ledger.acknowledged = 0  # Until an acknowledgement is found: the last of the newest segment that has one.
        values: list = []  # Of segments that were read, and not yet compared with that.
        for number in sorted(storage.numbers(), reverse=True):
            segment = _Segment(number)
            self.segments.insert(0, segment)
            if limit > ledger.acknowledged:
                limit = min(limit, self._recover(segment, limit, values))
                if ledger.acknowledged:
                    self.held += sum([not ledger.has(value) for value in values])
                    values.clear()
        self.held += len(values)
        ledger.acknowledged = ledger.next = ledger.acknowledged or 1  # Numbers of values begin there.
        self._number = self.segments[-1].number if self.segments else 0

    def _recover(self, segment, limit, values):
        # Complete `segment`, add the numbers of its values to `values`, and return its floor.
        number = segment.number
        length = self._storage.length(number)
        found = parse_header(self._read(number, 0, HEADER_SIZE))
        intact = bool(found)
        self.damaged += not intact
        acknowledgement: Any = None
        for item in self._records(number, HEADER_SIZE, length):
            intact = bool(item)
            if not item:
                self.damaged += 1
                continue
            end, kind, sequence, payload = item
            if kind == _VALUE:
                if sequence >= limit:
                    break
                values.append(sequence)
                segment.last = sequence
            elif kind == _ACKNOWLEDGEMENT:
                acknowledgement = item
                self.last = max(self.last, sequence - 1)
            segment.end = end
        self.last = max(self.last, segment.last)
        if found and len(self.segments) == 1:
            if not intact:
                # On after the page that has the last of the damaged bytes: what a torn write did there nobody knows.
                end = length
                while end > HEADER_SIZE:
                    data = self._read(number, max(0, end - _PAGE), min(end, _PAGE)).rstrip(b"\xff")
                    end -= _PAGE
                    if data:
                        end = max(0, end) + -(-len(data) // _PAGE) * _PAGE
                        break
                segment.end = min(max(end, HEADER_SIZE), length)
            self.writable = self._storage.preallocated or segment.end == length
        if acknowledgement and not self._ledger.acknowledged:
            payload = acknowledgement[3]
            ranges = [unpack_from("<II", payload, i) for i in range(0, len(payload) - 7, 8)]
            self._ledger.acknowledged = acknowledgement[2]
            self._ledger.ranges = ranges
            for _, stop in ranges:
                self.last = max(self.last, stop - 1)
        if not found:
            return limit
        self.last = max(self.last, found[1] - 1)
        return found[1]

    def _read(self, number, offset, size):
        known, start, data = self._chunk
        if known != number or offset < start or offset + size > start + len(data):
            start = offset
            data = self._storage.read(number, offset, max(size, _CHUNK))
            self._chunk = (number, offset, data)
        return data[offset - start : offset - start + size]

    def _records(self, number, offset, end):
        # Yields (offset after it, kind, sequence, payload) of each valid record, and None for each damaged stretch.
        alignment = self._storage.alignment
        intact = True
        while offset < end:
            start = self._read(number, offset, 8)
            if len(start) == 8 and start[:1] == _MARK:
                _, kind, length, sequence = unpack("<sBHI", start)
                after = offset + OVERHEAD + length
                if after <= end:
                    rest = self._read(number, offset + 8, length + 4)
                    payload = bytes(rest[:length])
                    if rest[length:] == pack("<I", crc32(payload, crc32(start, number))):
                        intact = True
                        offset = after
                        yield offset, kind, sequence, payload
                        continue
            if offset % alignment and start[:1] == b"\xff":
                offset += alignment - offset % alignment  # The rest of what one write filled in part.
                continue
            # Go on where the next record may begin. Where all is blank up to the end, nothing is damaged.
            tried = 1
            while offset < end:
                data = self._read(number, offset, min(_PAGE, end - offset))
                if intact and data.strip(b"\xff"):
                    intact = False
                    yield None
                found = data.find(_MARK, tried)
                if found >= 0:
                    offset += found
                    break
                offset += len(data) or end
                tried = 0

    def get(self, sequence: int) -> "tuple[int, bytes] | None":
        """(sequence number, payload) of the first value from this number on that is to be read and can be, or None.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        for segment in self.segments:
            if segment.last >= sequence:
                number, offset, before = self._at
                if number != segment.number or before >= sequence:
                    offset = HEADER_SIZE
                for item in self._records(segment.number, offset, segment.end):
                    if item and item[1] == _VALUE and item[2] >= sequence and not self._ledger.has(item[2]):
                        self._at = (segment.number, item[0], item[2])
                        return item[2], item[3]
        return None

    def free(self) -> None:
        """Remove the segments all of whose values are acknowledged; never the newest.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        while self._failed:
            self._storage.remove(self._failed[-1])
            self._failed.pop()
        for segment in self.segments[:-1]:
            if segment.last < self._ledger.acknowledged:
                self._storage.remove(segment.number)
                self.segments.remove(segment)

    def drop_oldest(self) -> "list[int]":
        """Remove the oldest segment, whatever is in it; the numbers of its values.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        segment = self.segments[0]
        found = [
            item[2] for item in self._records(segment.number, HEADER_SIZE, segment.end) if item and item[1] == _VALUE
        ]
        self._storage.remove(segment.number)
        self.segments.pop(0)
        return found

    def write(self, entries: list, acknowledges: bool) -> int:
        """Put values on flash, the first ones first, and what is acknowledged, if asked; returns how many values.

        One call writes to one segment, so not all may fit; 0: there is room for none. The acknowledgement is
        always written. An entry has a `sequence` and `data`.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        storage = self._storage
        used = len(self.segments) + len(self._failed)
        for_values = storage.segment_count - _SPARE
        ranges = self._ledger.ranges[:RANGES]
        acknowledgement = OVERHEAD + 8 * len(ranges)
        start = count = 0  # The start of what is written; 0: a new segment.
        if self.writable:
            start = -(-self.segments[-1].end // storage.alignment) * storage.alignment
            room = storage.segment_size - start - acknowledgement * acknowledges
            if room < 0:
                start = 0
            elif used <= for_values:
                count = _fitting(entries, room)
        if count < len(entries) and used < for_values:
            start = 0  # All together, where there is more room.
        if not start:
            count = _fitting(entries, storage.segment_size - HEADER_SIZE - acknowledgement) if used < for_values else 0
        if not count and not acknowledges:
            return 0

        entries = entries[:count]
        parts = []
        if not start:
            if used >= storage.segment_count:
                raise OSError(EIO)
            self._number += 1
            head = pack("<3sBII", _MAGIC, _VERSION, self._number, self.last + 1)
            parts = [head, pack("<I", crc32(head))]
        number = self._number
        if acknowledges or not start:
            payload = b"".join([pack("<II", first, stop) for first, stop in ranges])
            parts.append(_record(number, _ACKNOWLEDGEMENT, self._ledger.acknowledged, payload))
        parts.extend([_record(number, _VALUE, entry.sequence, entry.data) for entry in entries])
        data = b"".join(parts)
        self._chunk = (0, 0, b"")
        self.writable = False  # When it fails.
        if start:
            storage.append(number, start, data)
        else:
            self._failed.append(number)
            storage.create(number, data)
            self._failed.pop()
            self.segments.append(_Segment(number))
        self.writable = True
        segment = self.segments[-1]
        segment.end = start + len(data)
        if entries:
            self.last = segment.last = entries[-1].sequence
        return count


def _fitting(entries, room):
    count = 0
    for entry in entries:
        room -= OVERHEAD + len(entry.data)
        if room < 0:
            break
        count += 1
    return count
