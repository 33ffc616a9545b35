"""The settings of a `Broker`, checked and put into the form in which they are used."""

from random import getrandbits

from aimdb.errors import check_int
from micropython import const

from .address import parse
from .arguments import check_topic, text
from .packets import number, packet

_BOARD = const(1)
if not _BOARD:  # So that the board's compiler knows the constant, and stores nothing.
    TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any

    from .broker import Broker

_PEM = const(b"-----BEGIN CERTIFICATE-----")


def settle(broker, url, client_id, clean_session, will, numbers, retry_ms, tls) -> None:
    """Give `broker` the attributes that stand for its arguments. Raises `TypeError` or `ValueError`."""
    broker.name, is_tls, broker.host, broker.port, user, password, topic = parse(url)
    if topic:
        raise ValueError("the URL of a broker ends before the topic: %s" % broker.name)
    broker.keepalive_s, in_flight, broker.timeout_ms, broker.max_packet = numbers
    check_int("keepalive_s", broker.keepalive_s, 0, 65535)
    check_int("in_flight", in_flight, 1, 1000)
    check_int("timeout_ms", broker.timeout_ms, 1)
    check_int("max_packet", broker.max_packet, 16, 65535)
    if not isinstance(retry_ms, tuple) or len(retry_ms) != 2:
        raise TypeError("retry_ms is a pair (shortest, longest), not %r" % (retry_ms,))
    check_int("retry_ms[1]", retry_ms[1], 1)
    check_int("retry_ms[0]", retry_ms[0], 1, retry_ms[1])
    if client_id is None:
        client_id, has_number = _chip()
        clean_session = clean_session if has_number else clean_session is not False
    broker.client_id = client_id
    broker.clean_session = bool(clean_session)
    broker.hello = connect_packet(client_id, broker.clean_session, broker.keepalive_s, will, user, password)
    broker.credentials = user, password
    broker.retry_ms = retry_ms
    broker.tls = context_of(tls) if is_tls else None


def enter(broker, brokers: dict) -> None:
    """From now on `broker` is that of its address, and sends what another one had to send. Raises `ValueError`."""
    other = brokers.get(broker.name)
    if other:
        if other.fresh:
            raise ValueError("make the Broker of %s before the links and topics that use it" % broker.name)
        if other.client_id == broker.client_id:
            if other.in_use():
                raise ValueError("%s has a Broker of this client_id already: pass that as broker=" % broker.name)
            broker.window.flights = other.window.flights
    brokers[broker.name] = broker


def broker_for(url: str, broker: "Any" = None) -> "tuple[Broker, str]":
    """The broker that `url` means, made if there is none yet, and the topic. Raises `TypeError` or `ValueError`."""
    from .broker import Broker, brokers

    name, _, _, _, user, password, topic = parse(url)
    if broker is None:
        broker = brokers.get(name)
        if not broker:
            broker = Broker(url[: len(url) - len(topic)])
            broker.fresh = True
    elif not isinstance(broker, Broker):
        raise TypeError("broker is a Broker, not %r" % (broker,))
    if user is not None and (user, password) != broker.credentials:
        raise ValueError("%s has other credentials already" % broker.name)
    return broker, topic


def _chip():
    # A client id of the chip's number, and whether there is one.
    try:
        from binascii import hexlify

        from machine import unique_id

        return "aimdb-" + hexlify(unique_id()).decode(), True
    except ImportError:
        return "aimdb-%08x" % getrandbits(32), False


def connect_packet(client_id, clean: bool, keepalive: int, will, user, password) -> bytearray:
    """A CONNECT; `will` is None or (topic, payload[, qos[, retain]]). Raises `TypeError` or `ValueError`."""
    if not isinstance(client_id, str):
        raise TypeError("client_id is a string, not %r" % (client_id,))
    if not 0 < len(client_id.encode()) < 65536 or "\0" in client_id:
        raise ValueError("client_id has 1 to 65535 bytes, none of them zero")
    flags = 0x02 if clean else 0
    parts = [text(client_id)]
    if will is not None:
        if not isinstance(will, tuple) or not 2 <= len(will) <= 4:
            raise TypeError("will is (topic, payload[, qos[, retain]]), not %r" % (will,))
        topic, payload, qos, retain = will + (0, False)[len(will) - 2 :]
        if not isinstance(payload, (str, bytes, bytearray)):
            raise TypeError("the payload of a will is bytes or a string, not %r" % (payload,))
        flags |= 0x04 | qos << 3 | (0x20 if retain else 0)
        parts += (check_topic(topic, qos), text(payload))
    if user is not None:
        flags |= 0x80
        parts.append(text(user))
        if password is not None:
            flags |= 0x40
            parts.append(text(password))
    return packet(0x10, b"\0\x04MQTT\x04", bytes((flags,)), number(keepalive), *parts)


def context_of(tls):
    """An ssl.SSLContext that trusts the broker's certificate. Raises `TypeError` or `ValueError`."""
    import ssl

    if isinstance(tls, ssl.SSLContext):
        return tls
    if not isinstance(tls, (bytes, bytearray)):
        raise TypeError("mqtts needs tls=, the bytes of the certificate that vouches for the broker, not %r" % (tls,))
    if _PEM in tls:
        from binascii import a2b_base64

        _, _, tls = bytes(tls).partition(_PEM)
        tls = a2b_base64(tls.partition(b"-----")[0])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.verify_mode = ssl.CERT_REQUIRED
    try:
        context.load_verify_locations(cadata=tls)
    except (ValueError, OSError) as er:
        raise ValueError("tls is no certificate, in DER or PEM: %r" % (er,))
    return context
