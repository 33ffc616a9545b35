from struct import unpack_from

from micropython import const

from .framing import parse_header, records
from .segment_log import Segment

_HEADER_SIZE = const(16)
_VALUE = const(1)
_ACKNOWLEDGEMENT = const(2)

_PAGE = const(256)


def recover(log) -> "tuple[int, int]":
    """Find out what is on the flash, and tell a new log, and its ledger. Nothing is written.

    Returns how many values are not acknowledged, and how many stretches of bytes are damaged. Whatever the bytes are,
    raises only `OSError`, when the storage fails, and `UnknownFormat`.

    Cancel safety: it does not wait. IRQ safety: none.
    """
    ledger = log.ledger
    # From the newest segment back, because what a newer one says decides what counts in an older one.
    limit = 1 << 32  # Values from this number on do not count.
    ledger.acknowledged = 0  # Until an acknowledgement is found: the last of the newest segment that has one.
    held = damaged = 0
    values: list = []  # Of segments that were read, and not yet compared with that.
    for number in sorted(log.storage.numbers(), reverse=True):
        segment = Segment(number)
        segment.end = _HEADER_SIZE
        log.segments.insert(0, segment)
        log.number = max(log.number, number)
        if limit > ledger.acknowledged:
            floor, stretches = _scan(log, segment, limit, values)
            limit = min(limit, floor)
            damaged += stretches
            if ledger.acknowledged:
                for value in values:
                    held += not ledger.has(value)
                values.clear()
    ledger.acknowledged = ledger.next = ledger.acknowledged or 1  # Numbers of values begin there.
    return held + len(values), damaged


def _scan(log, segment, limit, values):
    # Complete `segment`, and add the numbers of its values to `values`. Returns its floor, and how many stretches of it
    # are damaged.
    ledger = log.ledger
    number = segment.number
    length = log.storage.length(number)
    found = parse_header(log.read(number, 0, _HEADER_SIZE))
    intact = bool(found)  # Up to here.
    damaged = int(not found)
    last = 0
    known = ledger.acknowledged
    for item in records(log.read, number, _HEADER_SIZE, length, log.storage.alignment):
        intact = bool(item)
        if not item:
            damaged += 1
            continue
        end, kind, sequence, payload = item
        if kind == _VALUE:
            if sequence >= limit:
                break
            values.append(sequence)
            segment.last = sequence
            last = max(last, sequence)
        elif kind == _ACKNOWLEDGEMENT:
            last = max(last, sequence - 1)
            if not known:
                ledger.acknowledged = sequence
                ledger.ranges.clear()
                for i in range(0, len(payload) - 7, 8):
                    ledger.ranges.append(unpack_from("<II", payload, i))
                    last = max(last, ledger.ranges[-1][1] - 1)
        segment.end = end
    if found:
        limit = found[1]
        last = max(last, limit - 1)
        if len(log.segments) == 1:  # The newest one: it takes what is written next.
            if not intact:
                # After the page that has the last of the damaged bytes: what a torn write did there nobody knows.
                for page in range(segment.end // _PAGE * _PAGE, length, _PAGE):
                    if log.read(number, page, _PAGE).strip(b"\xff"):
                        segment.end = min(page + _PAGE, length)
            log.writable = log.storage.preallocated or segment.end == length
    log.last = max(log.last, last)
    return limit, damaged
