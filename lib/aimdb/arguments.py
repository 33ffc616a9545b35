"""Checks what users give to the packages that build on this one. Loaded for that, and not kept."""


def check_codec(codec):
    """The codec. Raises `TypeError` for what is none, such as a class of codecs."""
    if not isinstance(codec, type):
        for method in ("encode", "decode"):
            if not callable(getattr(codec, method, None)):
                break
        else:
            if not isinstance(codec, str):
                return codec
    raise TypeError("a codec is an object with encode and decode, such as JsonCodec(), not %r" % (codec,))
