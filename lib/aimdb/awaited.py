"""Reminds of a run that was made and is not awaited. Loaded for that, and not kept."""

import sys
from time import ticks_add, ticks_diff, ticks_ms

import micropython
from micropython import const

_SOON_MS = const(1000)


def remind(begun: list) -> None:
    """Say so when nothing is in `begun` a second from now."""
    until = ticks_add(ticks_ms(), _SOON_MS)

    def look(_):
        # Called wherever the interpreter lets callbacks in: there may be no loop that could call it.
        if not begun:
            if ticks_diff(ticks_ms(), until) > 0:
                print("aimdb: db.run() was called and has not begun; is there an await before it?", file=sys.stderr)
            else:
                try:
                    micropython.schedule(look, None)
                except RuntimeError:  # Too many callbacks wait.
                    pass

    look(None)
