"""Makes a storage, and finds the segments that are in it. Loaded when a queue opens, and not kept."""

from aimdb.errors import check_int
from micropython import const
from uctypes import addressof

# From there, and os from file_storage.py: to import it itself takes 3 ms, because MicroPython looks for files first.
from .framing import crc32, unpack
from .storage import patiently

_VERSION = const(2)
_MAGIC = const(b"AQF")
_HEADER_SIZE = const(16)

_FILE = const(0x8000)  # What `os.ilistdir` and `os.stat` say of one,
_FOLDER = const(0x4000)  # and of the other.
_TYPES = const(0xF000)
_ENOENT = const(2)
_ENOTDIR = const(20)

_BLOCK_COUNT = const(4)
_BLOCK_SIZE = const(5)
_PIECE = const(256)

_FEWEST = const(4)  # Segments: two for values, and two that are kept free for acknowledgements.


def check(storage) -> None:
    """Raise `ValueError` when there are not enough segments, and `TypeError` when a method is missing."""
    check_int("segment_size", storage.segment_size, 512)
    if storage.segment_count < _FEWEST:
        raise ValueError(
            "a queue needs %d segments of %d bytes, not %d" % (_FEWEST, storage.segment_size, storage.segment_count)
        )
    for method in ("numbers", "create", "append", "read", "remove"):
        if not hasattr(storage, method):  # Told now, and not when the flash is full.
            raise TypeError("%s, a Storage, has no method %s" % (type(storage).__name__, method))


def arrange(storage, path: str, max_size: int, segment_size: "int | None") -> None:
    """Set a `FileStorage` up for its arguments. Raises `TypeError` or `ValueError` for what is wrong with them."""
    check_int("max_size", max_size, 1)
    if segment_size is None:
        # Whole blocks of littlefs. Smaller ones mean shorter writes, as the last block is written anew each time.
        segment_size = max(4096, max_size // 32 // 4096 * 4096)
    check_int("segment_size", segment_size, 512)
    storage.segment_size = segment_size
    storage.segment_count = max_size // segment_size
    storage.identity = _from_root(path)
    check(storage)


def _from_root(path):
    if isinstance(path, str) and path.strip("/.") and "\0" not in path:
        if path[0] != "/":
            from .file_storage import os

            path = os.getcwd() + "/" + path
        whole = ""
        for part in path.split("/"):
            if part == "..":
                whole = whole.rpartition("/")[0]
            elif part not in ("", "."):
                whole += "/" + part
        if whole:
            return whole
    raise ValueError("path is that of a folder for the queue alone, not %r" % (path,))


def in_folder(path: str) -> "list[int]":
    """The numbers of the files in this folder that may be segments.

    The folder is made with the first of them. Raises `OSError` when that is not possible.
    """
    from .file_storage import os

    found = []
    try:
        for entry in os.ilistdir(path):
            name = entry[0]
            if len(name) == 8 and not name.strip("0123456789abcdef") and entry[1] & _TYPES == _FILE:
                found.append(int(name, 16))
    except OSError:
        if _is_folder(path):
            raise
        parent = path[: path.rindex("/")] or "/"
        if not _is_folder(parent):
            raise OSError(_ENOENT, "there is no folder %s" % parent)
    return found


def _is_folder(path):
    # False: nothing has this path.
    from .file_storage import os

    try:
        kind = os.stat(path)[0] & _TYPES
    except OSError as er:
        if er.errno not in (_ENOENT, _ENOTDIR):
            raise
        return False
    if kind != _FOLDER:
        raise OSError(_ENOTDIR, "%s is a file, and no folder" % path)
    return True


def divide(storage, device, write_size: int, rewritable: bool, blocks: int) -> None:
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
    storage.block_size = device.ioctl(_BLOCK_SIZE, 0)
    if storage.block_size % write_size:
        raise ValueError("write_size is no divisor of a block of %d bytes: %d" % (storage.block_size, write_size))
    storage.blocks = blocks
    storage.segment_size = storage.block_size * blocks
    storage.segment_count = device.ioctl(_BLOCK_COUNT, 0) // blocks
    check(storage)


def _identity(device):
    # Equal for two objects that stand for the same piece of flash, which does not make these objects equal.
    if type(device).__name__ == "Partition":
        return repr(device)  # That of an esp32.Partition has its address.
    try:
        return "%r at 0x%x" % (device, addressof(device))  # An rp2.Flash is also memory.
    except TypeError:
        return device  # Written in Python.


def on_device(storage) -> "dict[int, int]":
    """The places of the segments of a `BlockStorage`, by their numbers."""
    places = {}
    storage.unreadable_count = 0
    for place in range(storage.segment_count):
        storage.places = {0: place}  # For `read`.
        try:
            found = parse_header(patiently(storage.read, 0, 0, _PIECE))
        except OSError:
            storage.unreadable_count += 1
            if storage.unreadable_count == storage.segment_count:
                raise  # The whole device fails; else that place is free, and is erased before it is used.
            continue
        if found:
            places[found[0]] = place
    return places


def parse_header(data: bytes) -> "tuple[int, int] | None":
    """(number, floor) of a segment, or None when there is no whole header. Raises `UnknownFormat`."""
    if len(data) < _HEADER_SIZE or data[:3] != _MAGIC:
        return None
    _, version, number, floor, check = unpack("<3sBIII", data[:_HEADER_SIZE])
    if crc32(data[:12]) != check:
        return None
    if version != _VERSION:
        from .mistakes import UnknownFormat

        raise UnknownFormat(
            "the flash holds a queue of format version %d, and this release knows version %d: read it with the one "
            "that wrote it, or erase it" % (version, _VERSION)
        )
    return number, floor
