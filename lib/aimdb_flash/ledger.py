from struct import pack


class Ledger:
    """Which values on flash are acknowledged, by their numbers. It reads and writes no flash.

    All below `acknowledged` are. A value above it has a bit, which costs the least for whatever order of commits,
    because the values on flash are numbered without gaps.
    """

    def __init__(self) -> None:
        self.acknowledged = 1
        self.commits = self.stored = 0  # Acknowledgements given, and how many of these are on flash.
        self.base = 0  # The number of the first bit: a multiple of 8, not above `acknowledged`.
        self.marks = bytearray()
        self.top = 0  # The number after that of the highest bit.
        self.first = self.stop = 0  # Bits that are not on flash yet are from the first on, below the second.

    def cover(self, stop: int) -> None:
        """Have bits for all values below `stop`, so that acknowledging one needs no heap."""
        if stop > self.base + 8 * len(self.marks):
            base = self.acknowledged & ~7
            marks = self.marks[(base - self.base) >> 3 :]
            marks.extend(bytes(((stop - base) >> 3) + 17 - len(marks)))  # Enough for a while.
            self.base = base
            self.marks = marks

    def has(self, number: int) -> bool:
        """Whether this value is acknowledged."""
        if number >= self.top:
            return number < self.acknowledged
        i = number - self.base
        return number < self.acknowledged or self.marks[i >> 3] >> (i & 7) & 1 == 1

    def acknowledge(self, number: int) -> None:
        """Acknowledge a value that is not; its bit is there. Needs no heap."""
        self.commits += 1
        if number != self.acknowledged:
            if not self.stop or number < self.first:
                self.first = number
            if number >= self.stop:
                self.stop = number + 1
            if number >= self.top:
                self.top = number + 1
            i = number - self.base
            self.marks[i >> 3] |= 1 << (i & 7)
            return
        if number + 1 < self.top:
            return self.acknowledge_below(number + 1)
        self.acknowledged = number + 1  # As that would do, in a third of the time.

    def acknowledge_below(self, stop: int) -> None:
        """Acknowledge all values below `stop`. Needs no heap."""
        if stop > self.acknowledged:
            while self.has(stop):
                stop += 1
            self.acknowledged = stop

    def lose(self, first: int, stop: int) -> int:
        """Acknowledge all from `first` up to `stop`, which are gone; returns how many were not acknowledged."""
        count = 0
        first = max(first, self.acknowledged)
        while first < stop:
            if not self.has(first):
                self.acknowledge(first)
                count += 1
            first += 1
        return count

    def count(self, stop: int) -> int:
        """How many values below `stop` are not acknowledged."""
        count = stop - self.acknowledged
        for byte in self.everything():
            while byte:
                count -= byte & 1
                byte >>= 1
        return count

    # What stands in an acknowledgement: docs/flash-format.md.

    def everything(self) -> bytes:
        """The bits of all values from `acknowledged` on; in the first byte those of the values before it are 0."""
        marks = self.marks[(self.acknowledged - self.base) >> 3 :]
        if marks:
            marks[0] = marks[0] >> (self.acknowledged & 7) << (self.acknowledged & 7)
        return bytes(marks).rstrip(b"\0")

    def news(self) -> bytes:
        """The bits that are not on flash yet, behind the number of the first, a multiple of 8; nothing: all are."""
        if self.stop <= self.acknowledged:
            return b""
        first = max(self.first, self.acknowledged) & ~7
        return pack("<I", first) + self.marks[(first - self.base) >> 3 : (self.stop + 7 - self.base) >> 3]
