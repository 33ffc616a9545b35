"""Calls what keeps the loop for long, and has the watchdog fed meanwhile. Loaded for that, and not kept."""

from micropython import const

from . import polling

_LONGEST_MS = const(30000)  # Two name servers that are silent take 14 s.


def call(function, *arguments):
    """`function(*arguments)`. A watchdog that runs is fed by a timer, for 30 s at most."""
    if not polling.watchdog:
        return function(*arguments)
    with polling.watchdog.patience(_LONGEST_MS):
        return function(*arguments)
