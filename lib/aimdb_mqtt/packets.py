"""The packets of MQTT 3.1.1: what we send is made here, and what arrives is cut here. Source: the standard."""

from micropython import const

from .errors import ConnectionLost

_LONGEST = const(268435455)


def packet(first: int, *parts) -> bytearray:
    """A packet: its first byte, its length, and `parts`, all of them bytes. Raises `ValueError` when it is too long."""
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
    """A number of two bytes, such as a packet id."""
    return bytes((value >> 8, value & 0xFF))


def text(value: "str | bytes") -> bytes:
    """A string, or bytes, with the length before it. Raises `ValueError` when it is too long."""
    if isinstance(value, str):
        value = value.encode()
    if len(value) > 65535:
        raise ValueError("a text of %d bytes is too long for MQTT" % len(value))
    return number(len(value)) + value


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
        """Read what there is room for: the number of bytes, 0 at the end, None when there is nothing now."""
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

        Raises `ConnectionLost`.
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
                raise ConnectionLost("the length of a packet has more than four bytes")
        first = view[self._start]
        if not first:
            raise ConnectionLost("there is no packet of type 0")
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
