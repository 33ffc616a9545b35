class Ledger:
    """Which values were handed out, given back and acknowledged, by their sequence numbers. No input or output."""

    def __init__(self) -> None:
        self.acknowledged = 1  # All values below are.
        self.ranges: list = []  # Pairs (first, one after the last) of acknowledged values above, in order.
        self.next = 1  # Values from here on were not handed out yet; those of the ranges never will.
        self.again: list = []  # Handed out and given back, in order.
        self.commits = self.stored = 0  # Acknowledgements given, and how many of these are on flash.

    def has(self, sequence: int) -> bool:
        """Whether this value is acknowledged.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        for start, stop in self.ranges:
            if start <= sequence < stop:
                return True
        return sequence < self.acknowledged

    def acknowledge(self, ranges: "list[tuple[int, int]]") -> None:
        """Add these ranges.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        joined: list = []
        for start, stop in sorted(self.ranges + ranges):
            if start <= self.acknowledged:
                self.acknowledged = max(self.acknowledged, stop)
            elif joined and start <= joined[-1][1]:
                joined[-1] = (joined[-1][0], max(joined[-1][1], stop))
            else:
                joined.append((start, stop))
        self.ranges = joined
        self.next = max(self.next, self.acknowledged)

    def lose(self, start: int, stop: int) -> None:
        """The values of these numbers are gone: none is handed out any more, and all count as acknowledged.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        while self.again and self.again[0] < stop:
            self.again.pop(0)
        self.next = max(self.next, stop)
        self.acknowledge([(start, stop)])
