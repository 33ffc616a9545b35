"""The packets of MQTT 3.1.1: what we send is made here, and what arrives is cut here. Source: the standard."""

from aimdb_net.errors import ConnectionLost
from aimdb_net.receiving import Receiver as Base
from micropython import const

from . import once

_LONGEST = const(268435455)


def packet(first: int, *parts) -> bytearray:
    """A packet: its first byte, its length, and `parts`, all of them bytes. Raises `ValueError` when it is too long."""
    length = 0
    for part in parts:
        length += len(part)
    if length > _LONGEST:
        raise ValueError("a packet of %d bytes is too long for MQTT" % length)
    made = bytearray((first,))
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


class Receiver(Base):
    """Cuts what arrives into packets: `first` is their first byte."""

    cut = False  # The next packet comes without its topic, which was too long.

    def header(self) -> int:
        view = self.view
        at = self.start + 1
        length = shift = 0
        byte = 0x80
        while byte & 0x80 and shift < 28:
            if at >= self.end:
                return -1
            byte = view[at]
            at += 1
            length |= (byte & 0x7F) << shift
            shift += 7
        self.at = at
        self.first = first = view[self.start]
        if not first or byte & 0x80:
            raise ConnectionLost("what has arrived is no packet of MQTT")
        if first >> 4 == 3 and self.end == self.size < at + length and not self.start and not self.cut:
            length = once("long_topics").shorten(self, at, length)
        return length

    def next(self) -> int:
        first = super().next()
        if first and self.cut:
            self.cut = self.whole = False
        return first
