from errno import EIO

from aimdb.errors import check_int
from micropython import const

from .framing import parse_header
from .storage import Storage

# Larger writes are cut in pieces of this size: an RP2040 has its interrupts off for the whole of one.
_PIECE = const(256)

_BLOCK_COUNT = const(4)
_BLOCK_SIZE = const(5)
_ERASE = const(6)


class BlockStorage(Storage):
    """Segments on a raw block device that erases only when told to: `rp2.Flash(start=…, len=…)`, `esp32.Partition`.

    No filesystem may use the same region. `write_size` is the smallest piece that the device writes: 256 bytes on
    an RP2040; 1 will do on an ESP32. With `rewritable` false no such piece is written twice between two erasures,
    as encrypted flash demands: each flush then begins a new one. A segment is so many `blocks`, which the device
    erases one at a time. What was written is read back, because the RP2040's driver reports no errors.

    Raises `TypeError`, and `ValueError` when the device has no room for 4 segments.
    """

    preallocated = True

    def __init__(self, device, write_size: int = 256, rewritable: bool = True, blocks: int = 1):
        check_int("write_size", write_size, 1)
        check_int("blocks", blocks, 1)
        self.identity = device
        self.alignment = 1 if rewritable else write_size
        self._write_size = write_size
        self._block_size = device.ioctl(_BLOCK_SIZE, 0)
        self._blocks = blocks
        self.segment_size = self._block_size * blocks
        self.segment_count = device.ioctl(_BLOCK_COUNT, 0) // blocks
        self.check()
        # The place of each segment, by its number. What was removed stays there until its place is needed.
        self._places: dict = {}
        self._last = -1  # The place used last. The next ones are taken in turn, which wears them evenly.

    def numbers(self):
        places = {}
        self.unreadable_count = 0
        for place in range(self.segment_count):
            self._places = {0: place}  # For `read`.
            try:
                found = parse_header(self.read(0, 0, _PIECE))
            except OSError:
                self.unreadable_count += 1
                if self.unreadable_count == self.segment_count:
                    raise  # The whole device fails; else that place is free, and is erased before it is used.
                continue
            if found:
                places[found[0]] = place
        self._places = places
        self._last = places[max(places)] if places else -1
        return list(places)

    def create(self, number, data):
        place = (self._last + 1) % self.segment_count
        while place in self._places.values():
            place = (place + 1) % self.segment_count
        self._places[number] = self._last = place
        for i in range(self._blocks):
            _check(self.identity.ioctl(_ERASE, place * self._blocks + i))
        self.append(number, 0, data)

    def append(self, number, offset, data):
        unit = self._write_size
        most = max(unit, _PIECE)
        rest = memoryview(data)
        while rest:
            # From the start of a unit up to the end of a piece.
            before = offset % unit
            part = rest[: most - offset % most]
            rest = rest[len(part) :]
            # Bytes that stay as they are: 0xFF clears no bit.
            piece = bytearray(b"\xff" * (-(-(before + len(part)) // unit) * unit))
            piece[before : before + len(part)] = part
            self._move(self.identity.writeblocks, number, offset - before, piece)
            if self.read(number, offset, len(part)) != part:
                raise OSError(EIO)
            offset += len(part)

    def remove(self, number):
        self._places.pop(number, None)

    def read(self, number, offset, size):
        data = bytearray(min(size, self.segment_size - offset))
        rest = memoryview(data)
        while rest:
            part = rest[: self._block_size - offset % self._block_size]
            self._move(self.identity.readblocks, number, offset, part)
            rest = rest[len(part) :]
            offset += len(part)
        return data

    def _move(self, function, number, offset, data):
        # Within one block.
        block, within = divmod(self._places[number] * self.segment_size + offset, self._block_size)
        _check(function(block, data, within))


def _check(result):
    # Block devices written in Python may return an error number instead of raising it.
    if result:
        raise OSError(abs(result))
