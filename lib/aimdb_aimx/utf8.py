"""UTF-8 that everybody takes. MicroPython takes more: half a surrogate pair, a character in more bytes than it needs.

Loaded when the first text has other characters than ASCII. AimDB does not answer one that it cannot read.
"""

from micropython import const

# The first bytes of characters behind which not every byte may stand, and the lowest and highest that may. Behind those
# with "\xff\0" none may.
_SECOND = const(b"\xc0\xff\0\xc1\xff\0\xe0\xa0\xbf\xed\x80\x9f\xf0\x90\xbf\xf4\x80\x8f\xf5\xff\0\xf6\xff\0\xf7\xff\0")


def check(data: bytes) -> None:
    """Raise `ValueError` for what is no UTF-8, though the interpreter has made a string of it."""
    for i in range(0, len(_SECOND), 3):
        first = _SECOND[i : i + 1]
        at = data.find(first)
        while at >= 0:
            if not _SECOND[i + 1] <= data[at + 1] <= _SECOND[i + 2]:
                raise ValueError("this is no UTF-8")
            at = data.find(first, at + 1)
