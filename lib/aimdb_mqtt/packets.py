"""The packets of MQTT 3.1.1: what we send is made here, and what arrives is cut here. Source: the standard."""

from aimdb_net.errors import ConnectionLost
from micropython import const

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


class Receiver:
    """Cuts what arrives into packets, in one buffer of fixed size.

    A packet that does not fit is handed out by its beginning, and the rest of it is skipped as it arrives.
    """

    def __init__(self, size: int):
        self.size = size
        self._view = memoryview(bytearray(size))
        self.start = 0  # Where the next packet begins,
        self.end = 0  # and where what has arrived ends.
        self.left = 0  # So many bytes of a packet that does not fit are still to come.
        self.body = self._view[:0]  # Of the packet that `next` found; it lasts until the next `fill`.
        self.whole = True  # Whether that is all of it.

    def fill(self, stream) -> "int | None":
        """Read what there is room for: the number of bytes, 0 at the end, None when there is nothing now."""
        view = self._view
        if self.left:
            count = stream.readinto(view[: min(self.left, self.size)])
            self.left -= count or 0
            return count
        if self.start:
            left = self.end - self.start
            view[:left] = view[self.start : self.end]
            self.start, self.end = 0, left
        count = stream.readinto(view[self.end :])
        self.end += count or 0
        return count

    def next(self) -> int:
        """First byte of the next packet, whose content is then in `body`; 0 when more must arrive first.

        Raises `ConnectionLost`.
        """
        view = self._view
        at = self.start + 1
        length = shift = 0
        while True:
            if at >= self.end:
                return 0
            byte = view[at]
            at += 1
            length |= (byte & 0x7F) << shift
            if byte < 0x80:
                break
            shift += 7
            if shift > 21:
                raise ConnectionLost("the length of a packet has more than four bytes")
        first = view[self.start]
        if not first:
            raise ConnectionLost("there is no packet of type 0")
        end = at + length
        if end <= self.end:
            self.whole = True
            self.start = end
        elif end - self.start <= self.size or self.start or self.end < self.size:
            return 0  # It may still arrive; or it is too long, and is to be at the beginning of the buffer.
        else:
            self.whole = False
            self.left = end - self.end
            end = self.end
            self.start = self.end = 0
        self.body = view[at:end]
        return first
