from aimdb.complaint import Complaint, complain


class Standstill(Complaint):
    """Says on stderr that values wait in RAM, and why nobody can tell when they will be on flash. Loaded then."""

    def __init__(self, flusher):
        super().__init__(self._tell)
        self._flusher = flusher

    def _tell(self, milliseconds):
        flusher = self._flusher
        count = len(flusher.values.entries)
        if flusher.full:
            held = max(flusher.values.held - count, 0)
            what = "has no room on flash, where %d values are not committed; %d more wait in RAM" % (held, count)
        else:
            what = "cannot write to %r (%r); %d values wait in RAM" % (flusher.queue.path, flusher.cause, count)
        complain(flusher.queue.key, what, milliseconds)
