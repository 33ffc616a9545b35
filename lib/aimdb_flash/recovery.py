"""Finds out what is on the flash. Loaded when a queue opens, and not kept."""

from micropython import const

from .framing import parse_header, records, unpack
from .segment_log import Segment
from .storage import patiently

_HEADER_SIZE = const(16)
_VALUE = const(1)
_EVERYTHING = const(2)
_NEWS = const(3)

_NOTHING = const((None, 0, b""))

_PAGE = const(256)
_PIECE = const(4096)  # Bytes read at a time meanwhile.


def recover(log) -> None:
    """Tell a new log, and its ledger, what is on the flash.

    Nothing is written. Whatever the bytes are, raises only `OSError`, when the storage fails, `MemoryError`, and
    `UnknownFormat`.
    """
    # From the newest segment back, because what a newer one says decides what counts in an older one. Once all
    # acknowledgements are known, headers will do: values are numbered without gaps, so they need not be counted.
    ledger = log.ledger
    piece, log.piece = log.piece, _PIECE
    limit = 0  # Values from this number on do not count; 0: all do.
    everything = False
    # Number and first value of those whose header was enough: ints, because objects made between two reads would be
    # scattered all over the heap.
    older: list = []
    gaps: list = []  # Numbers whose values are damaged: from the first on, below the second.
    for number in sorted(patiently(log.storage.numbers), reverse=True):
        found = first = None
        try:
            if everything and limit:
                head = patiently(log.storage.read, number, 0, _HEADER_SIZE)
            else:
                head, _ = log.read(number, 0, _HEADER_SIZE)  # With what stands behind it.
            found = parse_header(head)
            first = found[1] if found else _first_value(log, number)
        except OSError:
            log.damaged_count += 1
        if first is None or (found and found[0] != number):
            if log.storage.preallocated:  # Nobody else has anything there, so the place is free.
                log.storage.remove(number)
                log.number = max(log.number, number)
            continue  # Else it may be anybody's.
        if limit:
            first = min(first or limit, limit)
        log.number = max(log.number, number)
        log.damaged_count += not found
        if everything and limit:
            older.append(first)
            older.append(number)
        else:
            segment = Segment(number, first)
            log.segments.insert(0, segment)
            everything, expected = _scan(log, segment, len(head), limit, gaps)
            if everything:
                log.whole = max(log.whole, number)
            if limit:
                gaps.append((expected, limit))
            elif first:
                log.next = expected
                gaps.append((expected, _end(ledger)))
            if not found and not limit:
                log.writable = False
        limit = first
    log.chunk = _NOTHING
    log.piece = piece
    newer = log.segments
    log.segments = []
    while older:
        log.segments.append(Segment(older.pop(), older.pop()))
    log.segments += newer
    log.damaged_count += log.storage.unreadable_count
    log.number += log.storage.unreadable_count  # Those may be the newest, and be readable the next time.
    log.next = max(log.next, _end(ledger))
    for segment in newer:
        segment.first = segment.first or log.next
    ledger.cover(log.next)
    if log.segments:
        if everything and log.storage.preallocated:
            gaps.append((0, log.segments[0].first))  # A file may be gone because its values were acknowledged.
        else:
            ledger.acknowledge_below(log.segments[0].first)
    for first, stop in gaps:
        log.lost_count += ledger.lose(first, stop)
    log.settled = ledger.acknowledged
    if log.segments:
        log.newest = log.segments[-1]


def _first_value(log, number):
    # Of a segment without a valid header. 0: it has only acknowledgements, and is behind all values of older segments.
    # None: it has no valid record, and so may be anybody's.
    first = None
    length = patiently(log.storage.length, number)
    if length <= log.storage.segment_size:
        for item in records(log.read, number, _HEADER_SIZE, length):
            if item and item[1] == _VALUE:
                return item[2]
            if item:
                first = 0
    return first


def _scan(log, segment, length, limit, gaps):
    # Read a segment, of which so many bytes were read just now. Returns whether it acknowledges everything,
    # and the number after its last value.
    ledger = log.ledger
    expected = segment.first
    segment.end = _HEADER_SIZE
    everything = False
    intact = True  # Up to here.
    try:
        if length >= _PIECE:  # Else these are all.
            length = patiently(log.storage.length, segment.number)
        for item in records(log.read, segment.number, _HEADER_SIZE, length):
            if item is None:
                intact = False
                log.damaged_count += 1
                continue
            intact = True
            segment.end, kind, number, data = item
            if kind == _VALUE:
                if number >= expected and (number < limit or not limit):
                    if number > expected:
                        gaps.append((expected, number))
                    expected = number + 1
            elif kind == _EVERYTHING:
                everything = True
                _recall(ledger, number, number, data)
            elif kind == _NEWS:
                _recall(ledger, number, unpack("<I", data[:4])[0] if data else 0, data[4:])
        if len(log.segments) == 1:
            _find_end(log, segment, length, intact)
    except OSError:
        log.damaged_count += 1
    return everything, expected


def _find_end(log, segment, length, intact):
    # Where the newest segment, which takes what is written next, goes on.
    if not intact:
        # After the page that has the last of the damaged bytes: what a torn write did there nobody knows.
        for page in range(segment.end // _PAGE * _PAGE, length, _PAGE):
            data, at = log.read(segment.number, page, _PAGE)
            if data[at : at + _PAGE].strip(b"\xff"):
                segment.end = min(page + _PAGE, length)
    log.writable = log.storage.preallocated or segment.end == length


def _recall(ledger, acknowledged, first, marks):
    # What an acknowledgement on flash says: `first` is the number of the first bit of `marks`.
    first &= ~7
    ledger.acknowledge_below(acknowledged)
    ledger.cover(first + 8 * len(marks))
    for i in range(len(marks)):
        if first + 8 * i >= ledger.base:
            ledger.marks[(first + 8 * i - ledger.base) >> 3] |= marks[i]
            ledger.top = max(ledger.top, first + 8 * i + 8)
    while ledger.has(ledger.acknowledged):
        ledger.acknowledged += 1


def _end(ledger):
    # The number after the highest value that is acknowledged.
    stop = ledger.base + 8 * len(ledger.marks)
    while stop > ledger.acknowledged and not ledger.has(stop - 1):
        stop -= 1
    return max(stop, ledger.acknowledged)
