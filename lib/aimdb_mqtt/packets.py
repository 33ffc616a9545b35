"""The packets of MQTT 3.1.1 that we send, and the numbers of those that we get. Source: the standard, chapter 3."""

from micropython import const

CONNACK = const(2)
PUBLISH = const(3)
PUBACK = const(4)
SUBACK = const(9)
UNSUBACK = const(11)
PINGRESP = const(13)

PINGREQ = b"\xc0\0"
DISCONNECT = b"\xe0\0"

# Of the first byte of a PUBLISH.
RETAIN = const(0x01)
DUPLICATE = const(0x08)

_LONGEST = const(268435455)


def publish_packet(topic: bytes, payload, qos: int, retain: bool, packet_id: int) -> bytearray:
    """A PUBLISH. Raises `ValueError` when it is longer than MQTT allows.

    Cancel safety: it does not wait. IRQ safety: none.
    """
    end = len(topic) + 2
    start = end + 2 if qos else end
    packet, at = _new(0x30 | qos << 1 | bool(retain), start + len(payload))
    _put_text(packet, at, topic)
    if qos:
        packet[at + end] = packet_id >> 8
        packet[at + end + 1] = packet_id & 0xFF
    packet[at + start :] = payload
    return packet


def connect_packet(client_id: bytes, clean: bool, keepalive: int, will, user, password) -> bytearray:
    """A CONNECT; `will` is None or (topic, payload, qos, retain).

    Cancel safety: it does not wait. IRQ safety: none.
    """
    flags = 0x02 if clean else 0
    texts = [client_id]
    if will:
        topic, payload, qos, retain = will
        flags |= 0x04 | qos << 3 | (0x20 if retain else 0)
        texts += (topic, payload)
    if user is not None:
        flags |= 0x80
        texts.append(user.encode())
        if password is not None:
            flags |= 0x40
            texts.append(password.encode())
    packet, at = _new(0x10, 10 + sum(len(text) + 2 for text in texts))
    packet[at : at + 10] = b"\0\x04MQTT\x04" + bytes((flags, keepalive >> 8, keepalive & 0xFF))
    at += 10
    for text in texts:
        at = _put_text(packet, at, text)
    return packet


def subscribe_packet(packet_id: int, topic: bytes, qos: int) -> bytearray:
    """A SUBSCRIBE for one topic.

    Cancel safety: it does not wait. IRQ safety: none.
    """
    return _about_topic(0x82, packet_id, topic, bytes((qos,)))


def unsubscribe_packet(packet_id: int, topic: bytes) -> bytearray:
    """An UNSUBSCRIBE from one topic.

    Cancel safety: it does not wait. IRQ safety: none.
    """
    return _about_topic(0xA2, packet_id, topic, b"")


def puback_packet(packet_id: int) -> bytes:
    """A PUBACK.

    Cancel safety: it does not wait. IRQ safety: none.
    """
    return bytes((0x40, 2, packet_id >> 8, packet_id & 0xFF))


def _about_topic(first, packet_id, topic, last):
    packet, at = _new(first, 4 + len(topic) + len(last))
    packet[at] = packet_id >> 8
    packet[at + 1] = packet_id & 0xFF
    at = _put_text(packet, at + 2, topic)
    packet[at:] = last
    return packet


def _new(first, length):
    # A packet with its first byte and its length in place, and where the rest begins.
    if length > _LONGEST:
        raise ValueError("a packet of %d bytes is too long for MQTT" % length)
    at = 2 if length < 0x80 else 3 if length < 0x4000 else 4 if length < 0x200000 else 5
    packet = bytearray(at + length)
    packet[0] = first
    for i in range(1, at):
        packet[i] = length & 0x7F | (0x80 if i < at - 1 else 0)
        length >>= 7
    return packet, at


def _put_text(packet, at, text):
    packet[at] = len(text) >> 8
    packet[at + 1] = len(text) & 0xFF
    at += 2
    packet[at : at + len(text)] = text
    return at + len(text)
