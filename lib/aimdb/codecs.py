"""Codecs for values that are not sent as JSON. See `JsonCodec` for what a codec is."""

import struct


class BytesCodec:
    """For values that are bytes already."""

    size = 32

    def encode(self, value):
        """Cancel safety: it does not wait. IRQ safety: none."""
        return value  # Who stores or sends it says what is wrong with others.

    decode = encode


class StructCodec:
    """For numbers in a fixed layout, which takes the fewest bytes: `StructCodec("<If")` for tuples of two.

    A format with one field is for the bare value: `StructCodec("<f")` for floats. Begin it with `<`, so that its
    layout is the same on every board. Raises `ValueError` for a bad format.
    """

    def __init__(self, format: str):
        self._format = format
        self.size = struct.calcsize(format)
        self._single = len(struct.unpack(format, bytes(self.size))) == 1

    def encode(self, value) -> bytes:
        """Cancel safety: it does not wait. IRQ safety: none."""
        return struct.pack(self._format, value) if self._single else struct.pack(self._format, *value)

    def decode(self, data: bytes):
        """Cancel safety: it does not wait. IRQ safety: none."""
        if len(data) != self.size:
            raise ValueError("%r needs %d bytes, not %d" % (self._format, self.size, len(data)))
        fields = struct.unpack(self._format, data)
        return fields[0] if self._single else fields
