class Entry:
    """A value on its way to the flash."""

    def __init__(self, ticket: int, data: bytes, waits):
        self.ticket = ticket  # Values get them in the order of staging.
        self.data = data
        self.number = 0  # On flash; 0: not there yet; -1: refused.
        # The loop of the task that awaits it: nobody may read it before that task knows that it is on flash. None: no
        # task does.
        self.waits = waits


class Stage:
    """The values in RAM that go to flash with the next flush, in order. It decides nothing, and writes nothing."""

    def __init__(self, most: int, most_bytes: int):
        self.entries: list = []
        self.barred: list = []  # Those that must not be read yet: the first is awaited, the others came after it.
        self.handed = 0  # So many of the first entries were handed out to readers.
        self.tickets = 0  # Given so far.
        self.bytes = 0
        self._most = most
        self._most_bytes = most_bytes

    def has_room(self, size: int) -> bool:
        """Whether a value of so many bytes may be staged that nobody awaits."""
        return not self.entries or (len(self.entries) < self._most and self.bytes + size <= self._most_bytes)

    def add(self, data: bytes, waits) -> Entry:
        """A new entry, which is barred. When there is no memory, nothing has changed."""
        entry = Entry(self.tickets + 1, data, waits)
        self.barred.append(entry)
        try:
            self.entries.append(entry)
        except MemoryError:
            self.barred.pop()
            raise
        self.tickets += 1
        self.bytes += len(data)
        return entry

    def remove(self, entry: Entry) -> None:
        """It need not go to flash."""
        i = self.entries.index(entry)
        self.entries.pop(i)
        if i < self.handed:
            self.handed -= 1
        self.bytes -= len(entry.data)

    def stored(self, count: int, number: int) -> int:
        """The first entries are on flash, from this number on; returns how many of them were handed out."""
        handed = min(count, self.handed)
        for i in range(count):
            entry = self.entries.pop(0)
            self.bytes -= len(entry.data)
            entry.number = number + i
            entry.data = b""
        self.handed -= handed
        return handed
