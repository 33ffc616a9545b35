"""The bytes of a segment: a header, and the records after it.

docs/flash-format.md says the same in prose.

Each file that uses these has them as constants:

_HEADER_SIZE              bytes of a header
_OVERHEAD                 bytes of a record besides its data
_VALUE, _EVERYTHING, _NEWS  kinds of record: a value, two acknowledgements
"""

from binascii import crc32
from struct import pack, unpack_from
from struct import unpack as unpack  # For recovery.py.

from micropython import const

_VERSION = const(2)
_MAGIC = const(b"AQF")
_MARK = const(0xA5)  # First byte of a record; an erased one is 0xFF.

_HEADER_SIZE = const(16)
_OVERHEAD = const(12)

_PIECE = const(256)  # Bytes looked at together.


def header(number: int, floor: int) -> bytes:
    """The header of segment `number`. Values of older segments do not count from the sequence number `floor` on."""
    start = pack("<3sBII", _MAGIC, _VERSION, number, floor)
    return start + pack("<I", crc32(start))


def parse_header(data: bytes) -> "tuple[int, int] | None":
    """(number, floor) of a segment, or None when there is no whole header. Raises `UnknownFormat`."""
    if len(data) < _HEADER_SIZE or data[:3] != _MAGIC or pack("<I", crc32(data[:12])) != data[12:_HEADER_SIZE]:
        return None
    _, version, number, floor = unpack_from("<3sBII", data)
    if version != _VERSION:
        from .mistakes import unknown_format

        raise unknown_format(version, _VERSION)
    return number, floor


def record(segment: int, kind: int, number: int, data: bytes) -> "tuple[bytes, bytes, bytes]":
    """The bytes of a record in the segment of this number: parts, so that long data are copied only once.

    The check comes last, so that a record that was written in part is not valid. It is seeded with the segment's
    number: what an earlier use of the place left there, or stands in a value, is then not taken for a record.
    """
    start = pack("<BBHI", _MARK, kind, len(data), number)
    return start, data, pack("<I", crc32(data, crc32(start, segment)))


def records(read, segment: int, offset: int, end: int):
    """Yield (offset after it, kind, number, data) of each valid record, and None for each damaged stretch.

    `read` is that of a `SegmentLog`.
    """
    intact = True
    data, at = b"", 0  # What was read last, and where among it `offset` is.
    while offset < end:
        if at + _OVERHEAD > len(data):
            data, at = read(segment, offset, _OVERHEAD)
        if at + _OVERHEAD <= len(data) and data[at] == _MARK:
            _, kind, length, number = unpack_from("<BBHI", data, at)
            after = offset + _OVERHEAD + length
            if after <= end:
                if at + _OVERHEAD + length > len(data):
                    data, at = read(segment, offset, _OVERHEAD + length)
                stop = at + 8 + length
                # There may be fewer bytes: others have cut the file short.
                if data[stop : stop + 4] == pack("<I", crc32(memoryview(data)[at:stop], segment)):
                    intact = True
                    yield after, kind, number, data[at + 8 : stop]
                    offset = after
                    at = stop + 4
                    continue
        blank = data[at : at + _PIECE]
        size = len(blank) - len(blank.lstrip(b"\xff"))
        if size:  # The rest of what one write filled in part, whatever `write_size` was then.
            offset += size
            at += size
            continue
        # Go on where the next record may begin. Where all is blank up to the end, nothing is damaged.
        tried = 1
        while offset < end:
            size = min(_PIECE, end - offset)
            data, at = read(segment, offset, size)
            piece = data[at : at + size]
            if intact and piece.strip(b"\xff"):
                intact = False
                yield None
            found = piece.find(b"\xa5", tried)
            if found >= 0:
                offset += found
                at += found
                break
            offset += len(piece) or end
            tried = 0
