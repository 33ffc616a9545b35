def payload_of(codec, value) -> "bytes | bytearray":
    """`value` as the bytes of a message. Raises what the codec raises, and `TypeError` when it gives no bytes."""
    payload = codec.encode(value)
    if isinstance(payload, str):
        return payload.encode()
    if isinstance(payload, memoryview):
        return bytes(payload)  # Its length may count something larger than bytes.
    if isinstance(payload, (bytes, bytearray)):
        return payload
    raise TypeError("the codec must make bytes or a string, not %r" % (payload,))
