import json
import struct


class Json:
    """Any value that JSON knows; the default.

    A codec is any object with `encode(value)`, which returns bytes or a string, and `decode(payload)`, which is
    given bytes. What either raises is counted and named by a link, and raised in the caller of `produce_async`.
    """

    encode = json.dumps
    decode = json.loads


class Raw:
    """Bytes, or a string, as they are; what arrives is bytes."""

    @staticmethod
    def encode(value):
        return value

    decode = bytes


class Struct:
    """Tuples of numbers in the fixed layout that `format` gives them, such as `Struct("<If")`; see module struct.

    A format of one number takes and gives that number alone.
    """

    def __init__(self, format: str):
        self.format = format
        self.size = struct.calcsize(format)
        self._single = len(struct.unpack(format, bytes(self.size))) == 1

    def encode(self, value):
        return struct.pack(self.format, value) if self._single else struct.pack(self.format, *value)

    def decode(self, payload):
        if len(payload) != self.size:
            raise ValueError("%d bytes, but %r has %d" % (len(payload), self.format, self.size))
        values = struct.unpack(self.format, payload)
        return values[0] if self._single else values


def payload_of(codec, value) -> bytes:
    """`value` as the bytes of a message. Raises what the codec raises, and `TypeError` when it gives no bytes.

    Cancel safety: it does not wait. IRQ safety: none.
    """
    payload = codec.encode(value)
    if isinstance(payload, str):
        return payload.encode()
    if isinstance(payload, (bytes, bytearray, memoryview)):
        return payload
    raise TypeError("encode gave %r, not bytes or a string" % (payload,))
