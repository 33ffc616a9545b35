"""Exact measuring points: a peripheral that no real chip has, for the guest to write to.

    machine.mem32[0x50400000] = 1     # on the board

puts 1, the CPU cycles and the emulated time at that very instruction into `board.marker.marks`. A read of
that address gives the guest the low 32 bits of the cycle counter.
"""

from collections.abc import Callable
from typing import NamedTuple

from rp2040py.peripherals.peripheral import BasePeripheral
from rp2040py.rp2040 import RP2040

ADDRESS = 0x50400000


class Mark(NamedTuple):
    """One passage: the number that the guest wrote, and when."""

    number: int
    cycles: int
    nanoseconds: int


class Marker(BasePeripheral):
    """The peripheral. The engine thread appends to `marks`; read them while the board rests.

    Attributes:
        on_mark: called on the engine thread with each new mark: the place from which to do something to the
            board at a moment that the guest decides on.
    """

    def __init__(self, mcu: RP2040) -> None:
        super().__init__(mcu, "MARKER")
        self.marks: list[Mark] = []
        self.on_mark: Callable[[Mark], None] | None = None
        mcu.peripherals[ADDRESS >> 12] = self

    def write_uint32(self, offset: int, value: int) -> None:
        """The guest has written."""
        mark = Mark(value & 0xFFFFFFFF, self.rp2040.core.cycles, int(self.rp2040.clock.nanos))
        self.marks.append(mark)
        if self.on_mark is not None:
            self.on_mark(mark)

    def read_uint32(self, offset: int) -> int:
        """The guest has read."""
        return self.rp2040.core.cycles & 0xFFFFFFFF

    def cycles_between(self, first: int, second: int) -> int:
        """CPU cycles from the last mark with the number `first` to the last one with the number `second`.

        Raises:
            KeyError: the guest has not passed one of them.
        """
        last = {mark.number: mark.cycles for mark in self.marks}
        return last[second] - last[first]
