"""JSON that everybody takes. MicroPython's own `loads` takes more: 007, 1., [1 2], 1e999, a line break in a string.

Loaded when a codec of the program's own has made a text. AimDB does not answer one that it cannot read.
"""

import json

from .utf8 import check

_SPACE = b" \t\n\r"


def loads(data: "bytes | bytearray") -> object:
    """What the data say. Raises `ValueError` for what is no JSON, and for a number that is none here."""
    check(bytes(data))
    value = json.loads(str(data, "utf-8"))
    _check(data)
    return value


def _check(data):
    # `json.loads` has taken it. Bytes are looked at, as a string's characters stay in the interpreter's table of names.
    closers: list = []  # Of what is open, the innermost last.
    wants = "value"  # Or "key" or a mark; "first": of what has just been opened.
    at = 0
    while at < len(data):
        start = at
        mark = data[at]
        at += 1
        if mark in _SPACE:
            continue
        if mark in b"]}":
            _insist(closers and wants in (",", "first") and closers.pop() == mark)
            wants = ","
        elif mark in b",":
            _insist(wants == "," and closers)
            wants = "key" if closers[-1] in b"}" else "value"
        elif mark in b":":
            _insist(wants == ":")
            wants = "value"
        else:
            is_key = wants == "key" or wants == "first" and closers[-1] in b"}"
            _insist(wants != "," and wants != ":" and (mark in b'"' or not is_key))
            wants = ":" if is_key else ","
            if mark in b'"':
                at = _after_string(data, at)
            elif mark in b"[{":
                closers.append(mark + 2)  # It closes what this one opens.
                wants = "first"
            else:
                while at < len(data) and data[at] not in b",]}" + _SPACE:
                    at += 1
                _check_number(str(data[start:at], "utf-8"))
    _insist(wants == ",")


def _after_string(data, at):
    while data[at] not in b'"':
        _insist(data[at] >= 32)
        if data[at] in b"\\":
            at += 1
            _insist(data[at] in b'"\\/bfnrtu')
            if data[at] in b"u":
                code = _code(data, at)
                if 0xD800 <= code < 0xE000:  # Half of a character, which the other half follows.
                    at += 6
                    _insist(code < 0xDC00 and data[at - 1] in b"\\" and 0xDC00 <= _code(data, at) < 0xE000)
                at += 4
        at += 1
    return at + 1


def _code(data, at):
    return int(data[at + 1 : at + 5], 16)


def _check_number(text):
    digits = text[1:] if text[0] == "-" else text
    if digits[0].isdigit():
        _insist(digits[0] != "0" or not digits[1:2].isdigit())
        _insist("." not in digits or digits.partition(".")[2][:1].isdigit())
        number = float(text)
        _insist(number - number == 0)  # Not infinite.


def _insist(fits):
    if not fits:
        raise ValueError("this is no JSON")
