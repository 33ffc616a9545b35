"""The bytes of a segment: a header, which places.py reads, and the records after it.

docs/flash-format.md says the same in prose.

Each file that uses these has them as constants:

_HEADER_SIZE              bytes of a header
_OVERHEAD                 bytes of a record besides its payload
_VALUE, _EVERYTHING, _NEWS  kinds of record: a value, two acknowledgements
"""

from binascii import crc32
from struct import pack, unpack

from micropython import const

_VERSION = const(2)
_MAGIC = const(b"AQF")
_MARK = const(b"\xa5")  # First byte of a record; an erased byte is 0xFF.

_OVERHEAD = const(12)

_PIECE = const(256)  # Bytes looked at together.


def header(number: int, floor: int) -> bytes:
    """The header of segment `number`. Values of older segments do not count from the sequence number `floor` on."""
    start = pack("<3sBII", _MAGIC, _VERSION, number, floor)
    return start + pack("<I", crc32(start))


def record(segment: int, kind: int, sequence: int, payload: bytes) -> "list[bytes]":
    """The bytes of a record in the segment of this number: parts, so that a long payload is copied only once.

    The check comes last, so that a record that was written in part is not valid. It is seeded with the segment's
    number: what an earlier use of the place left there, or stands in a payload, is then not taken for a record.
    """
    start = pack("<sBHI", _MARK, kind, len(payload), sequence)
    return [start, payload, pack("<I", crc32(payload, crc32(start, segment)))]


def records(read, segment: int, offset: int, end: int, alignment: int):
    """Yield (offset after it, kind, sequence, payload) of each valid record, and None for each damaged stretch.

    `read(segment, offset, size)` gives bytes, fewer at the end. Each write began at a multiple of `alignment`.
    """
    intact = True
    while offset < end:
        start = read(segment, offset, 8)
        if len(start) == 8 and start[:1] == _MARK:
            _, kind, length, sequence = unpack("<sBHI", start)
            after = offset + _OVERHEAD + length
            if after <= end:
                rest = read(segment, offset + 8, length + 4)
                payload = bytes(rest[:length])
                if rest[length:] == pack("<I", crc32(payload, crc32(start, segment))):
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
            data = read(segment, offset, min(_PIECE, end - offset))
            if intact and data.strip(b"\xff"):
                intact = False
                yield None
            found = data.find(_MARK, tried)
            if found >= 0:
                offset += found
                break
            offset += len(data) or end
            tried = 0
