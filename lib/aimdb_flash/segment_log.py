"""Values and acknowledgements as bytes in segments. docs/flash-format.md says in prose what the bytes are."""

from binascii import crc32
from errno import EIO
from struct import pack, unpack, unpack_from

from aimdb.errors import DbError
from micropython import const

TYPE_CHECKING = const(0)  # For editors only: what is below it costs the board nothing.
if TYPE_CHECKING:
    from typing import Any

_VERSION = const(1)
_MAGIC = const(b"AQF")
_MARK = const(b"\xa5")  # First byte of a record; an erased byte is 0xFF.

_HEADER_SIZE = const(16)
_OVERHEAD = const(12)  # Bytes of a record besides its payload.
_RANGES = const(32)  # The most ranges in an acknowledgement.

# Kinds of record.
_VALUE = const(1)
_ACKNOWLEDGEMENT = const(2)

_CHUNK = const(512)  # Bytes read at a time: about ten short records.
_PAGE = const(256)
_SPARE = const(2)  # Segments that values leave free, so that a full queue can still write acknowledgements.

_FEWEST = const(4)  # Segments: two for values, and two that are kept free for acknowledgements.

# What open queues use: paths, and devices.
_claimed: set = set()


class QueueInUse(DbError):
    """Another queue has this path or device open; `release` it first."""


class UnknownFormat(DbError):
    """What is on the flash was written by a version of this package that this one does not know."""


class Storage:
    """Where a queue's segments are: numbered pieces of the flash that are written from front to back, once.

    The queue gives each new segment a higher number. All methods may raise `OSError`; what they were about is then
    in doubt, and the queue does not write to that segment again.
    """

    segment_size = 4096  # Bytes that a segment holds.
    segment_count = 16  # How many there may be at a time; a queue needs 4 or more.
    alignment = 1  # Each write begins at a multiple of it.
    preallocated = False  # Whether a segment has all its bytes from the beginning; those to be written are 0xFF.
    identity: "Any" = None  # What no other open queue may use: a path, or a device.

    def check_room(self) -> None:
        """Raise `ValueError` when there are not enough segments.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        if self.segment_count < _FEWEST:
            raise ValueError(
                "a queue needs %d segments of %d bytes, not %d" % (_FEWEST, self.segment_size, self.segment_count)
            )

    def claim(self) -> None:
        """Take it for one queue. Raises `QueueInUse`.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        if self.identity in _claimed:
            raise QueueInUse("%r is open already in another queue" % (self.identity,))
        _claimed.add(self.identity)

    def unclaim(self) -> None:
        """Let another queue have it.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        _claimed.discard(self.identity)

    def length(self, number: int) -> int:
        """How many bytes there may be in a segment.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        return self.segment_size

    if TYPE_CHECKING:  # What each storage has of its own.

        def numbers(self) -> "list[int]":
            """The numbers of all segments that are there, in any order.

            Cancel safety: it does not wait. IRQ safety: none.
            """
            raise NotImplementedError

        def create(self, number: int, data: bytes) -> None:
            """Make a segment that begins with `data`. On return it is on flash.

            Cancel safety: it does not wait. IRQ safety: none.
            """
            raise NotImplementedError

        def append(self, number: int, offset: int, data: bytes) -> None:
            """Write `data` at `offset`, which is where the segment's bytes end. On return it is on flash.

            Cancel safety: it does not wait. IRQ safety: none.
            """
            raise NotImplementedError

        def read(self, number: int, offset: int, size: int) -> bytes:
            """Up to `size` bytes of a segment, fewer at its end.

            Cancel safety: it does not wait. IRQ safety: none.
            """
            raise NotImplementedError

        def remove(self, number: int) -> None:
            """Give the segment's place back; one that is not there is no error.

            Cancel safety: it does not wait. IRQ safety: none.
            """
            raise NotImplementedError


def parse_header(data: bytes) -> "tuple[int, int] | None":
    """(number, floor) of a segment, or None when there is no whole header. Raises `UnknownFormat`.

    Cancel safety: it does not wait. IRQ safety: none.
    """
    if len(data) < _HEADER_SIZE or data[:3] != _MAGIC:
        return None
    _, version, number, floor, check = unpack_from("<3sBIII", data)
    if crc32(data[:12]) != check:
        return None
    if version != _VERSION:
        raise UnknownFormat("the flash holds a queue of format version %d; known is %d" % (version, _VERSION))
    return number, floor


