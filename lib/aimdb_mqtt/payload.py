import json


class JsonCodec:
    """Any value that JSON knows; the default.

    A codec is any object with `encode(value)`, which returns bytes or a string, and `decode(payload)`, which is
    given bytes; those of aimdb_flash will do. What either raises is counted and named by a link, and raised in the
    caller of `produce_async`.
    """

    encode = staticmethod(json.dumps)
    decode = staticmethod(json.loads)


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
