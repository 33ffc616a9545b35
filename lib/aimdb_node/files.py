"""Small files that are either as before or as wanted, whenever the power goes out."""

import errno
import os

from .telling import tell


def check_path(whose: str, path: str) -> None:
    """Raise `TypeError` or `ValueError` for what is no path of a file."""
    if not isinstance(path, str):
        raise TypeError("the path of %s file comes first, not %r" % (whose, path))
    if not path.strip("/") or "\0" in path:
        raise ValueError("the path of %s file names none: %r" % (whose, path))


def content(path: str, most: int) -> bytes:
    """The first `most` bytes of the file; nothing when it is not there, or cannot be read, which is said."""
    for name in (path, path + ".new"):  # On FAT a power cut may come when only the second file is there.
        try:
            with open(name, "rb") as file:
                return file.read(most)
        except OSError as er:
            if er.errno != errno.ENOENT:
                tell("%s cannot be read: %r", name, er)
                break
    return b""


def replace(path: str, data: bytes) -> None:
    """Give the file new content: a second file is written, and then gets its name. Raises `OSError`."""
    with open(path + ".new", "wb") as file:
        file.write(data)
    os.rename(path + ".new", path)
