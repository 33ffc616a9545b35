"""Finds out whether two paths that differ in capitals are one folder, as on FAT. Loaded when another queue is open, and
not kept.
"""

from .file_storage import os
from .storage import claimed


def adopt(storage) -> None:
    """Give a storage the identity of an open queue that has the same folder by another spelling, if there is one."""
    mine = storage.identity
    for other in claimed:
        if isinstance(mine, str) and isinstance(other, str) and mine.lower() == other.lower() and _are_one(mine, other):
            storage.identity = other


def _are_one(path, other):
    if path[0] != "/":
        return False  # They are regions of a flash.
    for each in path, other:
        try:
            os.mkdir(each)
        except OSError:
            pass  # It is there, or its other spelling is, or it cannot be made.
    folder = "/"
    for part, others in zip(path.split("/"), other.split("/")):
        if part != others:
            alike = [name for name in os.listdir(folder.encode()) if name.lower() == part.lower().encode()]
            if len(alike) != 1:
                return False
        folder = folder.rstrip("/") + "/" + part
    return True
