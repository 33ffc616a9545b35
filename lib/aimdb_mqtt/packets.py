"""The packets of MQTT 3.1.1: what we send is made here, and what arrives is cut here. Source: the standard."""

import aimdb_net.receiving
from aimdb_net.errors import ConnectionLost
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


class Receiver(aimdb_net.receiving.Receiver):
    """Cuts what arrives into packets: `first` is their first byte."""

    cut = False  # The next packet comes without its topic, which was too long.

    def header(self) -> int:
        view = self.view
        at = self.start + 1
        length = shift = 0
        while True:
            if at >= self.end:
                return -1
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
        self.first = first
        self.at = at
        if first >> 4 == 3 and self.end == self.size < at + length and not self.start and not self.cut:
            length = once("long_topics").shorten(self, at, length)
        return length

    def next(self) -> int:
        first = super().next()
        if first and self.cut:
            self.cut = self.whole = False
        return first