def _record(number, kind, sequence, data):
    # The check comes last, so that a record that was written in part is not valid. It is seeded with the segment's
    # number: what an earlier use of the place left there, or stands in a payload, is then not taken for a record.
    start = pack("<sBHI", _MARK, kind, len(data), sequence)
    return start + data + pack("<I", crc32(data, crc32(start, number)))


class Ledger:
    """Which values were handed out, given back and acknowledged, by their sequence numbers. No input or output."""

    def __init__(self) -> None:
        self.acknowledged = 1  # All values below are.
        self.ranges: list = []  # Pairs (first, one after the last) of acknowledged values above, in order.
        self.next = 1  # Values from here on were not handed out yet; those of the ranges never will.
        self.again: list = []  # Handed out and given back, in order.
        self.commits = self.stored = 0  # Acknowledgements given, and how many of these are on flash.

    def has(self, sequence: int) -> bool:
        """Whether this value is acknowledged.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        for start, stop in self.ranges:
            if start <= sequence < stop:
                return True
        return sequence < self.acknowledged

    def acknowledge(self, ranges: "list[tuple[int, int]]") -> None:
        """Add these ranges.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        joined: list = []
        for start, stop in sorted(self.ranges + ranges):
            if start <= self.acknowledged:
                self.acknowledged = max(self.acknowledged, stop)
            elif joined and start <= joined[-1][1]:
                joined[-1] = (joined[-1][0], max(joined[-1][1], stop))
            else:
                joined.append((start, stop))
        self.ranges = joined
        self.next = max(self.next, self.acknowledged)

    def lose(self, start: int, stop: int) -> None:
        """There are no values of these numbers that could be handed out, or that are to be handed out before.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        while self.again and self.again[0] < stop:
            self.again.pop(0)
        self.next = max(self.next, stop)
        self.acknowledge([(start, stop)])


class _Segment:
    # What is known of a segment without reading it.

    def __init__(self, number):
        self.number = number
        self.end = 0  # Where its valid bytes end; 0: it could not be made, and is to be removed.
        self.last = 0  # The highest sequence number of its values; 0: it has none that counts.


class SegmentLog:
    """Values and acknowledgements in the segments of a storage, in order. Opening it recovers what is there.

    `ledger` knows what is acknowledged; opening fills it. Methods raise `OSError` when the storage fails; opening,
    whatever the bytes are, raises only that and `UnknownFormat`.
    """

    def __init__(self, storage: Storage, ledger: Ledger):
        self._storage = storage
        self._ledger = ledger
        # What was read last: segment number, offset, bytes. And where reading left off: segment number, offset,
        # sequence number before it. At first nothing was.
        self._chunk: Any = (None, 0, b"")
        self._at: Any = self._chunk
        self.segments: list = []  # Oldest first.
        self.writable = False  # Whether the newest segment may take more.
        self.last = 0  # The highest sequence number on flash, or that was ever used, as far as it is known.
        self.held = 0  # Values found at opening that are not acknowledged.
        self.damaged_count = 0  # Stretches of damaged bytes found then.
        # The longest value that fits into a segment under all circumstances.
        self.largest = storage.segment_size - _HEADER_SIZE - _OVERHEAD - 8 * _RANGES - _OVERHEAD

        # From the newest segment back, because what a newer one says decides what counts in an older one.
        limit = 1 << 32  # Values from this number on do not count.
        ledger.acknowledged = 0  # Until an acknowledgement is found: the last of the newest segment that has one.
        values: list = []  # Of segments that were read, and not yet compared with that.
        for number in sorted(storage.numbers(), reverse=True):
            segment = _Segment(number)
            self.segments.insert(0, segment)
            segment.end = _HEADER_SIZE
            if limit > ledger.acknowledged:
                limit = min(limit, self._recover(segment, limit, values))
                if ledger.acknowledged:
                    for value in values:
                        self.held += not ledger.has(value)
                    values.clear()
        self.held += len(values)
        ledger.acknowledged = ledger.next = ledger.acknowledged or 1  # Numbers of values begin there.
        self._number = self.segments[-1].number if self.segments else 0

    def _recover(self, segment, limit, values):
        # Complete `segment`, add the numbers of its values to `values`, and return its floor.
        number = segment.number
        ledger = self._ledger
        length = self._storage.length(number)
        found = parse_header(self._read(number, 0, _HEADER_SIZE))
        intact = bool(found)
        self.damaged_count += not intact
        last = 0
        known = ledger.acknowledged
        for item in self._records(number, _HEADER_SIZE, length):
            intact = bool(item)
            if not item:
                self.damaged_count += 1
                continue
            end, kind, sequence, payload = item
            if kind == _VALUE:
                if sequence >= limit:
                    break
                values.append(sequence)
                segment.last = last = sequence
            elif kind == _ACKNOWLEDGEMENT:
                last = max(last, sequence - 1)
                if not known:
                    ledger.acknowledged = sequence
                    ledger.ranges.clear()
                    for i in range(0, len(payload) - 7, 8):
                        ledger.ranges.append(unpack_from("<II", payload, i))
                        last = max(last, ledger.ranges[-1][1] - 1)
            segment.end = end
        if found and len(self.segments) == 1:
            if not intact:
                # On after the page that has the last of the damaged bytes: what a torn write did there nobody knows.
                for page in range(segment.end // _PAGE * _PAGE, length, _PAGE):
                    if self._read(number, page, _PAGE).strip(b"\xff"):
                        segment.end = min(page + _PAGE, length)
            self.writable = self._storage.preallocated or segment.end == length
        if found:
            limit = found[1]
            last = max(last, limit - 1)
        self.last = max(self.last, last)
        return limit

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
                after = offset + _OVERHEAD + length
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
                    offset = _HEADER_SIZE
                for item in self._records(segment.number, offset, segment.end):
                    if item and item[1] == _VALUE and item[2] >= sequence and not self._ledger.has(item[2]):
                        self._at = (segment.number, item[0], item[2])
                        return item[2], item[3]
        return None

    def free(self) -> None:
        """Remove the segments all of whose values are acknowledged; never the newest.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        for segment in reversed(self.segments):
            if segment.last < self._ledger.acknowledged and (segment is not self.segments[-1] or not segment.end):
                self._storage.remove(segment.number)
                self.segments.remove(segment)

    def drop_oldest(self) -> "list[int]":
        """Remove the oldest segment, whatever is in it; the numbers of its values.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        segment = self.segments[0]
        found = []
        for item in self._records(segment.number, _HEADER_SIZE, segment.end):
            if item and item[1] == _VALUE:
                found.append(item[2])
        self._storage.remove(segment.number)
        self.segments.pop(0)
        return found

    def write(self, entries: list, acknowledges: bool = False) -> int:
        """Put values on flash, the first ones first, and what is acknowledged, if that is new; returns how many values.

        One call writes to one segment, so not all may fit; 0: there is room for none. The acknowledgement is
        always written, with `acknowledges` even when it is not new. An entry has a `sequence` and `data`.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        storage = self._storage
        used = len(self.segments)
        for_values = storage.segment_count - _SPARE
        ledger = self._ledger
        ranges = ledger.ranges[:_RANGES]
        if ledger.commits != ledger.stored:
            acknowledges = True
        acknowledgement = _OVERHEAD + 8 * len(ranges)
        start = room = 0
        if self.writable:
            start = -(-self.segments[-1].end // storage.alignment) * storage.alignment
            room = storage.segment_size - start - acknowledgement * acknowledges
        whole = 0
        for entry in entries:
            whole += _OVERHEAD + len(entry.data)
        if not start or room < 0 or (whole > room and used < for_values):
            start = 0  # A new segment, in which there is more room.
            room = storage.segment_size - _HEADER_SIZE - acknowledgement
            for_values -= 1
        number = self._number + (not start)
        values = []
        for entry in entries:
            room -= _OVERHEAD + len(entry.data)
            if room < 0 or used > for_values:
                break
            values.append(_record(number, _VALUE, entry.sequence, entry.data))
            last = entry.sequence
        if not values and not acknowledges:
            return 0

        data = b""
        if acknowledges or not start:
            for first, stop in ranges:
                data += pack("<II", first, stop)
            data = _record(number, _ACKNOWLEDGEMENT, ledger.acknowledged, data)
        if not start:
            if used >= storage.segment_count:
                raise OSError(EIO)
            head = pack("<3sBII", _MAGIC, _VERSION, number, self.last + 1)
            data = head + pack("<I", crc32(head)) + data
        data += b"".join(values)
        self._chunk = (None, 0, b"")
        self.writable = False  # When it fails.
        if start:
            storage.append(number, start, data)
        else:
            self._number = number
            self.segments.append(_Segment(number))
            storage.create(number, data)
        self.writable = True
        if len(ledger.ranges) <= _RANGES:
            ledger.stored = ledger.commits
        segment = self.segments[-1]
        segment.end = start + len(data)
        if values:
            self.last = segment.last = last
        return len(values)
