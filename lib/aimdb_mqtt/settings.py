"""The settings of a `Broker`, checked and put into the form in which they are used."""

from random import getrandbits

from aimdb.errors import check_int
from aimdb_net import checks
from aimdb_net.address import parse
from micropython import const

from .arguments import check_flags, check_topic, name, text
from .broker import Broker
from .packets import number, packet

_BOARD = const(1)
if not _BOARD:  # So that the board's compiler knows the constant, and stores nothing.
    TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any


def settle(broker, url, client_id, clean_session, will, numbers, retry_ms, tls) -> None:
    """Give `broker` the attributes that stand for its arguments. Raises `TypeError` or `ValueError`."""
    broker.name, is_tls, broker.host, broker.port, user, password, topic = parts_of(url)
    if topic:
        raise ValueError("the URL of a broker ends before the topic: %s" % broker.name)
    keepalive_s, in_flight, timeout_ms, max_packet = numbers
    check_int("in_flight", in_flight, 1, 1000)
    check_int("max_packet", max_packet, 16, 65535)
    checks.settle(broker, keepalive_s, timeout_ms, retry_ms, is_tls, tls)
    if clean_session is not None:
        check_flags(clean_session=clean_session)
    if client_id is None:
        client_id, has_number = _chip()
        clean_session = clean_session if has_number else clean_session is not False
    broker.client_id = client_id
    broker.clean_session = bool(clean_session)
    broker.keeps = not clean_session
    broker.hello = connect_packet(client_id, broker.clean_session, keepalive_s, will, user, password)
    broker.credentials = user, password


def parts_of(url: str) -> tuple:
    """The parts of an MQTT URL; see `parse`."""
    return parse(url, "mqtt", (1883, 8883))


def broker_for(url: str, broker: "Any" = None) -> "tuple[Broker, str]":
    """The broker that `url` means, made if there is none yet, and the topic. Raises `TypeError` or `ValueError`."""
    return checks.peer_for(Broker, url, parts_of(url), broker)


def _chip():
    # A client id of the chip's number, and whether there is one.
    try:
        from binascii import hexlify

        from machine import unique_id

        return "aimdb-" + hexlify(unique_id()).decode(), True
    except ImportError:
        return "aimdb-%08x" % getrandbits(32), False


def connect_packet(client_id, clean_session: bool, keepalive_s: int, will, user, password) -> bytearray:
    """A CONNECT; `will` is None or (topic, payload[, qos[, retain]]). Raises `TypeError` or `ValueError`."""
    if not isinstance(client_id, str):
        raise TypeError("client_id is a string, not %r" % (client_id,))
    if not 0 < len(client_id.encode()) < 65536:
        raise ValueError("client_id has 1 to 65535 bytes")
    flags = 0x02 if clean_session else 0
    parts = [name("client_id", client_id)]
    if will is not None:
        if not isinstance(will, tuple) or not 2 <= len(will) <= 4:
            raise TypeError("will is (topic, payload[, qos[, retain]]), not %r" % (will,))
        topic, payload, qos, retain = will + (0, False)[len(will) - 2 :]
        if not isinstance(payload, (str, bytes, bytearray)):
            raise TypeError("the payload of a will is bytes or a string, not %r" % (payload,))
        check_flags(retain=retain)
        flags |= 0x04 | qos << 3 | (0x20 if retain else 0)
        parts += (check_topic(topic, qos), text(payload))
    if user is not None:
        flags |= 0x80
        parts.append(name("a user", user))
        if password is not None:
            flags |= 0x40
            parts.append(text(password))
    return packet(0x10, b"\0\x04MQTT\x04", bytes((flags,)), number(keepalive_s), *parts)
