"""Opens the door for peers by TCP, and lets them in. Loaded each time, and not kept."""

import asyncio
import errno
import socket

from micropython import const

from .peer import Peer
from .tcp import Frames

# Numbers that all ports share; not all of them name them.
_IPPROTO_TCP = const(6)
_TCP_NODELAY = const(1)

_PATIENCE_S = const(8)  # Before it is said that nobody can listen.


def listen(server):
    """A socket that listens at the server's port. Awaited: where it cannot be had, it is tried each second."""
    attempts = 0
    while True:
        try:
            return _door(server)
        except OSError as er:
            server.last_error = "cannot listen at port %d: %r" % (server.tcp, er)
        attempts += 1
        if attempts >= _PATIENCE_S and not attempts & (attempts - 1):
            from aimdb.complaint import complain

            complain(server.key, server.last_error, attempts * 1000)
        yield from asyncio.sleep_ms(1000)


def _door(server):
    door = socket.socket()
    try:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        door.bind(socket.getaddrinfo("0.0.0.0", server.tcp)[0][-1])
        door.listen(server.connections)
        door.setblocking(False)
        return door
    except BaseException:
        door.close()
        raise


def accept(server, failures):
    """Let the next peer in, or turn it away. Awaited: how often in a row the door has failed; before, `failures`."""
    try:
        raw, _ = server.door.accept()
    except OSError as er:
        yield from asyncio.sleep_ms(100)
        return failures + (er.errno != errno.EAGAIN)
    try:
        _admit(server, raw)
    except Exception as er:
        raw.close()
        server.turned_away_count += 1
        server.last_error = "a peer could not be let in: %r" % (er,)
    return 0


def _admit(server, raw):
    # Raises what TLS raises.
    if not _has_place(server):
        server.turned_away_count += 1
        raw.close()
        return
    raw.setblocking(False)
    try:
        raw.setsockopt(_IPPROTO_TCP, _TCP_NODELAY, 1)
    except (OSError, ValueError):
        pass  # Slower, that is all: small frames then wait for the peer's acknowledgement of those before.
    stream: object = raw
    if server.tls:
        # The handshake is done by the first reads and writes.
        stream = server.tls.wrap_socket(raw, server_side=True, do_handshake_on_connect=False)
        if hasattr(stream, "setblocking"):
            stream.setblocking(False)
    is_trusted = server.token is None
    may_write = server.anyone != "read"
    frames = Frames(stream, server.max_frame)
    server.peers.append(Peer(server, frames, is_trusted, may_write, (stream, raw)))
    server.show()


def _has_place(server):
    # Who has not shown the token makes room, or has been silent for long; and of those who watches least.
    peers = [peer for peer in server.peers if peer.sockets]
    if len(peers) < server.connections:
        return True
    last = [peer for peer in peers if not peer.is_trusted and peer.age > 1 or peer.quiet * 1000 > server.silence_ms]
    if not last:
        return False
    last.sort(key=lambda peer: (peer.is_trusted, len(peer.subscriptions), -peer.quiet))
    what = "said nothing for" if last[0].is_trusted else "did not show the token for"
    last[0].end("a peer %s %d s, and another one came" % (what, last[0].quiet))
    return True
