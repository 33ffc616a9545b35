"""The packets of MQTT 3.1.1: what we send is made here, and what arrives is cut here. Source: the standard."""

from micropython import const

from . import ProtocolError

_LONGEST = const(268435455)


def packet(first: int, *parts) -> bytearray:
    """A packet: its first byte, its length, and `parts`, each of them bytes. Raises `ValueError` when it is too long.

    Cancel safety: it does not wait. IRQ safety: none.
    """
    length = 0
    for part in parts:
        length += len(part)
    if length > _LONGEST:
        raise ValueError("a packet of %d bytes is too long for MQTT" % length)
    made = bytearray(1)
    made[0] = first
    while length > 0x7F:
        made.append(length & 0x7F | 0x80)
        length >>= 7
    made.append(length)
    for part in parts:
        made.extend(part)
    return made


def number(value: int) -> bytes:
    """A number of two bytes, such as a packet id.

    Cancel safety: it does not wait. IRQ safety: none.
    """
    return bytes((value >> 8, value & 0xFF))


def text(value: "str | bytes") -> bytes:
    """A string, or bytes, with the length before it. Raises `ValueError` when it is too long.

    Cancel safety: it does not wait. IRQ safety: none.
    """
    if isinstance(value, str):
        value = value.encode()
    if len(value) > 65535:
        raise ValueError("a text of %d bytes is too long for MQTT" % len(value))
    return number(len(value)) + value


def check_topic(topic: str, wildcards: bool = False, qos: int = 1) -> bytes:
    """`topic` as packets have it; `wildcards`: + and # may stand for levels. Raises `ValueError`, also for the `qos`.

    Source: MQTT 3.1.1, 4.7. Cancel safety: it does not wait. IRQ safety: none.
    """
    if qos not in (0, 1):
        raise ValueError("qos is 0 or 1, not %r" % (qos,))
    if not topic or "\0" in topic:
        raise ValueError("a topic has at least one byte, and none that is zero")
    if "+" in topic or "#" in topic:
        levels = topic.split("/")
        if not wildcards:
            raise ValueError("wildcards are only for what is subscribed to: %r" % topic)
        for level in levels:
            if len(level) > 1 and ("+" in level or "#" in level) or "#" in levels[:-1]:
                raise ValueError("+ stands for a whole level, # for the last ones: %r" % topic)
    return text(topic)


def connect_packet(client_id, clean: bool, keepalive: int, will, user, password) -> bytearray:
    """A CONNECT; `will` is None or (topic, payload[, qos[, retain]]). Raises `ValueError`.

    Cancel safety: it does not wait. IRQ safety: none.
    """
    flags = 0x02 if clean else 0
    parts = [text(client_id)]
    if will:
        topic, payload, qos, retain = will + (0, False)[len(will) - 2 :]
        flags |= 0x04 | qos << 3 | (0x20 if retain else 0)
        parts += (check_topic(topic, qos=qos), text(payload))
    if user is not None:
        flags |= 0x80
        parts.append(text(user))
        if password is not None:
            flags |= 0x40
            parts.append(text(password))
    return packet(0x10, b"\0\x04MQTT\x04", bytes((flags,)), number(keepalive), *parts)


class Receiver:
    """Cuts what arrives into packets, in one buffer of fixed size.

    A packet that does not fit is handed out by its beginning, and the rest of it is skipped as it arrives.
    """

    def __init__(self, size: int):
        self._size = size
        self._view = memoryview(bytearray(size))
        self._start = 0  # Where the next packet begins,
        self._end = 0  # and where what has arrived ends.
        self._skip = 0  # So many bytes of a packet that does not fit are still to come.
        self.body = self._view[:0]  # Of the packet that `next` found; it lasts until the next `fill`.
        self.whole = True  # Whether that is all of it.

    def fill(self, stream) -> "int | None":
        """Read what there is room for: the number of bytes, 0 at the end, None when there is nothing now.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        view = self._view
        if self._skip:
            count = stream.readinto(view[: min(self._skip, self._size)])
            self._skip -= count or 0
            return count
        if self._start:
            left = self._end - self._start
            view[:left] = view[self._start : self._end]
            self._start, self._end = 0, left
        count = stream.readinto(view[self._end :])
        self._end += count or 0
        return count

    def next(self) -> int:
        """First byte of the next packet, whose content is then in `body`; 0 when more must arrive first.

        Raises `ProtocolError`. Cancel safety: it does not wait. IRQ safety: none.
        """
        view = self._view
        at = self._start + 1
        length = shift = 0
        while True:
            if at >= self._end:
                return 0
            byte = view[at]
            at += 1
            length |= (byte & 0x7F) << shift
            if byte < 0x80:
                break
            shift += 7
            if shift > 21:
                raise ProtocolError("the length of a packet has more than four bytes")
        first = view[self._start]
        if not first:
            raise ProtocolError("there is no packet of type 0")
        end = at + length
        if end <= self._end:
            self.whole = True
            self._start = end
        elif end - self._start <= self._size or self._start or self._end < self._size:
            return 0  # It may still arrive; or it is too long, and is to be at the beginning of the buffer.
        else:
            self.whole = False
            self._skip = end - self._end
            end = self._end
            self._start = self._end = 0
        self.body = view[at:end]
        return first
