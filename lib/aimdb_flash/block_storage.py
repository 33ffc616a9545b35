from errno import EIO

from aimdb import once
from micropython import const

from .storage import Storage

_BOARD = const(1)
if not _BOARD:  # So that the board's compiler knows the constant, and stores nothing.
    TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any

# Larger writes are cut in pieces of this size: an RP2040 has its interrupts off for the whole of one.
_PIECE = const(256)

_ERASE = const(6)


class BlockStorage(Storage):
    """Segments on a raw block device that erases only when told to: `rp2.Flash(start=…, len=…)`, `esp32.Partition`.

    No filesystem may use the same region; the official firmware of an RP2040 leaves no room for one (docs/flash.md).

    device       a block device with the extended interface
    write_size   bytes of the smallest piece that it writes: 256 on an RP2040, 1 on an ESP32
    rewritable   False: no such piece is written twice between two erasures, as encrypted flash demands. Each flush
                 then begins a new piece
    blocks       erase blocks of a segment. With another number the values that are there are not found

    What was written is read back, because the RP2040's driver reports no errors.

    Raises `TypeError`, and `ValueError` when the device has no room for 4 segments.
    """

    preallocated = True

    if TYPE_CHECKING:  # Set by device.py.
        device: Any
        write_size: int
        block_size: int
        blocks: int

    def __init__(self, device, write_size: int = 256, rewritable: bool = True, blocks: int = 1):
        self.tools = once("device", "aimdb_flash")
        self.tools.make(self, device, write_size, rewritable, blocks)
        # The place of each segment, by its number. What was removed stays there until its place is needed.
        self.places: "dict[int, int]" = {}
        self._last = -1  # The place used last. The next ones are taken in turn, which wears them evenly.

    def numbers(self):
        places = self.places = (self.tools or once("device", "aimdb_flash")).find(self)
        self._last = places[max(places)] if places else -1
        return list(places)

    def create(self, number, data):
        place = (self._last + 1) % self.segment_count
        while place in self.places.values():
            place = (place + 1) % self.segment_count
        self.places[number] = self._last = place
        for i in range(self.blocks):
            _check(self.device.ioctl(_ERASE, place * self.blocks + i))
        self.append(number, 0, data)

    def append(self, number, offset, data):
        unit = self.write_size
        most = max(unit, _PIECE // unit * unit)
        rest = memoryview(data)
        while rest:
            # From the start of a unit up to the end of a piece.
            before = offset % unit
            part = rest[: most - offset % most]
            rest = rest[len(part) :]
            # Bytes that stay as they are: 0xFF clears no bit.
            piece = bytearray(b"\xff" * (-(-(before + len(part)) // unit) * unit))
            piece[before : before + len(part)] = part
            self._move(self.device.writeblocks, number, offset - before, piece)
            written = bytearray(len(part))
            self._move(self.device.readblocks, number, offset, written)
            if written != part:
                raise OSError(EIO)
            offset += len(part)

    def remove(self, number):
        self.places.pop(number, None)

    def read(self, number, offset, size):
        data = bytearray(min(size, self.segment_size - offset))
        rest = memoryview(data)
        while rest:
            part = rest[: self.block_size - offset % self.block_size]
            self._move(self.device.readblocks, number, offset, part)
            rest = rest[len(part) :]
            offset += len(part)
        return data

    def _move(self, function, number, offset, data):
        # Within one block.
        block, within = divmod(self.places[number] * self.segment_size + offset, self.block_size)
        _check(function(block, data, within))


def _check(result):
    # Block devices written in Python may return an error number instead of raising it.
    if result:
        raise OSError(abs(result))
