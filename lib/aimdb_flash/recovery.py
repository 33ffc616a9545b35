from micropython import const

from .framing import ACKNOWLEDGEMENT, HEADER_SIZE, VALUE, parse_header, parse_ranges, records

_PAGE = const(256)


class Segment:
    """What is known of a segment without reading it."""

    def __init__(self, number: int, end: int = 0, last: int = 0):
        self.number = number
        self.end = end  # Where its valid bytes end.
        self.last = last  # The highest sequence number of its values; 0: it has none that counts.


class Recovery:
    """Finds out what is on the flash. Whatever is there, it raises nothing but `UnknownFormat` and `OSError`.

    It reads from the newest segment back, because what a newer one says decides what counts in an older one.
    """

    def __init__(self, storage, read):
        self.segments: list = []  # Oldest first.
        self.acknowledged = 1  # Numbers of values begin here.
        self.skipped: list = []  # Ranges of acknowledged values above.
        self.count = 0  # Values that are not acknowledged.
        self.damaged = 0  # Stretches of damaged bytes.
        self.last = 0  # The highest sequence number that was ever used, as far as it is known.
        self.writable = False  # Whether the newest segment can take more.
        self._storage = storage
        self._read = read
        self._known = False  # Whether an acknowledgement was found: the last of the newest segment that has one.
        self._limit = None  # Values from this number on do not count, as a newer segment says.
        unread: list = []  # Values found before that.
        for number in sorted(storage.numbers(), reverse=True):
            segment = Segment(number)
            if not (self._known and self._limit is not None and self._limit <= self.acknowledged):
                unread.extend(self._scan(segment))
                if self._known:
                    self.count += sum([not self._is_acknowledged(value) for value in unread])
                    unread.clear()
            self.segments.insert(0, segment)
        self.count += len(unread)

    def _is_acknowledged(self, sequence):
        return sequence < self.acknowledged or any([start <= sequence < stop for start, stop in self.skipped])

    def _scan(self, segment):
        # Completes `segment` and returns the numbers of its values.
        number = segment.number
        length = self._storage.length(number)
        found = parse_header(self._read(number, 0, HEADER_SIZE))
        values = []
        acknowledgement = None
        intact = found is not None
        self.damaged += not intact
        segment.end = HEADER_SIZE
        for item in records(self._read, number, HEADER_SIZE, length, self._storage.alignment):
            intact = item is not None
            if not item:
                self.damaged += 1
                continue
            offset, kind, sequence, payload = item
            if kind == VALUE:
                if self._limit is not None and sequence >= self._limit:
                    break
                values.append(sequence)
                segment.last = sequence
            elif kind == ACKNOWLEDGEMENT:
                acknowledgement = sequence, parse_ranges(payload)
                self.last = max(self.last, sequence - 1)
            segment.end = offset
        self.last = max(self.last, segment.last)
        if not self.segments and found:
            if not intact:
                segment.end = min(self._after(number, length), length)
            self.writable = self._storage.preallocated or segment.end == length
        if acknowledgement and not self._known:
            self._known = True
            self.acknowledged, self.skipped = acknowledgement
            for _, stop in self.skipped:
                self.last = max(self.last, stop - 1)
        if found:
            self._limit = found[1] if self._limit is None else min(self._limit, found[1])
            self.last = max(self.last, found[1] - 1)
        return values

    def _after(self, number, offset):
        # The page after the last byte that is not blank: what a torn write did to its page nobody knows.
        while offset > HEADER_SIZE:
            data = self._read(number, max(0, offset - _PAGE), min(offset, _PAGE))
            used = len(data.rstrip(b"\xff"))
            offset -= len(data)
            if used:
                return offset + -(-used // _PAGE) * _PAGE
        return HEADER_SIZE
