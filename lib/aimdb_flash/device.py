"""Makes a `BlockStorage`, and finds the segments on its device. Loaded when a queue opens, and not kept."""

from aimdb.errors import check_int
from micropython import const
from uctypes import addressof

from .framing import parse_header, records
from .storage import patiently

_FEWEST = const(4)  # Segments: two for values, and two that are kept free for acknowledgements.

_BLOCK_COUNT = const(4)
_BLOCK_SIZE = const(5)
_USUAL_SIZE = const(512)  # Of a block, when the device tells none.
_PIECE = const(256)
_HEADER_SIZE = const(16)
_FEWEST_BYTES = const(512)  # Of a segment.


def make(storage, device, write_size: int, rewritable: bool, blocks: int) -> None:
    """Set a `BlockStorage` up for its arguments. Raises `TypeError` or `ValueError` for what is wrong with them."""
    check_int("write_size", write_size, 1)
    check_int("blocks", blocks, 1)
    if rewritable not in (False, True):
        raise TypeError("rewritable is True or False, not %r" % (rewritable,))
    if isinstance(device, type) or not hasattr(device, "ioctl"):
        raise TypeError("a block device is an object such as rp2.Flash(start=…, len=…), not %r" % (device,))
    storage.device = device
    storage.identity = _identity(device)
    storage.alignment = 1 if rewritable else write_size
    storage.write_size = write_size
    storage.block_size = device.ioctl(_BLOCK_SIZE, 0) or _USUAL_SIZE
    if storage.block_size % write_size:
        raise ValueError("write_size is no divisor of a block of %d bytes: %d" % (storage.block_size, write_size))
    storage.blocks = blocks
    storage.segment_size = storage.block_size * blocks
    storage.segment_count = device.ioctl(_BLOCK_COUNT, 0) // blocks
    check_int("the number of segments of %d bytes" % storage.segment_size, storage.segment_count, _FEWEST)


def _identity(device):
    # Equal for two objects that stand for the same piece of flash, which does not make these objects equal.
    if type(device).__name__ == "Partition":
        return repr(device)  # That of an esp32.Partition has its address.
    try:
        return "%r at 0x%x" % (device, addressof(device))  # An rp2.Flash is also memory.
    except TypeError:
        return device  # Written in Python.


def find(storage) -> "dict[int, int]":
    """The places of the segments, by their numbers."""
    places = {}
    damaged = []
    storage.unreadable_count = 0
    for place in range(storage.segment_count):
        try:
            data = _start(storage, place, _PIECE)
        except OSError:
            storage.unreadable_count += 1
            if storage.unreadable_count == storage.segment_count:
                raise  # The whole device fails; else that place is free, and is erased before it is used.
            continue
        found = parse_header(data)
        if found:
            places[found[0]] = place
        elif data.strip(b"\xff"):
            damaged.append(place)
    newest = max(places) if places else 0
    for place in damaged:
        try:
            data = _start(storage, place, _FEWEST_BYTES)
        except OSError:
            continue
        for number in range(max(newest - storage.segment_count, 0) + 1, newest + 2):
            if number not in places and _has_record(data, number):
                places[number] = place
    return places


def _start(storage, place, size):
    # The first bytes of what is there.
    storage.places = {0: place}
    return patiently(storage.read, 0, 0, size)


def _has_record(data, number):
    # Whether these are bytes of the segment of this number: the checksums of its records begin with it.
    for item in records(lambda _, offset, size: (data, offset), number, _HEADER_SIZE, len(data)):
        if item:
            return True
    return False
