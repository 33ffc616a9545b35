"""Replies that are asked for by people, and not by programs all the time. Loaded for each, and not kept."""

from . import once
from .requests import Refusal, refused

_REQUEST = b'{"t":"req","id":'  # So each request of AimDB's own tools begins.


def refuse(peer):
    """Answer the request that was too long: who has sent it may wait for ever. Awaited."""
    cut = peer.frames.cut
    peer.frames.cut = b""
    id = cut[len(_REQUEST) :].split(b",")[0]
    if cut.startswith(_REQUEST) and id.isdigit():
        refused(peer.server, "a request is longer than max_frame=%d", peer.server.max_frame)
        yield from peer.send((b'{"t":"reply","id":', id, b',"err":"internal"}'))


def answer(peer, method, params):
    """The body of a reply: pieces of JSON. Raises `Refusal`."""
    db = peer.server.db
    if method == "record.list":
        return once("listing").listing(peer, params)
    if method == "record.drain":
        return once("cursors").drain(peer, params)
    if method == "graph.nodes":
        return once("listing").plain(peer, db.graph()["nodes"], ("key", "origin"))
    if method == "graph.edges":
        return once("listing").plain(peer, db.graph()["edges"])
    if method == "graph.topo_order":
        return once("listing").plain(peer, db.graph()["order"])
    if method in ("buffer_metrics.reset", "profiling.reset"):
        if not peer.may_write:
            raise Refusal("denied")
        if method == "profiling.reset":
            db.reset_profile()
        else:
            for record, _, _ in db.remotes.values():
                try:
                    peer.server.counted_from[record.key] = record.buffer.metrics()[:3]
                except Exception:
                    pass  # A buffer of the program's own may raise anything.
        return (b'{"reset":true}',)
    raise Refusal("not_found")
