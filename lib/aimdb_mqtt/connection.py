"""From the URL of a broker to a connection that moves packets."""

import asyncio
import errno
import socket
from asyncio import core  # type: ignore[attr-defined]
from time import ticks_ms

from micropython import const

from . import ConnectionLost
from .packets import Receiver

_EDITOR = const(0)  # For editors only: what is below it costs the board nothing.
if _EDITOR:
    from typing import Any

# So many packets may wait for the network before we read on; it matters to a broker that sends and does not take.
_MOST_ANSWERS = const(32)

_PORTS = {"mqtt": 1883, "mqtts": 8883}

# Numbers that all ports share; not all of them name them.
_IPPROTO_TCP = const(6)
_TCP_NODELAY = const(1)


def parse(url: str) -> "tuple[str, bool, str, int, str | None, str | None, str]":
    """The parts of `mqtt[s]://[user[:password]@]host[:port][/topic]`: name, tls, host, port, user, password, topic.

    User and password may contain %XX; the topic is taken as it is. `name` is scheme, host and port, with no
    secrets in it. Raises `TypeError` or `ValueError` for what is no such URL.

    Cancel safety: it does not wait. IRQ safety: none.
    """
    if not isinstance(url, str):
        raise TypeError("a URL is a string, not %r" % (url,))
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in _PORTS:
        raise ValueError("the URL does not begin with mqtt:// or mqtts://")
    authority, _, topic = rest.partition("/")
    user = password = None
    if "@" in authority:
        user, authority = authority.rsplit("@", 1)
        user, colon, password = user.partition(":")
        user = _unquoted(user)
        password = _unquoted(password) if colon else None
    if authority.startswith("["):  # An IPv6 address.
        host, _, port = authority[1:].partition("]")
        port = port[1:]
    else:
        host, _, port = authority.partition(":")
    if not host:
        raise ValueError("the URL names no host")
    if port and not (port.isdigit() and 0 < int(port) < 65536):
        raise ValueError("%r is not a port" % port)
    number = int(port) if port else _PORTS[scheme]
    return "%s://%s:%d" % (scheme, host, number), scheme == "mqtts", host, number, user, password, topic


def _unquoted(text):
    if "%" not in text:
        return text
    first, *parts = text.split("%")
    raw = bytearray(first.encode())
    for part in parts:
        raw.append(int(part[:2], 16))
        raw.extend(part[2:].encode())
    return bytes(raw).decode()


def open_stream(host, port, tls):
    """A socket that does not block, connected to `host`, and inside of TLS unless the context `tls` is None. Await it.

    Looking up a host name blocks, as everywhere on MicroPython. Raises `OSError`.

    Cancel safety: cancelled, the socket is closed. IRQ safety: none.
    """
    info = socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM)[0]
    stream = socket.socket(info[0])
    try:
        stream.setblocking(False)
        try:
            stream.connect(info[-1])
        except OSError as er:
            if er.errno != errno.EINPROGRESS:
                raise
        yield core._io_queue.queue_write(stream)
        try:
            stream.setsockopt(_IPPROTO_TCP, _TCP_NODELAY, 1)
        except (OSError, ValueError):
            pass  # Slower, that is all: small packets then wait for the peer's acknowledgement of those before.
        if tls:
            # The handshake is done by the first read and write.
            stream = tls.wrap_socket(stream, server_hostname=host, do_handshake_on_connect=False)
            if hasattr(stream, "setblocking"):
                stream.setblocking(False)
        return stream
    except BaseException:
        stream.close()
        raise


def context_of(tls):
    """An ssl.SSLContext that trusts the broker's certificate. Raises `ValueError`.

    Cancel safety: it does not wait. IRQ safety: none.
    """
    import ssl

    if tls is None:
        raise ValueError("mqtts needs tls=, the certificate that vouches for the broker, or an ssl.SSLContext")
    if not isinstance(tls, (bytes, bytearray)):
        return tls
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=tls)
    return context


class Connection:
    """One TCP connection, from its opening to its end. It moves packets and does not know what they mean.

    Its `owner` is told: `take(first, body, whole)` of each packet that arrives, `wake_all()` when the network has
    taken all that waited for it, `news.set()` when it has ended. No caller's task ever waits on the socket, so that
    cancelling a caller can neither cut a packet in two nor make another task's wait be forgotten.
    """

    def __init__(self, stream, size: int, owner):
        self._stream = stream
        self._owner = owner
        self.out: list = []  # Packets that the network has not taken yet, in order,
        self._sent = 0  # and how much it has taken of the first. TLS needs the same bytes offered again.
        self._writer: "Any" = None  # The task that waits for the network, while `out` is not empty.
        self._reader: "Any" = asyncio.create_task(self._receive(Receiver(size)))
        self.error: "Exception | None" = None  # What ended it.
        self.sent_at = self.heard_at = ticks_ms()  # The last time that a packet was handed over, or arrived.

    def send(self, packet) -> None:
        """Send `packet` after those that were sent before; never waits, never raises.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        if not self.error:
            self.sent_at = ticks_ms()
            self.out.append(packet)
            if not self._writer:
                self._flush()
                if self.out:
                    self._writer = asyncio.create_task(self._transmit())

    def _flush(self):
        out = self.out
        try:
            while out:
                packet = out[0]
                count = self._stream.write(memoryview(packet)[self._sent :] if self._sent else packet)
                if count is None:
                    return
                self._sent += count
                if self._sent == len(packet):
                    self._sent = 0
                    out.pop(0)
        except OSError as er:
            out.clear()
            self.end(er)

    def _transmit(self):
        while self.out:
            yield core._io_queue.queue_write(self._stream)
            self._flush()
        self._writer = None
        self._owner.wake_all()

    def _receive(self, receiver):
        try:
            while True:
                count = receiver.fill(self._stream)
                if count is None:
                    yield core._io_queue.queue_read(self._stream)
                    continue
                if not count:
                    raise ConnectionLost("the broker closed the connection")
                self.heard_at = ticks_ms()
                first = receiver.next()
                while first:
                    self._owner.take(first, receiver.body, receiver.whole)
                    first = receiver.next()
                # A broker that sends without a pause must not starve other tasks, nor one that takes nothing fill
                # our memory with answers.
                yield from core.sleep_ms(0)
                while len(self.out) > _MOST_ANSWERS:
                    yield from core.sleep_ms(5)
        except Exception as er:
            self.end(er)

    def end(self, error: Exception) -> None:
        """It is over, because of `error`; the owner is told. `close` is still due.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        if not self.error:
            self.error = error
            self._owner.news.set()

    def close(self) -> None:
        """Close the socket and stop the tasks.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        self.end(ConnectionLost())
        # Cancelled before the socket goes, so that the scheduler forgets it.
        for task in (self._reader, self._writer):
            if task:
                task.cancel()
        self._stream.close()
        # Messages that nobody has read yet remember the connection that they came by; it must not hold much.
        self._reader = None
        self.out.clear()
