"""Replies that are asked for by people, and not by programs all the time. Loaded for each, and not kept."""

import json

from aimdb import check_int

from . import once
from .requests import Refusal, cursor_of, entry_of, is_ring, may_write, name_in, next_of, text_of

_DRAINED = 4096  # Bytes of values in one reply; the rest comes with the next.


def answer(peer, method, params):
    """The body of a reply: pieces of JSON. Raises `Refusal`."""
    db = peer.server.db
    if method == "record.list":
        return once("listing").listing(peer)
    if method == "record.drain":
        return _drain(peer, params)
    if method in ("graph.nodes", "graph.edges"):
        return once("listing").JsonList(db.graph()[method[6:]], json.dumps)
    if method == "graph.topo_order":
        return once("listing").JsonList(db.graph()["order"], json.dumps)
    if method in ("buffer_metrics.reset", "profiling.reset"):
        if not peer.may_write:
            raise Refusal("denied")
        if method == "profiling.reset":
            db.reset_profile()
        else:
            for record, _, _ in db.remotes.values():
                peer.server.counted_from[record.key] = record.buffer.metrics()[:3]
        return (b'{"reset":true}',)
    raise Refusal("not_found")


def _drain(peer, params):
    # To drain a buffer whose readers compete is to take from it.
    name = name_in(params)
    entry = entry_of(peer, name, "not_found" if isinstance(name, str) else "internal")
    record = entry[0]
    if not (is_ring(record) or may_write(peer, entry)):
        raise Refusal("denied")
    limit = params.get("limit")
    if limit is None:
        limit = 0x1FFFFFFF
    try:
        check_int("limit", limit)
    except (ValueError, TypeError):
        raise Refusal("internal")
    reader = cursor_of(peer, record)
    texts: list = []
    size = 0
    while len(texts) < limit and size < _DRAINED:
        value = next_of(reader)
        if value is None:
            break
        text = text_of(peer, entry, value)
        if text:
            texts.append(text)
            size += len(text)
    head = '{"count":%d,"record_name":%s,"values":[' % (len(texts), json.dumps(record.key))
    pieces = [head.encode()]
    for i, text in enumerate(texts):
        if i:
            pieces.append(b",")
        pieces.append(text)
    pieces.append(b"]}")
    return tuple(pieces)
