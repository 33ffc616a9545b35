"""Small files that are either as before or as wanted, whenever the power goes out."""

import os


def content(path: str, most: int) -> bytes:
    """The first `most` bytes of the file; nothing when it is not there or cannot be read."""
    try:
        with open(path, "rb") as file:
            return file.read(most)
    except OSError:
        return b""


def replace(path: str, data: bytes) -> None:
    """Give the file new content: a second file is written, and then gets its name. Raises `OSError`."""
    with open(path + ".new", "wb") as file:
        file.write(data)
    os.rename(path + ".new", path)
