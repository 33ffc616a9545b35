class Ledger:
    """Which values on flash are acknowledged, by their numbers. No input or output.

    All below `acknowledged` are. A value above it has a bit, which costs the least for whatever order of commits,
    because the values on flash are numbered without gaps.
    """

    def __init__(self) -> None:
        self.acknowledged = 1
        self.commits = self.stored = 0  # Acknowledgements given, and how many of these are on flash.
        self._base = 0  # The number of the first bit: a multiple of 8, not above `acknowledged`.
        self._marks = bytearray()
        self._first = self._stop = 0  # Bits that are not on flash yet are from the first on, below the second.

    def cover(self, stop: int) -> None:
        """Have bits for all values below `stop`, so that acknowledging one needs no heap."""
        if stop > self._base + 8 * len(self._marks):
            base = self.acknowledged & ~7
            marks = self._marks[(base - self._base) >> 3 :]
            marks.extend(bytes(((stop - base) >> 3) + 17 - len(marks)))  # Enough for a while.
            self._base = base
            self._marks = marks

    def has(self, number: int) -> bool:
        """Whether this value is acknowledged."""
        i = number - self._base
        return number < self.acknowledged or (i >> 3 < len(self._marks) and self._marks[i >> 3] >> (i & 7) & 1 == 1)

    def acknowledge(self, number: int) -> None:
        """Acknowledge a value that is not; its bit is there. Needs no heap."""
        if number == self.acknowledged:
            self.acknowledge_below(number + 1)
        else:
            i = number - self._base
            self._marks[i >> 3] |= 1 << (i & 7)
            if not self._stop or number < self._first:
                self._first = number
            if number >= self._stop:
                self._stop = number + 1

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

    def held(self, stop: int) -> int:
        """How many values below `stop` are not acknowledged."""
        count = stop - self.acknowledged
        for byte in self.everything():
            while byte:
                count -= byte & 1
                byte >>= 1
        return count

    # What stands in an acknowledgement: docs/flash-format.md.

    def everything(self) -> bytes:
        """The bits of all values from `acknowledged` on; the first byte has those of the seven before, as 0."""
        marks = bytes(self._marks[(self.acknowledged - self._base) >> 3 :]).rstrip(b"\0")
        if marks:
            marks = bytes((marks[0] >> (self.acknowledged & 7) << (self.acknowledged & 7),)) + marks[1:]
        return marks.rstrip(b"\0")

    def news(self) -> "tuple[int, bytes]":
        """The bits that are not on flash yet: the number of the first, a multiple of 8, and the bytes."""
        first = max(self._first, self.acknowledged) & ~7
        if self._stop <= self.acknowledged:
            return first, b""
        return first, bytes(self._marks[(first - self._base) >> 3 : (self._stop + 7 - self._base) >> 3])

    def written(self) -> None:
        """All of it is on flash."""
        self.stored = self.commits
        self._stop = 0

    def recall(self, acknowledged: int, first: int, marks: bytes) -> None:
        """Learn what an acknowledgement on flash says: `first` is the number of the first bit of `marks`."""
        first &= ~7
        self.acknowledge_below(acknowledged)
        self.cover(first + 8 * len(marks))
        for i in range(len(marks)):
            if first + 8 * i >= self._base:
                self._marks[(first + 8 * i - self._base) >> 3] |= marks[i]
        while self.has(self.acknowledged):
            self.acknowledged += 1

    def end(self) -> int:
        """The number after the highest value that is acknowledged."""
        stop = self._base + 8 * len(self._marks)
        while stop > self.acknowledged and not self.has(stop - 1):
            stop -= 1
        return max(stop, self.acknowledged)
