"""Replies that are lists, and that of `record.list`. Loaded for each, and not kept."""

import json

from .requests import Refusal, may_write, refused

_AROUND = 48  # Bytes of the frame around the list, and of COBS.

# AimDB's tool shows the name. No record has this key.
_MORE = (
    '{"record_id":%d,"record_key":"#","name":"and %d more, as a frame has %d bytes","type_id":"","origin":"passive",'
    '"buffer_type":"","producer_count":0,"consumer_count":0,"writable":false,"outbound_connector_count":0}'
)


def listing(peer, params):
    """Its body: with counters, and with the times of stages, where there is room for them.

    Of more records than there is room for it has the first ones, and an entry that says how many more there are. A peer
    that knows us gets them all, part by part: it says `offset` and `limit`.
    """
    db = peer.server.db
    nodes = [node for node in db.graph()["nodes"] if node["key"] in db.remotes]
    first = _count_in(params, "offset", 0)
    part = nodes[first : first + _count_in(params, "limit", len(nodes))]
    profile = db.profile()
    signals = [each for each in db.signals() if each["count"]]
    longest = peer.frames.longest
    for details in (2, 1, 0):
        if details == 2 and not profile and not signals:
            continue
        entry = Lister(peer, nodes, profile, signals, details)
        pieces = JsonList(part, entry)
        if pieces.size() <= longest:
            return pieces
    count = len(part)
    while pieces.size() > longest:
        count -= max(1, count // 16)
        pieces = JsonList(part[:count] + [len(part) - count], entry)
    return pieces


def _count_in(params, name, otherwise):
    # As AimDB overlooks what is said with `record.list`, so is what is no count.
    count = params.get(name) if isinstance(params, dict) else None
    return min(count, 0xFFFF) if type(count) is int and count >= 0 else otherwise


def plain(peer, items, fewer=None):
    """The body of a reply that is a list of values that JSON has. Raises `Refusal`.

    `fewer`: the fields that are left where there is no room for all.
    """
    longest = peer.frames.longest
    pieces = JsonList(items, json.dumps)
    if fewer and pieces.size() > longest:
        pieces = JsonList(items, lambda item: json.dumps({name: item[name] for name in fewer}))
    if pieces.size() > longest:
        refused(peer.server, "a list of %d is longer than the %d bytes that a peer takes", len(items), longest)
        raise Refusal("internal")
    return pieces


class JsonList:
    """The pieces of a reply that is a list. Only one item is in RAM at a time; `text_of` gives its JSON."""

    head = b""  # What comes before the list.

    def __init__(self, items, text_of):
        self._items = items
        self._text_of = text_of

    def size(self) -> int:
        """Bytes of the frame, on a line."""
        size = _AROUND
        for piece in self:
            size += len(piece)
        return size + size // 254

    def __iter__(self):
        yield self.head
        before = "["
        for item in self._items:
            yield (before + self._text_of(item)).encode()
            before = ","
        yield b"]}" if before == "," else b"[]}"


class Lister:
    """Called with a node of the graph, it gives the record's entry; with a number, one that says: so many more.

    An entry is as long each time it is made.
    """

    def __init__(self, peer, nodes, profile, signals, details: int):
        self._peer = peer
        self._nodes = nodes
        self._profile = profile  # What `db.profile()` and `db.signals()` have given, once for all times.
        self._signals = signals
        self._details = details

    def __call__(self, node) -> str:
        if isinstance(node, int):
            return _MORE % (len(self._nodes), node, self._peer.frames.longest)
        server = self._peer.server
        key = node["key"]
        name = json.dumps(key)
        entry = server.db.remotes[key]
        text = (
            '{"record_id":%d,"record_key":%s,"name":%s,"type_id":"","origin":%s,"buffer_type":"%s",'
            '"producer_count":%d,"consumer_count":%d,"writable":%s,"outbound_connector_count":%d'
        ) % (
            self._nodes.index(node),
            name,
            name,  # AimDB's tool shows this one.
            json.dumps(node["origin"]),
            node["buffer_type"],
            node["origin"] != "passive",
            node["tap_count"],
            "true" if may_write(self._peer, entry) else "false",
            node["has_outbound_link"],
        )
        if self._details:
            text += self._counters(key, entry[0].buffer, node["buffer_capacity"])
        if self._details == 2:
            stages = _stages([each for each in self._profile if each["record"] == key])
            signals = [_signal(each) for each in self._signals if each["record"] == key]
            text += ',"stage_profiling":[%s],"signal_stats":[%s]' % (",".join(stages), ",".join(signals))
        return text + "}"

    def _counters(self, key, buffer, capacity):
        # Of fixed width, so that the entry is as long when it is sent as it was when it was measured.
        text = ',"buffer_capacity":%d' % capacity if type(capacity) is int and capacity > 0 else ""
        try:
            metrics = buffer.metrics()
            counts = [int(each) for each in metrics[:3] + metrics.occupancy]
        except Exception:  # A buffer of the program's own may raise anything, and is not to spoil the list.
            counts = [0] * 5
        since = self._peer.server.counted_from.get(key, ())
        for i in range(len(since)):
            counts[i] = (counts[i] - since[i]) & 0x1FFFFFFF
        names = ',"produced_count":%10d,"consumed_count":%10d,"dropped_count":%10d,"occupancy":[%10d,%10d]'
        return text + names % tuple([max(0, each) for each in counts])


def _stages(profile):
    # AimDB's tool insists on the index, which counts a record's stages of a kind.
    kinds = [each["kind"] for each in profile]
    return [_stage(each, kinds[:i].count(each["kind"])) for i, each in enumerate(profile)]


def _stage(each, index):
    names = ("mean_us", "min_us", "max_us", "total_us")
    return (
        '{"stage_type":"%s","index":%d,"name":%s,"call_count":%d,"avg_time_ns":%d,"min_time_ns":%d,"max_time_ns":%d,'
        '"total_time_ns":%d}'
    ) % tuple([each["kind"], index, json.dumps(each["name"]), each["calls"]] + [1000 * each[name] for name in names])


def _signal(each):
    shown = {name: each[name] for name in ("unit", "count", "last", "min", "max", "mean")}
    shown["signal"] = each["name"]
    return json.dumps(shown)
