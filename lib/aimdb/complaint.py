"""Says on stderr that somebody waits, and why. Loaded when somebody does.

IRQ safety: none.
"""

import sys

from .timing import Timer


class Complaint:
    """Calls `say(milliseconds)` while a wait lasts: after `first_ms`, and then 2, 4, 8 … times as late.

    `say` prints a line on stderr. It returns False when somebody has been served meanwhile: then the time begins anew,
    as it does when there is no memory for the line.
    """

    def __init__(self, say, first_ms: int = 10000):
        self._say = say
        self._first = self._waited = first_ms
        self._timer = Timer(self._due)

    def begin(self) -> None:
        """The wait begins, unless it has begun already."""
        if not self._timer.runs():
            self._waited = self._first
            self._timer.start(self._first)

    def end(self) -> None:
        """The wait has ended."""
        self._timer.stop()

    def _due(self):
        waited = self._waited
        try:
            said = self._say(waited) is not False
        except MemoryError:
            said = False
        if not said:
            self._waited = self._first
            self._timer.start(self._first)
        else:
            self._waited = min(2 * waited, 0x1FFFFFFF)  # The longest time does not double: it comes again.
            self._timer.start(waited)


def complain(key, what: str, milliseconds: int) -> None:
    """Print such a line: what the record does, and how long it has been so."""
    print("aimdb: record %r %s, for %d s now" % (key, what, milliseconds // 1000), file=sys.stderr)
