"""Whether there is a way to a host. Loaded when somebody doubts it, and not kept."""

import asyncio
import errno
import select
import socket

from aimdb import once


async def answers(host: str, port: int, timeout_ms: int = 5000) -> bool:
    """Whether anybody is there: `host` makes or refuses a connection at `port` within `timeout_ms` milliseconds.

    Cancel safety: the socket is closed.
    """
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
        for _ in range(timeout_ms // 100):
            if poller.poll(0):
                probe.recv(1)  # Raises what the attempt has come to.
                return True
            await asyncio.sleep_ms(100)
    except OSError as er:
        return er.errno in (errno.EAGAIN, errno.ECONNRESET, errno.ECONNREFUSED)
    finally:
        if probe:
            probe.close()
    return False
