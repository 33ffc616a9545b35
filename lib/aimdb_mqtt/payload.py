_types = (bytes, bytearray, memoryview)  # Here, because a tuple in the function would be made at each call.


def payload_of(codec, value) -> "bytes | bytearray | memoryview":
    """`value` as the bytes of a message. Raises what the codec raises, and `TypeError` when it gives no bytes.

    Cancel safety: it does not wait. IRQ safety: none.
    """
    payload = codec.encode(value)
    if isinstance(payload, str):
        return payload.encode()
    if isinstance(payload, _types):
        return payload
    raise TypeError("the codec must make bytes or a string, not %r" % (payload,))
