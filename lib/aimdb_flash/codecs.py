import json
import struct


class BytesCodec:
    """For values that are bytes already.

    A codec of your own needs the same two methods. `size`, how many bytes a value takes or is likely to take, is
    used to say how many values a queue has room for.
    """

    size = 32

    def encode(self, value) -> bytes:
        """The bytes that stand for `value`. Raises `TypeError` or `ValueError` for a value that it cannot encode.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        return value  # The queue says what is wrong with others.

    def decode(self, data: bytes):
        """The value that `data` stands for.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        return data


class JsonCodec:
    """For dicts, lists, strings, numbers, True, False and None; a tuple comes back as a list."""

    size = 32

    def encode(self, value) -> bytes:
        """Cancel safety: it does not wait. IRQ safety: none."""
        return json.dumps(value).encode()

    def decode(self, data: bytes):
        """Cancel safety: it does not wait. IRQ safety: none."""
        return json.loads(data)


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
        if self._single:
            return struct.pack(self._format, value)
        return struct.pack(self._format, *value)

    def decode(self, data: bytes):
        """Cancel safety: it does not wait. IRQ safety: none."""
        if len(data) != self.size:
            raise ValueError("%r needs %d bytes, not %d" % (self._format, self.size, len(data)))
        fields = struct.unpack(self._format, data)
        return fields[0] if self._single else fields
