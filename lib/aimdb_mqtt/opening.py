"""From a host's name to a stream, perhaps inside of TLS."""

import errno
import socket

from aimdb.streams import writable
from micropython import const

from .errors import Unreachable

# Numbers that all ports share; not all of them name them.
_IPPROTO_TCP = const(6)
_TCP_NODELAY = const(1)


def looked_up(host: str, port: int) -> tuple:
    """The address of `host`, as sockets have it. Looking it up blocks, as everywhere on MicroPython.

    Raises `Unreachable`.
    """
    try:
        return socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM)[0]
    except OSError as er:
        raise Unreachable("the host name %s cannot be looked up (%s)" % (host, er))


def open_stream(address, host, tls):
    """A stream that does not block, and its socket: the same, unless there is a context `tls`. Await it.

    Both are to be closed: after a failed handshake, closing the stream leaves the socket open. Raises `OSError`.

    Cancel safety: cancelled, the socket is closed. IRQ safety: none.
    """
    raw = socket.socket(address[0])
    try:
        raw.setblocking(False)
        try:
            raw.connect(address[-1])
        except OSError as er:
            if er.errno != errno.EINPROGRESS:
                raise
        yield writable(raw)
        try:
            raw.setsockopt(_IPPROTO_TCP, _TCP_NODELAY, 1)
        except (OSError, ValueError):
            pass  # Slower, that is all: small packets then wait for the peer's acknowledgement of those before.
        if not tls:
            return raw, raw
        # The handshake is done by the first read and write.
        stream = tls.wrap_socket(raw, server_hostname=host, do_handshake_on_connect=False)
        if hasattr(stream, "setblocking"):
            stream.setblocking(False)
        return stream, raw
    except BaseException:
        raw.close()
        raise
