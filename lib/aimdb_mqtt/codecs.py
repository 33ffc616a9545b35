import json
import struct


class JsonCodec:
    """Any value that JSON knows; the default.

    A codec is any object with `encode(value)`, which returns bytes or a string, and `decode(payload)`, which is
    given bytes; those of aimdb_flash will do. What either raises is counted and named by a link, and raised in the
    caller of `produce_async`.
    """

    encode = staticmethod(json.dumps)
    decode = staticmethod(json.loads)


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


def payload_of(codec, value) -> "bytes | bytearray | memoryview":
    """`value` as the bytes of a message. Raises what the codec raises, and `TypeError` when it gives no bytes.

    Cancel safety: it does not wait. IRQ safety: none.
    """
    payload = codec.encode(value)
    if isinstance(payload, str):
        return payload.encode()
    if isinstance(payload, (bytes, bytearray, memoryview)):
        return payload
    raise TypeError("the codec must make bytes or a string, not %r" % (payload,))
