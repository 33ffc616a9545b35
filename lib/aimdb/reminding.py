"""Reminds of a run that does not begin. Loaded for each run, and not kept."""

import sys
from time import ticks_add, ticks_diff, ticks_ms

import micropython
from micropython import const

_SOON_MS = const(1000)


def remind(run, begun: list, may_begin) -> None:
    """Say so when the coroutine has not put anything in `begun` a second from now, and could still do so.

    `may_begin`: of awaited.py. The callback loads no module: the program may be loading the same one.

    Ctrl-C that comes meanwhile is put there, for the run to raise it.
    """

    def look(until):
        # Called wherever the interpreter lets callbacks in: there may be no loop that could call it. With a fifth
        # variable from outside the interpreter would need heap to call it.
        nonlocal run
        try:
            if not begun:
                if ticks_diff(until, ticks_ms()) >= 0:
                    return micropython.schedule(look, until)
                if may_begin(run):
                    print("aimdb: db.run() was called and has not begun; is there an await before it?", file=sys.stderr)
        except Exception:  # Too many callbacks wait, or there is no memory.
            pass
        except KeyboardInterrupt as er:  # In a callback the interpreter would print it, and go on.
            begun.append(er)
        # The interpreter refers to `look` until it has called others.
        run = None
        globals().clear()

    look(ticks_add(ticks_ms(), _SOON_MS))
