"""Checks codecs, and formats for `struct`. Loaded for each, and not kept."""

import struct


def check_codec(codec):
    """The codec. Raises `TypeError` for what is none, such as a class of codecs."""
    if not isinstance(codec, type):
        for method in ("encode", "decode"):
            if not callable(getattr(codec, method, None)):
                break
        else:
            if not isinstance(codec, str):
                return codec
    raise TypeError("a codec is an object with encode and decode, such as JsonCodec(), not %r" % (codec,))


def count_fields(format: str) -> int:
    """How many fields values of `format` have. Raises `TypeError`, and `ValueError` for a format that is of no use."""
    if not isinstance(format, str):
        raise TypeError("a format is a string as struct has it, such as '<If', not %r" % (format,))
    try:
        count = 0
        if not any(letter in format for letter in "OPS"):  # Addresses, which would be read as such.
            size = struct.calcsize(format)
            count = size and len(struct.unpack(format, bytes(size)))
    except ValueError:
        pass
    if not count:
        raise ValueError("a format is a string as struct has it, such as '<If', not %r" % format)
    return count
