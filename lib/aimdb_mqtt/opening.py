"""The making of a connection. Loaded for each attempt, and not kept."""

import errno
import socket

from aimdb.loop import writable
from micropython import const

from .connection import Connection
from .errors import Refused, Unreachable

# Numbers that all ports share; not all of them name them.
_IPPROTO_TCP = const(6)
_TCP_NODELAY = const(1)


async def connect(broker) -> None:
    """Return when the broker has accepted the connection. Raises `MqttError`, `OSError`, and what TLS raises."""
    host = broker.host
    try:
        # This blocks, as everywhere on MicroPython.
        address = socket.getaddrinfo(host, broker.port, 0, socket.SOCK_STREAM)[0]
    except OSError as er:
        raise Unreachable("the host name %s cannot be looked up (%s)" % (host, er))
    for other in broker.others():
        if other.peer == address[-1] and other.client_id == broker.client_id:
            raise Refused(
                "%s and %s are one broker, which would end the connection of either: use one URL, or two client_ids"
                % (broker.name, other.name)
            )
    raw = socket.socket(address[0])
    try:
        stream = await _opened(raw, address[-1], host, broker.tls)
        broker.connection = connection = Connection(stream, raw, broker)
    except BaseException:
        raw.close()  # Also after TLS: closing the stream leaves the socket open then.
        raise
    broker.peer = address[-1]
    connection.send(broker.hello)
    while not broker.connected:
        if connection.error:
            raise connection.error
        await broker.news.wait()


def _opened(raw, address, host, tls):
    raw.setblocking(False)
    try:
        raw.connect(address)
    except OSError as er:
        if er.errno != errno.EINPROGRESS:
            raise
    yield writable(raw)
    try:
        raw.setsockopt(_IPPROTO_TCP, _TCP_NODELAY, 1)
    except (OSError, ValueError):
        pass  # Slower, that is all: small packets then wait for the peer's acknowledgement of those before.
    if not tls:
        return raw
    # The handshake is done by the first read and write.
    stream = tls.wrap_socket(raw, server_hostname=host, do_handshake_on_connect=False)
    if hasattr(stream, "setblocking"):
        stream.setblocking(False)
    return stream
