import struct

from micropython import const

from . import once
from .errors import new

_BOARD = const(1)
if not _BOARD:  # So that the board's compiler knows the constant, and stores nothing.
    TYPE_CHECKING = const(0)


class StructCodec:
    """For numbers in a fixed layout, which takes the fewest bytes: `StructCodec("<If")` for tuples of two.

    A format with one field is for a value that is no tuple: `StructCodec("<f")` for floats. Begin it with `<`, so that
    its layout is the same on every board. Raises `TypeError` or `ValueError` for a bad format; the letters for
    addresses (O, P, S) are none. See `JsonCodec` for what a codec is.

    IRQ safety: none.
    """

    if not TYPE_CHECKING:
        __new__ = new

    def __init__(self, format: str):
        self._count = once("arguments").count_fields(format)
        self.size = struct.calcsize(format)
        self._format = format

    def encode(self, value) -> bytes:
        """The bytes that stand for `value`.

        Raises `ValueError` or `TypeError` for a value that would not come back equal: too few or too many fields, a
        number outside the range of its field, bytes of another length. Fields for floats round, by a thousandth at
        most.
        """
        fields = (value,) if self._count == 1 else value
        if not isinstance(fields, (tuple, list)):
            raise TypeError("StructCodec %r is for tuples of %d, not %.60r" % (self._format, self._count, value))
        try:
            data = struct.pack(self._format, *fields)
        except TypeError:
            raise TypeError("StructCodec %r cannot hold %.60r" % (self._format, value))
        back = struct.unpack(self._format, data)
        same = len(fields) == self._count
        if same:
            for i in range(self._count):
                same = same and _is_same(fields[i], back[i])
        if not same:
            raise ValueError("StructCodec %r cannot hold %.60r" % (self._format, value))
        return data

    def decode(self, data: bytes):
        """The value that `data` stands for. Raises `ValueError` for bytes that it cannot decode."""
        if len(data) != self.size:
            raise ValueError("StructCodec %r needs %d bytes, not %d" % (self._format, self.size, len(data)))
        fields = struct.unpack(self._format, data)
        return fields[0] if self._count == 1 else fields


def _is_same(value, back):
    if isinstance(back, bytes):
        return not isinstance(value, str) and value == back  # To compare text with bytes prints a warning.
    if not isinstance(back, float):
        return value == back
    if not isinstance(value, float):
        return back - back == 0 and int(back) == value  # As a board's floats, different ints may be equal.
    if value == back or (value != value and back != back):  # Infinity, NaN.
        return True
    return back - back == 0 and abs(value - back) <= abs(value) / 1024  # The shortest floats have 11 bits.
