import json

from . import once


class JsonCodec:
    """For dicts whose keys are strings, lists, strings, numbers, True, False and None; a tuple comes back as a list.

    A codec turns values into bytes and back, for flash and for the network. One of your own needs the same two
    methods. Its `size`, how many bytes a value is likely to take, says how many values a queue on flash has room for.

    IRQ safety: none.
    """

    size = 32

    def __init__(self) -> None:
        pass  # Without it the interpreter takes any arguments.

    def encode(self, value) -> bytes:
        """The bytes that stand for `value`.

        Raises `ValueError` or `TypeError` for a value that would not come back equal. Those are NaN, infinity,
        objects, bytes, dicts with other keys than strings, strings with half a surrogate pair, and what is nested too
        deep. On a board a float may come back with another last bit, because its text has too few digits.
        """
        try:
            text = json.dumps(value)
            data = text.encode()
            if type(value) is int or type(value) is float and value - value == 0:
                return data  # Looked at first, as parsing takes the most time.
            same = _is_same(value, json.loads(text)) and not has_surrogate(data)
        except ValueError:
            same = False
        except RuntimeError:  # The stack has an end.
            raise ValueError("JsonCodec: a value is nested too deep")
        if not same:
            raise ValueError("JsonCodec: JSON has no %.99r, or not so that it comes back equal" % (value,))
        return data

    def decode(self, data: bytes):
        """The value that `data` stands for. Raises `ValueError`, with the first bytes, for what it cannot decode."""
        try:
            strange = b"\\u" in data or b"\xed" in data
            value = once("escapes").loads(data) if strange else json.loads(data)
            text = json.dumps(value)
            if "inf" in text:
                json.loads(text)  # It takes no infinite number, which 1e999 has become, and 1e39 on most boards.
            return value
        except (ValueError, RuntimeError) as er:  # The stack has an end.
            raise ValueError("JsonCodec cannot decode %r: %s" % (data[:60], er))


def has_surrogate(data):
    """Whether these bytes of a string have half of a surrogate pair, which UTF-8 has not."""
    at = data.find(b"\xed")
    while at >= 0 and data[at + 1] < 0xA0:
        at = data.find(b"\xed", at + 1)
    return at >= 0


def _is_same(value, back):
    kind = type(back)
    if kind is list:
        if not isinstance(value, (list, tuple)) or len(value) != len(back):
            return False
        for i in range(len(back)):
            if not _is_same(value[i], back[i]):
                return False
        return True
    if kind is dict:
        if not isinstance(value, dict) or len(value) != len(back):
            return False
        for key in back:
            if key not in value or not _is_same(value[key], back[key]):
                return False
        return True
    if kind is float and isinstance(value, float):
        return abs(value - back) <= abs(value) * 2.4e-7  # Two units of the last place of a board's floats.
    return isinstance(value, kind) and value == back
