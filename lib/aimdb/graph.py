"""What a program looks like: its records and what is between them. Loaded for `AimDb.graph`, and not kept.

Names and shapes are those of AimDB's `graph.nodes`, `graph.edges` and `graph.topo_order`.
"""

from . import once

_KINDS = ("SpmcRing", "SingleLatest", "Mailbox", "BoundedQueue")


def graph(db) -> dict:
    """What `AimDb.graph` returns."""
    computing = once("computing")
    computed = [stage for stage in db._stages if stage[1] in ("transform", "transform_join")]
    order = computing.in_order(db, computing.inputs_of(computed))
    nodes = []
    edges = []
    for key in order:
        record = db._records[key]
        stages = [stage for stage in db._stages if stage[0] is record]
        origin: object = "passive"
        taps = 0
        outward = False
        for _, kind, function, url in stages:
            protocol, address = parts(url)
            sources: list = [None]
            target: object = key
            edge: object = kind
            if kind == "tap":
                edge = {"tap": {"index": taps}}
                taps += 1
                sources, target = [key], None
            elif kind == "link_to":
                edge = {"link_out": {"protocol": protocol}}
                outward = True
                sources, target = [key], None
            elif kind == "source":
                origin = kind
            elif kind == "link_from":
                edge = {"link": {"protocol": protocol}}
                origin = {"link": {"protocol": protocol, "address": address}}
            else:
                sources = list(function.inputs)
                origin = {kind: {"input": sources[0]} if kind == "transform" else {"inputs": sources}}
            for source in sources:
                edges.append({"from": source, "to": target, "edge_type": edge})
        kind = _kind(record.buffer)
        try:
            capacity = record.buffer.capacity
        except Exception:  # There is no buffer, or one of the program's own that raises, which spoils no list.
            capacity = None
        if kind in ("single_latest", "mailbox") or type(capacity) is not int or capacity < 1:
            capacity = None
        nodes.append(
            {
                "key": key,
                "origin": origin,
                "buffer_type": kind,
                "buffer_capacity": capacity,
                "tap_count": taps,
                "has_outbound_link": outward,
            }
        )
    return {"nodes": nodes, "edges": edges, "order": order}


def parts(url: "str | None") -> "tuple[str, str]":
    """Scheme and address of a link's URL, without user and password."""
    scheme, _, address = (url or "").partition("://")
    host, slash, path = address.partition("/")
    return scheme.lower(), host.split("@")[-1] + slash + path


def _kind(buffer):
    # AimDB's name for the kind of buffer; for another kind, its class's name in the same form.
    if buffer is None:
        return "none"
    kind = type(buffer)
    while kind.__name__ not in _KINDS and kind.__bases__ and kind.__bases__[0].__name__ not in ("Buffer", "object"):
        kind = kind.__bases__[0]
    name = kind.__name__ if kind.__name__ in _KINDS else type(buffer).__name__
    return "".join([("_" if i and c.isupper() else "") + c.lower() for i, c in enumerate(name)])
