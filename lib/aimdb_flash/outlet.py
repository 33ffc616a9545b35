class Outlet:
    """Which value a reader gets next: those that were given back, then those on flash, then the staged ones.

    A value that was handed out is known by its number, or as an `Entry` until it has one.
    """

    def __init__(self, log, stage):
        self.again: list = []  # Handed out and given back, in order.
        self.next = log.ledger.acknowledged  # Values on flash from here on were not handed out yet.
        self._log = log
        self._stage = stage

    def look(self):
        """(value, bytes, None) of what comes next, or (None, first, stop): these numbers should be there and are not.

        Call it only when there is something.
        """
        again = self.again
        log = self._log
        if again:
            number = again[0] if isinstance(again[0], int) else again[0].number
            stop = number + 1
        else:
            while log.ledger.has(self.next):
                self.next += 1
            number = self.next
            stop = log.next
            barred = self._stage.barred
            if barred and barred[0].number:
                stop = barred[0].number
        if not number or number >= log.next:
            entry = again[0] if again else self._stage.entries[self._stage.handed]
            return entry, entry.data, None
        found = log.get(number)
        if found and found[0] == number:
            return number, found[1], None
        return None, number, min(found[0], stop) if found else stop

    def take(self, value) -> None:
        """It is handed out: what `look` has shown. Needs no heap."""
        if self.again:
            self.again.pop(0)
        elif isinstance(value, int):
            self.next = value + 1
        else:
            self._stage.handed += 1

    def skip(self, stop: int) -> int:
        """Values below `stop` are gone; returns how many of them were given back and are not any more."""
        count = 0
        while self.again and isinstance(self.again[0], int) and self.again[0] < stop:
            self.again.pop(0)
            count += 1
        self.next = max(self.next, stop)
        return count

    def give_back(self, values: list) -> None:
        """They were handed out, and come again. When there is no memory, nothing has changed."""
        numbers = []
        entries = []
        for value in self.again + values:
            number = value if isinstance(value, int) else value.number
            if number:
                numbers.append(number)
            else:
                entries.append(value)
        numbers.sort()
        entries.sort(key=_ticket)
        self.again = numbers + entries

    def stored(self, first: int, handed: int) -> None:
        """Entries have become values on flash, from `first` on; so many of them were handed out."""
        if handed:
            self.next = first + handed
        for i in range(len(self.again)):
            if not isinstance(self.again[i], int) and self.again[i].number:
                self.again[i] = self.again[i].number


def _ticket(entry):
    return entry.ticket
