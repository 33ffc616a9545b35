from errno import EIO

from micropython import const

from .framing import HEADER_SIZE, OVERHEAD, VALUE, header, ranges_record, record, records
from .recovery import Recovery, Segment

TYPE_CHECKING = const(0)  # For editors only: what is below it costs the board nothing.
if TYPE_CHECKING:
    from typing import Any

    from .storage import Storage

_CHUNK = const(512)  # Bytes read at a time: about ten short records.
_SPARE = const(2)  # Segments that values leave free, so that a full queue can still write acknowledgements.

RANGES = 32  # The most ranges in an acknowledgement.


class SegmentLog:
    """Values and acknowledgements in the segments of a storage, in order. Opening it recovers what is there.

    Its methods raise `OSError` when the storage fails.
    """

    def __init__(self, storage: "Storage"):
        self._storage = storage
        self._chunk = (0, 0, b"")  # What was read last: segment number, offset, bytes.
        found = Recovery(storage, self._read)
        self.recovered: Any = found  # For its owner to look at, and to drop.
        self.segments = found.segments  # Oldest first.
        self._failed: list = []  # Numbers of segments that could not be made, to be removed.
        self._number = self.segments[-1].number if self.segments else 0
        self._durable = found.last  # The highest sequence number of a value on flash.
        self._writable = found.writable  # Whether the newest segment may take more.
        self._at = (0, 0, 0)  # Where reading left off: segment number, offset, sequence number before it.
        # The longest value that fits into a segment under all circumstances.
        self.largest = storage.segment_size - HEADER_SIZE - OVERHEAD - 8 * RANGES - OVERHEAD

    def _read(self, number, offset, size):
        known, start, data = self._chunk
        if known != number or offset < start or offset + size > start + len(data):
            start = offset
            data = self._storage.read(number, offset, max(size, _CHUNK))
            self._chunk = (number, offset, data)
        return data[offset - start : offset - start + size]

    def get(self, sequence: int) -> "tuple[int, bytes] | None":
        """(sequence number, payload) of the first value from this number on that can be read, or None.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        for segment in self.segments:
            if segment.last >= sequence:
                number, offset, before = self._at
                if number != segment.number or before >= sequence:
                    offset = HEADER_SIZE
                for item in records(self._read, segment.number, offset, segment.end, self._storage.alignment):
                    if item and item[1] == VALUE and item[2] >= sequence:
                        self._at = (segment.number, item[0], item[2])
                        return item[2], item[3]
        return None

    def could_free(self, acknowledged: int) -> bool:
        """Whether `free` would make room.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        return len(self.segments) > 1 and self.segments[0].last < acknowledged

    def free(self, acknowledged: int) -> None:
        """Remove the segments that hold nothing but values below `acknowledged`; never the newest.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        while self._failed:
            self._storage.remove(self._failed[-1])
            self._failed.pop()
        for segment in self.segments[:-1]:
            if segment.last < acknowledged:
                self._storage.remove(segment.number)
                self.segments.remove(segment)

    def drop_oldest(self) -> "list[int]":
        """Remove the oldest segment, whatever is in it; the numbers of its values. Empty when there is only one.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        if len(self.segments) < 2:
            return []
        segment = self.segments[0]
        found = [
            item[2]
            for item in records(self._read, segment.number, HEADER_SIZE, segment.end, self._storage.alignment)
            if item and item[1] == VALUE
        ]
        self._storage.remove(segment.number)
        self.segments.pop(0)
        return found

    def write(self, entries: list, acknowledged: int, ranges: "list[tuple[int, int]]", changed: bool) -> int:
        """Put values on flash, the first ones first, and the acknowledgement if it `changed`; returns how many values.

        One call writes to one segment, so not all may fit; 0: there is room for none. The acknowledgement is
        always written. An entry has a `sequence` and `data`.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        storage = self._storage
        used = len(self.segments) + len(self._failed)
        for_values = storage.segment_count - _SPARE
        before = OVERHEAD + 8 * len(ranges)
        newest = self.segments[-1] if self._writable else None
        start = count = 0
        if newest:
            start = -(-newest.end // storage.alignment) * storage.alignment
            room = storage.segment_size - start - before * changed
            if room < 0:
                newest = None
            elif used <= for_values:
                count = _fitting(entries, room)
        if entries and count < len(entries) and used < for_values:
            newest = None  # All together, where there is more room.
        if newest is None:
            room = storage.segment_size - HEADER_SIZE - before
            count = _fitting(entries, room) if used < for_values else 0
            if count or changed:
                self._create(entries[:count], acknowledged, ranges)
        elif count or changed:
            data = ranges_record(newest.number, acknowledged, ranges) if changed else b""
            self._append(newest, start, data, entries[:count])
        return count

    def close_segment(self, acknowledged: int, ranges: "list[tuple[int, int]]") -> None:
        """After a failure: begin a segment that says that nothing counts that the failed write may have left behind.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        if not self._writable:
            self._create([], acknowledged, ranges)

    def _create(self, entries, acknowledged, ranges):
        self._number += 1
        number = self._number
        if len(self.segments) + len(self._failed) >= self._storage.segment_count:
            raise OSError(EIO)
        data = header(number, self._durable + 1) + ranges_record(number, acknowledged, ranges)
        data += _frames(number, entries)
        self._writable = False
        self._failed.append(number)
        self._storage.create(number, data)
        self._failed.pop()
        self._writable = True
        self.segments.append(Segment(number, 0, 0))
        self._wrote(0, data, entries)

    def _append(self, segment, start, data, entries):
        data += _frames(segment.number, entries)
        self._writable = False
        self._chunk = (0, 0, b"")
        self._storage.append(segment.number, start, data)
        self._writable = True
        self._wrote(start, data, entries)

    def _wrote(self, start, data, entries):
        segment = self.segments[-1]
        segment.end = start + len(data)
        if entries:
            self._durable = segment.last = entries[-1].sequence


def _frames(number, entries):
    return b"".join([record(number, VALUE, entry.sequence, entry.data) for entry in entries])


def _fitting(entries, room):
    count = 0
    for entry in entries:
        room -= OVERHEAD + len(entry.data)
        if room < 0:
            break
        count += 1
    return count
