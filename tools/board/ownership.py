"""What on a board is ours to change: a list on the board itself has each file that was put there, with its digest.

A file that is not on the list, or that has changed since, belongs to the user. What `mip install` has brought is on no
list: a compiled file in a folder of the library is ours, as nobody writes one by hand, and so is an unchanged source.
"""

from __future__ import annotations

import re
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

LIST = "/lib/deployed.txt"

COMPILED = re.compile(r"/lib/aimdb\w*/.+\.mpy")

# So many files are named in a sentence.
NAMED = 3

# Hex digits of a digest: enough to tell a file from its edited self, and short on a slow line.
DIGITS = 16

Entries = set[tuple[str, str]]


class Foreign(NamedTuple):
    """The user's files that are in the way, by what would happen to them."""

    overwritten: list[str]
    removed: list[str]

    def __str__(self) -> str:
        """As in a sentence."""
        overwritten = [f"{shortened(self.overwritten)} would be overwritten"] if self.overwritten else []
        removed = [f"{shortened(self.removed)} would be removed"] if self.removed else []
        return ", and ".join(overwritten + removed)


def shortened(paths: list[str]) -> str:
    """The first few of them, and how many more there are."""
    more = len(paths) - NAMED
    *first, last = [*paths[:NAMED], f"{more} more"] if more > 0 else paths
    return f"{', '.join(first)} and {last}" if first else last


def entry(path: str, digest: bytes) -> tuple[str, str]:
    return path, digest.hex()[:DIGITS]


def parse(text: str) -> Entries:
    """The entries of a list, as `write` made it."""
    return {
        (path, digits) for digits, _, path in (line.partition(" ") for line in text.splitlines()) if path[:1] == "/"
    }


def write(entries: Entries) -> bytes:
    return "".join(f"{digits} {path}\n" for path, digits in sorted(entries)).encode()


def with_list(files: dict[str, bytes]) -> dict[str, bytes]:
    """These files by their device paths, and the list of them."""
    return {**files, LIST: write({entry(path, sha256(data).digest()) for path, data in files.items()})}


def foreign(
    found: dict[str, bytes], blank: list[str], ours: Entries, wanted: dict[str, bytes], stale: list[str], root: Path
) -> Foreign:
    """What stands in the way of `wanted` and is not ours.

    Arguments:
        found: digests of the files on the board.
        blank: files that do nothing, such as the boot.py that an ESP32 is born with.
        ours: the board's list.
        wanted: digests of the files to come.
        stale: files to be removed.
        root: the repository, whose sources `mip` may have brought.
    """

    def is_of_mip(path: str) -> bool:
        source = Path(f"{root}{path}")
        return bool(COMPILED.fullmatch(path)) or (
            source.suffix == ".py" and source.is_file() and sha256(source.read_bytes()).digest() == found[path]
        )

    def is_foreign(path: str) -> bool:
        return path in found and path not in blank and entry(path, found[path]) not in ours and not is_of_mip(path)

    return Foreign(
        [path for path, digest in wanted.items() if is_foreign(path) and found[path] != digest],
        [path for path in stale if is_foreign(path)],
    )
