"""What the unix port has instead of a board's interrupts and its sleep. Loaded there alone."""

import socket
from _thread import allocate_lock
from os import urandom

from micropython import RingIO

_lock = allocate_lock()
disable_irq = _lock.acquire


def enable_irq(state) -> None:
    _lock.release()


def _socket():
    # Connected to itself, so that it hears nobody else.
    for _ in range(9):
        port = 49152 + int.from_bytes(urandom(2), "little") % 16384
        address = socket.getaddrinfo("127.0.0.1", port)[0][-1]
        stream = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            stream.bind(address)
            stream.connect(address)
            stream.setblocking(False)
            return stream
        except OSError:  # Perhaps the port is another program's.
            stream.close()


# Only a file descriptor ends a sleep in the kernel's poll, and a socket has one. Without a loopback network it is a
# RingIO, at which MicroPython's poll looks every millisecond.
stream = _socket() or RingIO(1)
