"""The making of a connection, and what is said when none can be made. Loaded for each attempt, and not kept."""

import errno
import socket
from asyncio import TimeoutError
from time import localtime

import aimdb
from aimdb.polling import writable
from micropython import const

from .connection import Connection
from .errors import ConnectionLost, PeerError, Refused, Unreachable, tell

# Numbers that all ports share; not all of them name them.
_IPPROTO_TCP = const(6)
_TCP_NODELAY = const(1)
_EPIPE = const(32)
_ENETUNREACH = const(101)  # Of Linux and lwIP.

_MANY = const(4)  # Good connections that are lost.

_WORDS = const(
    "ECONNREFUSED nobody listens at this port,"
    "EHOSTUNREACH there is no way to this address,"
    "ETIMEDOUT nobody answers at this address,"
    "ECONNRESET the peer broke the connection,"
    "ENOMEM there is no memory, or no socket, left"
)


async def connect(peer) -> None:
    """Return when the peer has accepted the connection. Raises `PeerError`, `OSError`, and what TLS raises."""
    host = peer.host
    try:
        addresses = aimdb.once("blocking").call(socket.getaddrinfo, host, peer.port, 0, socket.SOCK_STREAM)
    except OSError as er:
        raise Unreachable("the host name %s cannot be looked up (%s)" % (host, er))
    address = addresses[peer.attempts % len(addresses)]  # Of several, the next one after each failure.
    for other in peer.known:
        if other is not peer and other.connection and peer.client_id and other.client_id == peer.client_id:
            if other.address == address[-1]:
                text = "%s and %s are one %s, which would end the connection of either: use one URL, or two client_ids"
                raise Refused(text % (peer.name, other.name, type(peer).__name__.lower()))
    peer.address = address[-1]
    peer.raw = raw = socket.socket(address[0])
    try:
        begun = False
        if peer.first_port and address[0] == socket.AF_INET:
            begun = _begun(raw, address[-1], peer.first_port)
            if not begun:
                raw.close()
                peer.raw = raw = socket.socket(address[0])
        stream = await _opened(raw, address[-1], host, peer.tls, begun)
        peer.connection = connection = Connection(stream, raw, peer)
    except BaseException:
        raw.close()  # Also after TLS: closing the stream leaves the socket open then.
        raise
    connection.send(peer.hello)
    while not peer.connected:
        if connection.broken:
            text = "%s ended the connection at once%s" % (peer.name, peer.unwelcome)
            if peer.tls and isinstance(connection.error, OSError):  # In the handshake, most likely.
                reasons = "no TLS at this port, no version or cipher that we have, or wants a certificate of ours"
                text += "; perhaps it has %s: %s" % (reasons, connection.error)
            raise Unreachable(text)
        if connection.error:
            raise connection.error
        await peer.news.wait()


def _begun(raw, address, port):
    # Begin to connect from that port; whether it could be had. A peer that still has a connection from there, of this
    # board before it lost its power, notices by this that it has ended.
    try:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        raw.bind(socket.getaddrinfo("0.0.0.0", port)[0][-1])
        raw.setblocking(False)
        raw.connect(address)
    except OSError as er:
        return er.errno == errno.EINPROGRESS
    return True


def _opened(raw, address, host, tls, begun):
    if not begun:
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


def failed(peer, error: Exception, troubles: int) -> PeerError:
    """Why a connection, or an attempt to make one, has ended, in words for somebody who is to mend it.

    It is counted. `troubles`: how many attempts failed, or connections were lost soon, in a row. With 0 it was a good
    connection: only the 4th, 8th, 16th … that is lost is told of.
    """
    why = _in_words(peer, error)
    peer.lost_count += peer.connected
    peer.attempts += not peer.connected
    count = troubles or peer.lost_count
    if troubles or count >= _MANY:
        name = peer.name  # Once in the sentence.
        reason = str(why).replace(name + ": ", "").replace(name, "it")
        keys = ", ".join([repr(user.key) for user in peer.users if user])
        text = "%sno connection to %s: %s" if troubles else "%sthe connection to %s is lost again and again: %s"
        if count >= _MANY and peer.connected and peer.connection.broken and peer.client_id:
            reason += "; perhaps another client has its client_id"
        tell(count, text, "record %s: " % keys if keys else "", name, reason)
    return why


def _in_words(peer, error):
    if isinstance(error, PeerError):
        return error
    if isinstance(error, TimeoutError):
        peer.first_port = 0
        return Unreachable("%s did not answer for %d ms" % (peer.name, peer.timeout_ms))
    number = getattr(error, "errno", None)
    if number == _EPIPE:
        number = errno.ECONNRESET
    elif number == _ENETUNREACH:
        number = errno.EHOSTUNREACH
    code = errno.errorcode.get(number)
    # mbedtls raises ValueErrors, too, with a line for each reason.
    text = str(error).strip().replace("\n", "; ") or repr(error)
    if text.isdigit():
        text = "error %s of the system" % text
    for words in _WORDS.split(","):
        name, _, sentence = words.partition(" ")
        if name == code:
            text = "%s (%s)" % (sentence, name)
    if peer.tls and localtime()[0] < 2025:
        text += "; the clock says %d, and no certificate is valid yet: set it before" % localtime()[0]
    return (ConnectionLost if peer.connected else Unreachable)("%s: %s" % (peer.name, text))
