"""Escapes in JSON that a board reads wrongly. Loaded when there are some, and not kept."""

import json


def loads(data: bytes):
    """The value of such JSON. Raises `ValueError` when it has half of a surrogate pair."""
    from .json_codec import has_surrogate  # Who wants only `joined` need not have it.

    value = json.loads(joined(str(data, "utf-8")))
    if has_surrogate(json.dumps(value).encode()):
        raise ValueError("half a surrogate pair is no character")
    return value


def joined(text: str) -> str:
    """`text` with the character for each pair of escapes that is one: a board makes two halves of it."""
    data = text.encode()
    parts: list = []
    done = 0
    at = data.find(b"\\")
    while at >= 0:
        size = 2
        if data[at + 1 : at + 2] == b"u" and data[at + 6 : at + 8] == b"\\u":
            try:
                high, low = int(data[at + 2 : at + 6], 16), int(data[at + 8 : at + 12], 16)
            except ValueError:  # It is no JSON.
                return text
            if 0xD800 <= high < 0xDC00 <= low < 0xE000:
                # Not by `chr`: its characters stay in the interpreter's table of names.
                code = 0x10000 + (high - 0xD800 << 10) + low - 0xDC00
                rest = code >> 12 & 0x3F | 0x80, code >> 6 & 0x3F | 0x80, code & 0x3F | 0x80
                parts += (data[done:at], bytes((code >> 18 | 0xF0,) + rest))
                size = 12
                done = at + 12
        at = data.find(b"\\", at + size)
    return str(b"".join(parts) + data[done:], "utf-8")
