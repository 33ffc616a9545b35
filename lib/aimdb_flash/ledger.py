class Ledger:
    """Which values were handed out, given back and acknowledged, by their sequence numbers. No input or output.

    `acknowledged` is the number below which all values are, `skipped` has ranges above it that are, too.
    """

    def __init__(self, acknowledged: int, skipped: "list[tuple[int, int]]"):
        # Values from here on were not handed out yet; those in the ranges of `_skipped` never will.
        self._next = acknowledged
        self._skipped = sorted(skipped)
        # Handed out and not acknowledged, and what of it is to be handed out again; both sorted.
        self._outstanding: list = []
        self._given_back: list = []

    def upcoming(self) -> int:
        """The value to hand out next is the first one with this number or a higher one.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        return self._given_back[0] if self._given_back else self._next

    def is_again(self, sequence: int) -> bool:
        """Whether this value was handed out before and given back.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        return sequence < self._next

    def is_skipped(self, sequence: int) -> bool:
        """Whether this value, which was never handed out, is acknowledged all the same.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        for start, stop in self._skipped:
            if start <= sequence < stop:
                return True
        return False

    def is_waiting(self, sequence: int) -> bool:
        """Whether this value is still to be handed out.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        if sequence < self._next:
            return sequence in self._given_back
        return not self.is_skipped(sequence)

    def pass_over(self, sequence: int) -> None:
        """Go on after this number, because there is no value to hand out up to it.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        while self._given_back and self._given_back[0] <= sequence:
            self._outstanding.remove(self._given_back.pop(0))
        self._next = max(self._next, sequence + 1)
        while self._skipped and self._skipped[0][1] <= self._next:
            self._skipped.pop(0)

    def take(self, sequence: int) -> None:
        """This value, the upcoming one, was handed out.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        if self._given_back:
            self._given_back.pop(0)
        else:
            self._outstanding.append(sequence)
            self.pass_over(sequence)

    def give_back(self, sequences: "list[int]") -> int:
        """Hand these out again, first of all; returns how many of them are still there.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        there = [sequence for sequence in sequences if sequence in self._outstanding]
        self._given_back.extend(there)
        self._given_back.sort()
        return len(there)

    def acknowledge(self, sequence: int) -> bool:
        """Whether this value was handed out and not acknowledged so far; now it is.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        try:
            self._outstanding.remove(sequence)
        except ValueError:
            return False
        return True

    def skip(self, sequence: int) -> None:
        """Acknowledge a value that was not handed out.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        self._skipped.append((sequence, sequence + 1))
        self._skipped.sort()

    def acknowledged(self) -> int:
        """All values below are acknowledged.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        return self._outstanding[0] if self._outstanding else self._next

    def ranges(self) -> "list[tuple[int, int]]":
        """Pairs (first, one after the last) of acknowledged values above that.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        found = []
        start = None
        for sequence in self._outstanding:
            if start is not None and sequence > start:
                found.append((start, sequence))
            start = sequence + 1
        if start is not None and self._next > start:
            found.append((start, self._next))
        return found + self._skipped
