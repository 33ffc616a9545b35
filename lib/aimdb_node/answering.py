"""Whether there is a way to a host. Loaded when somebody doubts it, and not kept."""

import asyncio
import errno
import select
import socket

from aimdb import check_int, once


async def answers(host: str, port: int, timeout_ms: int = 5000) -> bool:
    """Whether anybody is there: `host` makes or refuses a connection at `port` within `timeout_ms` milliseconds.

    Raises `TypeError` or `ValueError` for wrong arguments. Cancel safety: the socket is closed.
    """
    check(host, port, "timeout_ms", timeout_ms)
    probe = None
    try:
        info = once("blocking").call(socket.getaddrinfo, host, port, 0, socket.SOCK_STREAM)[0]
        probe = socket.socket(info[0])
        probe.setblocking(False)
        try:
            probe.connect(info[-1])
        except OSError as er:
            if er.errno != errno.EINPROGRESS:
                raise
        poller = select.poll()
        poller.register(probe, select.POLLOUT)
        while not poller.poll(0):
            if not timeout_ms:
                return False
            pause = min(timeout_ms, 100)
            timeout_ms -= pause
            await asyncio.sleep_ms(pause)
        probe.recv(1)  # Raises what the attempt has come to.
        return True
    except OSError as er:
        return er.errno in (errno.EAGAIN, errno.ECONNRESET, errno.ECONNREFUSED)
    finally:
        if probe:
            probe.close()


def check(host: str, port: int, name: str, milliseconds: int) -> None:
    """Raise `TypeError` or `ValueError` for what nobody can be asked for. `name`: of the time."""
    if not isinstance(host, str):
        raise TypeError("host is a string, not %r" % (host,))
    check_int("port", port, 1, 65535)
    check_int(name, milliseconds)
