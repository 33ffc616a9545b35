"""What peers ask for most: a record's value. The names that they give are checked here."""

import aimdb
from aimdb import JsonCodec, SpmcRing, kept
from micropython import const

from . import once

_OTHERS = const(4192)  # Bytes of a frame that may stand beside a value: what a drain has before it, and names.

json_codec = JsonCodec()


class Refusal(Exception):
    """A request is refused; the argument is the code that the peer gets."""


def entry_of(peer, name, code: str = "not_found") -> tuple:
    """(record, whether it may be written, codec) of a record that peers can reach. Raises `Refusal`."""
    entry = peer.server.db.remotes.get(name) if isinstance(name, str) else None
    if entry is None or entry[0].buffer is None:
        raise Refusal(code)
    return entry


def name_in(params) -> object:
    """The record's name in the parameters of a request, if there is one."""
    return params.get("name") if isinstance(params, dict) else None


def may_write(peer, entry: tuple) -> bool:
    """Whether the peer may write the record: one with a writer of its own, nobody may."""
    return peer.may_write and entry[1] and entry[0] not in peer.server.owned


def is_ring(record) -> bool:
    """Whether each reader sees all values. From other buffers, who reads takes what the program's own readers miss."""
    return isinstance(record.buffer, SpmcRing)


def refused(server, text: str, *values) -> None:
    """Count what was refused, as the `last_error`, and say it on stderr the 1st time, and the 2nd, 4th, 8th …"""
    server.refused_count = count = server.refused_count + 1
    try:
        telling = aimdb.once("telling")
        server.last_error = telling.in_words(text, values)
        if not count & (count - 1):
            telling.say(count, "%s", (server.last_error,))
    except Exception:
        pass  # There is no memory for it.


def text_of(peer, entry: tuple, value) -> "bytes | None":
    """The JSON text of a value, or None for one that AimX cannot carry: null is none, and others are told of."""
    if value is None:
        return None
    codec = entry[2]
    try:
        text = (codec or json_codec).encode(value)
        text = text.encode() if isinstance(text, str) else bytes(text)  # The codec may use its buffer again.
        if codec and type(codec) is not JsonCodec:
            if kept("strict", "aimdb_aimx").loads(text) is None:
                return None
        elif max(text) > 0x7F:
            kept("utf8", "aimdb_aimx").check(text)
        if len(text) > peer.frames.longest - _OTHERS:
            raise ValueError("%d bytes are too many" % len(text))
        return text
    except MemoryError:
        raise
    except Exception as er:  # A codec of the program's own may raise anything, and give what is no JSON.
        refused(peer.server, "record %r has a value that AimX cannot carry: %r", entry[0].key, er)
        return None


def get(peer, params) -> bytes:
    """The value in the reply to `record.get`. Raises `Refusal`."""
    entry = entry_of(peer, name_in(params))
    record = entry[0]
    value = record.buffer.peek()
    if value is None and is_ring(record):
        value = once("cursors").newest(peer, record)
    text = text_of(peer, entry, value)
    if text is None:
        raise Refusal("not_found")
    return text
