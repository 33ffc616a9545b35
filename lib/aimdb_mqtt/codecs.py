"""For payloads that are not JSON; who has none does not load this."""

import struct


class BytesCodec:
    """Bytes, or a string, as they are; what arrives is bytes."""

    def encode(self, value):
        """Cancel safety: it does not wait. IRQ safety: none."""
        return value

    decode = encode


class StructCodec:
    """Numbers in a fixed layout, which takes the fewest bytes: `StructCodec("<If")` for tuples of two.

    A format with one field is for the bare value. Begin it with `<`, so that its layout is the same on every board.
    """

    def __init__(self, format: str):
        self._format = format
        self._size = struct.calcsize(format)
        self._single = len(struct.unpack(format, bytes(self._size))) == 1

    def encode(self, value):
        """Cancel safety: it does not wait. IRQ safety: none."""
        return struct.pack(self._format, value) if self._single else struct.pack(self._format, *value)

    def decode(self, payload):
        """Cancel safety: it does not wait. IRQ safety: none."""
        if len(payload) != self._size:
            raise ValueError("%r needs %d bytes, not %d" % (self._format, self._size, len(payload)))
        values = struct.unpack(self._format, payload)
        return values[0] if self._single else values
