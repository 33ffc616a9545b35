"""Makes a `FileStorage`, and finds the files in its folder. Loaded when a queue opens, and not kept."""

from aimdb.errors import check_int
from micropython import const

# From there, because to import it itself takes 3 ms: MicroPython looks for files first.
from .file_storage import os

_FEWEST = const(4)  # Segments: two for values, and two that are kept free for acknowledgements.

_FILE = const(0x8000)  # What `os.ilistdir` and `os.stat` say of one,
_FOLDER = const(0x4000)  # and of the other.
_TYPES = const(0xF000)
_ENOENT = const(2)
_ENOTDIR = const(20)


def make(storage, path: str, max_size: int, segment_size: "int | None") -> None:
    """Set a `FileStorage` up for its arguments. Raises `TypeError` or `ValueError` for what is wrong with them."""
    check_int("max_size", max_size)
    if segment_size is None:
        # Whole blocks of littlefs. Smaller ones mean shorter writes, as the last block is written anew each time.
        segment_size = max(4096, max_size // 32 // 4096 * 4096)
    check_int("segment_size", segment_size, 512)
    check_int("max_size", max_size, _FEWEST * segment_size)
    storage.segment_size = segment_size
    storage.segment_count = max_size // segment_size
    storage.identity = _from_root(path)


def _from_root(path):
    if isinstance(path, str) and path.strip("/.") and "\0" not in path:
        if path[0] != "/":
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


def find(storage) -> "set[int]":
    """The numbers of the files in the folder that may be segments.

    The folder is made with the first of them. Raises `OSError` when that is not possible.
    """
    path = storage.identity
    found = set()
    try:
        for _ in range(3):  # Where a read fails, MicroPython's list just lacks some names, or has one twice.
            for entry in os.ilistdir(path.encode()):  # So that names are bytes: those of others may be no UTF-8.
                name = entry[0]
                if len(name) == 8 and entry[1] & _TYPES == _FILE:
                    if not name.strip(b"0123456789abcdef"):  # type: ignore[call-overload]
                        found.add(int(name, 16))
    except OSError:
        if _is_folder(path):
            raise
        parent = path[: path.rindex("/")] or "/"
        if not _is_folder(parent):
            raise OSError(_ENOENT, "there is no folder %s" % parent)
    return found


def _is_folder(path):
    # False: nothing has this path.
    try:
        kind = os.stat(path)[0] & _TYPES
    except OSError as er:
        if er.errno not in (_ENOENT, _ENOTDIR):
            raise
        return False
    if kind != _FOLDER:
        raise OSError(_ENOTDIR, "%s is a file, and no folder" % path)
    return True
