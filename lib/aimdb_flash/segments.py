from micropython import const

from .framing import records

_HEADER_SIZE = const(16)
_OVERHEAD = const(12)
_VALUE = const(1)

_CHUNK = const(512)  # Bytes read at a time: about ten short records.
_ATTEMPTS = const(3)  # To read a segment, before it counts as damaged.


class Segment:
    """What is known of a segment without reading it."""

    def __init__(self, number: int, first: int):
        self.number = number
        self.first = first  # The number of its first value; it has all up to the first one of the next segment.
        self.end = 0  # Where its valid bytes end; 0: not looked at yet; -1: it could not be made, and is to be removed.


class Segments:
    """The segments of a storage, in order: reads their values, and removes them. `recover` finds those that are there.

    `ledger` knows what is acknowledged. Methods raise `OSError` when the storage fails, and `MemoryError`.
    """

    def __init__(self, storage, ledger):
        self.storage = storage
        self.ledger = ledger
        self.segments = []  # Oldest first.
        self.number = 0  # Of the newest segment that there ever was, also if it could not be made.
        self.writable = False  # Whether the newest segment may take more.
        self.whole = 0  # The newest segment that begins with an acknowledgement of everything.
        self.next = 1  # The number of the next value.
        self.damaged_count = 0
        # What was read last: segment number, offset, bytes. And the value that was found last: segment number, number
        # of the value, offsets of its record and of the next. At first nothing was.
        self._chunk = (None, 0, b"")
        self._found = (None, 0, 0, 0)

    def forget(self) -> None:
        """What was read last may have changed."""
        self._chunk = (None, 0, b"")

    # Reading

    def read(self, number: int, offset: int, size: int) -> bytes:
        """Bytes of a segment, fewer at its end."""
        known, start, data = self._chunk
        if known != number or offset < start or offset + size > start + len(data):
            start = offset
            data = self.storage.read(number, offset, max(size, _CHUNK))
            self._chunk = (number, offset, data)
        return data[offset - start : offset - start + size]

    def stop(self, i: int) -> int:
        """The number after the last value of segment `i` of the list."""
        return self.segments[i + 1].first if i + 1 < len(self.segments) else self.next

    def get(self, number: int) -> "tuple[int, bytes] | None":
        """(number, bytes) of the first value from this one on that is not acknowledged and can be read, or None.

        A segment that cannot be read, again and again, is passed over.
        """
        segments = self.segments
        i = 0
        stop = len(segments)
        while stop - i > 1:  # The last one that begins with it or before.
            middle = (i + stop) // 2
            if segments[middle].first <= number:
                i = middle
            else:
                stop = middle
        while i < len(segments):
            found = None
            for _ in range(_ATTEMPTS):
                try:
                    found = self._look(segments[i], number, self.stop(i))
                    break
                except OSError:
                    self.forget()
            if found:
                return found
            number = max(number, self.stop(i))
            i += 1
        return None

    def _look(self, segment, number, stop):
        # In one segment.
        if number >= stop:
            return None
        if not segment.end:
            segment.end = self.storage.length(segment.number)
        known, before, offset, after = self._found
        if known != segment.number or before > number:
            offset = _HEADER_SIZE
        elif before < number:
            offset = after
        for item in records(self.read, segment.number, offset, segment.end, self.storage.alignment):
            if item and item[1] == _VALUE and number <= item[2] < stop and not self.ledger.has(item[2]):
                self._found = (segment.number, item[2], item[0] - _OVERHEAD - len(item[3]), item[0])
                return item[2], item[3]
        return None

    # Removing

    def free(self) -> bool:
        """Remove a segment that nobody needs, if there is one; whether there was."""
        acknowledged = self.ledger.acknowledged
        for i, segment in enumerate(self.segments):
            if segment.end < 0:
                self._remove(segment)
                return True
            if i + 1 < len(self.segments):
                stop = self.stop(i)
                # Of one without values the acknowledgements are needed, until all is said anew.
                if stop <= acknowledged or (segment.first == stop and segment.number < self.whole):
                    self._remove(segment)
                    return True
        return False

    def is_crowded(self) -> bool:
        """Whether nothing can be written before a segment is removed, unless the newest takes it."""
        return len(self.segments) >= self.storage.segment_count

    def drop_oldest(self) -> int:
        """Remove the oldest segment, whatever is in it; the number after its last value."""
        stop = self.stop(0)
        self._remove(self.segments[0])
        return stop

    def _remove(self, segment):
        self.storage.remove(segment.number)
        self.segments.remove(segment)
        self.forget()
