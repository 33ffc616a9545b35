"""Looking up the name of a host. Loaded for that, and not kept."""

import socket

from micropython import const

from . import polling

_LONGEST_MS = const(30000)  # Two name servers that are silent take 14 s.


def address(host: str, port: int, kind: int) -> tuple:
    """The first entry of `getaddrinfo`. The loop stands still meanwhile, as everywhere on MicroPython."""
    if not polling.watchdog:
        return socket.getaddrinfo(host, port, 0, kind)[0]
    with polling.watchdog.patience(_LONGEST_MS):
        return socket.getaddrinfo(host, port, 0, kind)[0]
