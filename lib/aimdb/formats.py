"""Checks formats for `struct`. Loaded for each format, and not kept."""

import struct


def count_fields(format: str) -> int:
    """How many fields values of `format` have. Raises `TypeError`, and `ValueError` for a format that is of no use."""
    if not isinstance(format, str):
        raise TypeError("a format is a string as struct has it, such as '<If', not %r" % (format,))
    try:
        count = 0
        if not any(letter in format for letter in "OPS"):  # Addresses, which would be read as such.
            count = len(struct.unpack(format, bytes(struct.calcsize(format))))
    except ValueError:
        pass
    if not count:
        raise ValueError("a format is a string as struct has it, such as '<If', not %r" % format)
    return count
