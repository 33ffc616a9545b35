"""JSON that everybody takes. MicroPython's own `loads` takes more: 007, 1., [1 2], 1e999, a line break in a string.

Loaded when a codec of the program's own has made a text. AimDB does not answer one that it cannot read.
"""

import json

from .utf8 import check

_SPACE = " \t\n\r"


def loads(data: "bytes | bytearray") -> object:
    """What the data say. Raises `ValueError` for what is no JSON, and for a number that is none here."""
    text = str(data, "utf-8")
    check(bytes(data))
    value = json.loads(text)
    _check(text)
    return value


def _check(text):
    # `json.loads` has taken it.
    closers = ""  # Of what is open, the innermost last.
    wants = "value"
    at = 0
    while at < len(text):
        start = at
        mark = text[at]
        at += 1
        if mark in _SPACE:
            continue
        if mark == "]" or mark == "}":
            _insist(closers[-1:] == mark and (wants == "," or wants == "first " + mark))
            closers = closers[:-1]
            wants = ","
        elif mark == ",":
            _insist(wants == "," and closers)
            wants = "key" if closers[-1] == "}" else "value"
        elif mark == ":":
            _insist(wants == ":")
            wants = "value"
        elif mark == '"':
            _insist(wants != "," and wants != ":")
            at = _after_string(text, at)
            wants = ":" if wants == "key" or wants == "first }" else ","
        else:
            _insist(wants == "value" or wants == "first ]")
            if mark == "[" or mark == "{":
                closers += "]" if mark == "[" else "}"
                wants = "first " + closers[-1]
            else:
                while text[at : at + 1] not in ",]}" + _SPACE:
                    at += 1
                _check_number(text[start:at])
                wants = ","
    _insist(wants == ",")


def _after_string(text, at):
    while text[at] != '"':
        _insist(text[at] >= " ")
        if text[at] == "\\":
            at += 1
            _insist(text[at] in '"\\/bfnrtu')
            if text[at] == "u":
                code = _code(text, at)
                if 0xD800 <= code < 0xE000:  # Half of a character, which the other half follows.
                    at += 6
                    _insist(code < 0xDC00 and text[at - 1] == "\\" and 0xDC00 <= _code(text, at) < 0xE000)
                at += 4
        at += 1
    return at + 1


def _code(text, at):
    return int(text[at + 1 : at + 5], 16)


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
