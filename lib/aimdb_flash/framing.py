"""The bytes of a segment: a header and the records after it. FORMAT.md says the same in prose."""

from binascii import crc32
from struct import pack, unpack, unpack_from

from micropython import const

from .errors import UnknownFormat

VERSION = 1

HEADER_SIZE = 16
OVERHEAD = 12  # Bytes of a record besides its payload.

# Kinds of record.
VALUE = 1
ACKNOWLEDGEMENT = 2

_MAGIC = b"AQF"
_MARK = b"\xa5"  # First byte of a record; an erased byte is 0xFF.
_PIECE = const(256)  # Bytes looked at together.


def header(number: int, floor: int) -> bytes:
    """The header of segment `number`. Values of older segments do not count from the sequence number `floor` on.

    Cancel safety: it does not wait. IRQ safety: none.
    """
    start = pack("<3sBII", _MAGIC, VERSION, number, floor)
    return start + pack("<I", crc32(start))


def parse_header(data: bytes) -> "tuple[int, int] | None":
    """(number, floor), or None when there is no whole header. Raises `UnknownFormat`.

    Cancel safety: it does not wait. IRQ safety: none.
    """
    if len(data) < HEADER_SIZE or data[:3] != _MAGIC:
        return None
    _, version, number, floor, check = unpack_from("<3sBIII", data)
    if crc32(data[: HEADER_SIZE - 4]) != check:
        return None
    if version != VERSION:
        raise UnknownFormat("the flash holds a queue of format version %d; known is %d" % (version, VERSION))
    return number, floor


def record(segment: int, kind: int, sequence: int, payload: bytes) -> bytes:
    """The bytes of a record in the segment of this number.

    The check comes last, so that a record that was written in part is not valid. It is seeded with the segment's
    number: what an earlier use of the place left there, or stands in a payload, is then not taken for a record.

    Cancel safety: it does not wait. IRQ safety: none.
    """
    start = pack("<sBHI", _MARK, kind, len(payload), sequence)
    return start + payload + pack("<I", crc32(payload, crc32(start, segment)))


def ranges_record(segment: int, acknowledged: int, ranges: list) -> bytes:
    """An acknowledgement: of all values below `acknowledged`, and of those in `ranges`, pairs (first, one after last).

    Cancel safety: it does not wait. IRQ safety: none.
    """
    payload = b"".join([pack("<II", start, stop) for start, stop in ranges])
    return record(segment, ACKNOWLEDGEMENT, acknowledged, payload)


def parse_ranges(payload: bytes) -> list:
    """The ranges of an acknowledgement.

    Cancel safety: it does not wait. IRQ safety: none.
    """
    return [unpack_from("<II", payload, i) for i in range(0, len(payload) - 7, 8)]


def records(read, segment: int, offset: int, end: int, alignment: int = 1):
    """Yield (offset after it, kind, sequence, payload) of each valid record, and None for each damaged stretch.

    `read(segment, offset, size)` gives bytes, fewer at the end. It stops where everything is blank up to `end`.

    Cancel safety: it does not wait. IRQ safety: none.
    """
    intact = True
    while offset < end:
        found = _parse(read, segment, offset, end)
        if found:
            intact = True
            offset += OVERHEAD + len(found[2])
            yield (offset,) + found
            continue
        aligned = -(-offset // alignment) * alignment
        if aligned != offset and read(segment, offset, 1) == b"\xff":
            offset = aligned  # The rest of what one write filled in part.
            continue
        if intact:
            if _blank(read, segment, offset, end):
                return
            intact = False
            yield None
        offset = _next_mark(read, segment, offset + 1, end)


def _parse(read, segment, offset, end):
    if offset + OVERHEAD > end:
        return None
    start = read(segment, offset, 8)
    if len(start) < 8 or start[:1] != _MARK:
        return None
    _, kind, length, sequence = unpack("<sBHI", start)
    if offset + OVERHEAD + length > end:
        return None
    rest = read(segment, offset + 8, length + 4)
    payload = bytes(rest[:length])
    if len(rest) < length + 4 or crc32(payload, crc32(start, segment)) != unpack_from("<I", rest, length)[0]:
        return None
    return kind, sequence, payload


def _blank(read, segment, offset, end):
    while offset < end:
        data = read(segment, offset, min(_PIECE, end - offset))
        if data != b"\xff" * len(data):
            return False
        if not data:
            break
        offset += len(data)
    return True


def _next_mark(read, segment, offset, end):
    # Where the next record may begin.
    while offset < end:
        data = read(segment, offset, min(_PIECE, end - offset))
        found = data.find(_MARK)
        if found >= 0:
            return offset + found
        if not data:
            break
        offset += len(data)
    return end
