"""Lends what is free in a line to the running task. Loaded when a queue gets a second reader.

IRQ safety: none.
"""

from micropython import const

from .polling import entry, schedule

_FIRST = const(-1048576)  # Milliseconds: what is due so long ago runs before the tasks that are due now.


class Lender:
    """Shares what is free in `line` when the step of the running task ends: the loop calls its `send` then."""

    def __init__(self, line):
        self._line = line
        self._entry = entry(self)
        self._loop = None  # Where the entry is; None when it is in no loop.

    def lend(self):
        """What `Line.lend` does. Needs no heap."""
        self._line.renew()
        if self._loop:
            self._loop.remove(self._entry)  # Perhaps that loop was left.
        self._loop = schedule(self._entry, _FIRST)

    def send(self, _):
        self._loop = None
        self._line.share()


def prepare(line):
    """Allocate what `line.lend` needs, so that it needs no heap later."""
    if "lend" not in line.__dict__:
        line.lend = Lender(line).lend
