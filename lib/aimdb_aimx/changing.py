"""Changes of records by peers. Loaded when the first one wants that."""

import json

from .requests import Refusal, entry_of, json_codec, may_write, name_in, refused, text_of


async def put(peer, name, value) -> tuple:
    """Produce a peer's value in a record: (its entry, the value). Raises `Refusal`."""
    entry = entry_of(peer, name, "denied" if isinstance(name, str) else "internal")
    if not may_write(peer, entry):
        raise Refusal("denied")
    try:
        if value is None:
            raise ValueError("null is no value")
        if entry[2]:
            value = entry[2].decode(json.dumps(value).encode())
        else:
            json_codec.encode(value)  # Numbers may have become infinite.
        await entry[0].produce_async(value, peer.server.timeout_ms)
    except Exception as er:
        refused(peer.server, "record %r did not take %.40r from a peer: %r", entry[0].key, value, er)
        raise Refusal("internal")
    return entry, value


async def put_and_tell(peer, params):
    """The body of the reply to `record.set`."""
    entry, value = await put(peer, name_in(params), params.get("value") if isinstance(params, dict) else None)
    text = None
    try:
        if entry[0].buffer.peek() == value:
            text = text_of(peer, entry, value)
    except Exception:
        pass  # The record has it; all else of the reply may be left out.
    return (b'{"status":"success","value":', text, b"}") if text else (b'{"status":"success"}',)


async def write(peer, message: dict) -> None:
    """Do what a `write` frame asks for. A payload is unwrapped when `value` is its only key."""
    value = message.get("payload")
    if isinstance(value, dict) and len(value) == 1 and "value" in value:
        value = value["value"]
    try:
        await put(peer, message.get("topic"), value)
    except Refusal:
        pass  # It has no reply; the server has counted it.
