"""Checks codecs, functions, streams, names for others, and formats for `struct`. Loaded for each, and not kept."""

import select
import struct


def check_codec(codec):
    """The codec. Raises `TypeError` for anything else, such as a class of codecs or a codec with async methods."""
    if not isinstance(codec, type):
        for method in ("encode", "decode"):
            if not callable(getattr(codec, method, None)):
                break
            if _is_async(getattr(type(codec), method, None)):
                raise TypeError("a codec has no async def: the %s of %r" % (method, codec))
        else:
            if not isinstance(codec, str):
                return codec
    raise TypeError("a codec is an object with encode and decode, such as JsonCodec(), not %r" % (codec,))


def check_function(name: str, function) -> None:
    """Raise `TypeError` for what cannot be called, and for an async function, which would never run."""
    if not callable(function) or _is_async(function):
        raise TypeError("%s is a function without async, not %r" % (name, function))


def check_stream(name: str, stream) -> None:
    """Raise `TypeError` for what the loop cannot poll: what that raises would end the loop, or make it stand still."""
    poller = select.poll()
    try:
        poller.register(stream, select.POLLIN)
        poller.poll(0)
    except Exception as er:
        text = "%s is a stream that select.poll takes, such as a machine.UART, not %r: %r"
        raise TypeError(text % (name, stream, er))


def check_name(what: str, name: str) -> None:
    """Raise `ValueError` for a name with half of a surrogate pair: in JSON that is no UTF-8, which nobody reads."""
    data = name.encode()
    if b"\xed" in data:  # With which few characters begin: else no module is loaded for it.
        from .json_codec import has_surrogate

        if has_surrogate(data):
            raise ValueError("%s has no half of a surrogate pair" % what)


def _is_async(function):
    return type(function).__name__ == "generator"


def count_fields(format: str) -> int:
    """How many fields values of `format` have. Raises `TypeError`, and `ValueError` for a format that is of no use."""
    if not isinstance(format, str):
        raise TypeError("a format is a string as struct has it, such as '<If', not %r" % (format,))
    try:
        count = 0
        if not any(letter in format for letter in "OPS"):  # Addresses, which would be read as such.
            size = struct.calcsize(format)
            count = size and len(struct.unpack(format, bytes(size)))
    except ValueError:
        pass
    if not count:
        raise ValueError("a format is a string as struct has it, such as '<If', not %r" % format)
    return count
