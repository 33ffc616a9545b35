from .spmc_ring import RingReader, SpmcRing


class SingleLatest(SpmcRing):
    """The newest value only, for state and settings. Every reader sees the newest, once.

    A late reader gets the current value. Producing overwrites; it never waits and never refuses, and what was
    overwritten does not count as dropped.
    """

    def __init__(self):
        super().__init__(1)

    def subscribe(self) -> RingReader:
        return RingReader(self, self._counts[0] - len(self._values))

    def _missed(self, reader, count):
        pass  # What was overwritten is of no interest.

    def peek(self):
        return self._values[0] if self._values else None
