"""Whether two paths that differ in capitals are one folder, as on FAT. Loaded when that is a question, and not kept."""

import os


def are_one(path: str, other: str) -> bool:
    """Whether the filesystem takes both for the same folder, which is made for that if there is none."""
    for each in path, other:
        try:
            os.mkdir(each)
        except OSError:
            pass  # It is there, or its other spelling is, or it cannot be made.
    parts = path.split("/")
    others = other.split("/")
    for i in range(len(parts)):
        if parts[i] != others[i]:
            # One folder has one of the two names. That neither is listed is so with the names of filesystems.
            names = os.listdir("/".join(parts[:i]) or "/")
            if (parts[i] in names) == (others[i] in names):
                return False
    return True
