"""What AimDB's own client insists on, as a table, and that a server answers so whatever the program's records hold.

The client has no time limit: a frame that it cannot read is one for which it waits for ever. So the frames are looked
at as they come, and not only what they say.
"""

import asyncio
import json

from aimdb import AimDb, BytesCodec, Mailbox, SingleLatest, SpmcRing
from aimdb_aimx import AimxServer
from aimx_client import Client, Running, cable
from harness import equal

ODD_VALUES = {
    "none": None,
    "nan": float("nan"),
    "infinite": float("inf"),
    "object": object,
    "bytes": b"\xff",
    "half": "\ud800",
    "long": "x" * 5000,
    "deep.keys": {1: 2},
}
GOOD_VALUES = {
    "text": 'a"\\\n\t\x01é',
    "number": 2.5,
    "list": [1, [None, {"a": True}]],
    "empty": "",
    "zero": 0,
    "false": False,
}
ENTRY = (
    ("record_id", int),
    ("record_key", str),
    ("name", str),
    ("type_id", str),
    ("buffer_type", str),
    ("producer_count", int),
    ("consumer_count", int),
    ("writable", bool),
    ("outbound_connector_count", int),
)
ORIGINS = "source", "passive", "link", "transform", "transform_join"
CODES = "not_found", "denied", "internal", "version_mismatch"


class Raw(Client):
    """Gives frames as they were on the line."""

    async def frame(self):
        while True:
            frame = self.line.next()
            if frame is not None:
                return bytes(frame)
            await asyncio.sleep_ms(1)
            self.line.fill()


def words(value, names):
    """Whether an origin or a kind of edge is one of these words, or an object with one of them alone."""
    return value in names or type(value) is dict and list(value)[0] in names and len(value) == 1


# Of each request: its name, its parameters, and what must be true of `ok`.
REQUESTS = [("hello", {"version": "3.0"}, name, lambda ok, n=name, k=kind: type(ok[n]) is k) for name, kind in (
    ("version", str), ("server", str), ("permissions", list), ("writable_records", list))]  # fmt: skip
REQUESTS += [
    ("hello", {"version": "3.0"}, "of version 3", lambda ok: ok["version"].split(".")[0] == "3"),
    ("hello", {"version": "3.0"}, "what may be written", lambda ok: ok["writable_records"] == ["set"]),
    ("hello", {"version": "3.0"}, "rights in words", lambda ok: ok["permissions"] == ["read", "write"]),
]
REQUESTS += [
    ("record.list", None, name, lambda ok, n=name, k=kind: all([type(each[n]) is k for each in ok]))
    for name, kind in ENTRY
]
REQUESTS += [
    ("record.list", None, "origin", lambda ok: all([words(each["origin"], ORIGINS) for each in ok])),
    ("record.list", None, "an id of 32 bits", lambda ok: all([0 <= each["record_id"] < 1 << 32 for each in ok])),
    ("record.list", None, "ids of their own", lambda ok: len({each["record_id"] for each in ok}) == len(ok)),
    (
        "record.list",
        None,
        "the key, where a table shows the name",
        lambda ok: all([e["name"] == e["record_key"] for e in ok]),
    ),
    ("record.list", None, "counters", lambda ok: all([type(each["produced_count"]) is int for each in ok])),
    ("record.list", None, "a pair that is held", lambda ok: all([len(each["occupancy"]) == 2 for each in ok])),
    ("record.list", None, "a list", lambda ok: type(ok) is list and "private" not in [each["name"] for each in ok]),
    ("graph.nodes", None, "key", lambda ok: all([type(each["key"]) is str for each in ok])),
    ("graph.nodes", None, "all of them", lambda ok: len(ok) == len(ODD_VALUES) + len(GOOD_VALUES) + 7),
    (
        "graph.edges",
        None,
        "both ends",
        lambda ok: all([type(each["from"]) is str and type(each["to"]) is str for each in ok]),
    ),
    ("graph.edges", None, "a list", lambda ok: type(ok) is list),
    ("graph.topo_order", None, "keys", lambda ok: all([type(key) is str for key in ok])),
    ("record.set", {"name": "set", "value": 1}, "status", lambda ok: ok["status"] == "success"),
    ("record.set", {"name": "set", "value": 1}, "the value", lambda ok: ok["value"] == 1),
    ("record.drain", {"name": "ring"}, "values, and their number", lambda ok: ok["count"] == len(ok["values"])),
    ("record.drain", {"name": "ring"}, "whose they are", lambda ok: ok["record_name"] == "ring"),
]
REQUESTS += [
    ("record.get", {"name": key}, "the value", lambda ok, v=value: ok == v) for key, value in GOOD_VALUES.items()
]

# Of each request, the code that refuses it.
REFUSED = [("record.get", {"name": key}, "not_found") for key in ODD_VALUES]
REFUSED += [
    ("record.get", {"name": "ring"}, "not_found"),
    ("record.get", {"name": "codec"}, "not_found"),
    ("record.get", {"name": "private"}, "not_found"),
    ("record.get", {"name": 'a"\\u0000'}, "not_found"),
    ("record.get", None, "not_found"),
    ("record.set", {"name": "set", "value": None}, "internal"),
    ("record.set", {"name": "text", "value": 1}, "denied"),
    ("record.set", {"name": "nosuch", "value": 1}, "denied"),
    ("record.set", {"value": 1}, "internal"),
    ("record.drain", {"name": "cmd"}, "denied"),
    ("record.query", {"name": "set"}, "not_found"),
    ("no.such", None, "not_found"),
    ("hello", {"version": "2.0"}, "version_mismatch"),
    ("hello", None, "version_mismatch"),
]


def served():
    near, far = cable(60000)
    db = AimDb()
    for key, value in list(ODD_VALUES.items()) + list(GOOD_VALUES.items()):
        db.configure(key, SingleLatest()).remote()
        db.produce_any(key, value)
    db.configure("set", SingleLatest()).remote(write=True)
    db.configure("codec", SingleLatest()).remote(codec=BytesCodec())
    db.configure("ring", SpmcRing(8)).remote()
    db.configure("cmd", Mailbox()).remote()
    db.configure("private", SingleLatest())
    db.configure("doubled", SingleLatest()).transform("number", lambda value: 2 * value).remote()
    db.produce_any("codec", b"no JSON")
    AimxServer(db, serial=far, subscriptions=64)
    return db, Raw(near, size=65536)


def read(text, kind, number):
    """The frame of a text, which is one that the client can read."""
    for character in text:
        assert character >= 32, text  # No line end, and nothing that JSON escapes.
    frame = json.loads(text)
    equal(frame["t"], kind)
    if kind == "reply":
        assert type(frame["id"]) is int and frame["id"] == number, text
        assert ("ok" in frame) != ("err" in frame), text
        assert frame.get("ok", 0) is not None, text
        if "err" in frame:
            assert frame["err"] in CODES and b"\\" not in text, text
    return frame


async def test_each_request_is_answered_with_what_the_client_needs():
    assert len(REQUESTS) + len(REFUSED) >= 60
    db, client = served()
    async with Running(db):
        await client.send({"t": "req", "id": 0, "method": "hello", "params": {"version": "3.0", "max_frame": 65536}})
        await client.frame()
        for number, (method, params, what, is_right) in enumerate(REQUESTS, 1):
            await client.send({"t": "req", "id": number, "method": method, "params": params})
            frame = read(await client.frame(), "reply", number)
            assert "ok" in frame and is_right(frame["ok"]), (method, params, what, frame)
        for number, (method, params, code) in enumerate(REFUSED, 1):
            await client.send({"t": "req", "id": number, "method": method, "params": params})
            equal((method, params, read(await client.frame(), "reply", number).get("err")), (method, params, code))


async def test_each_event_is_what_the_client_needs():
    db, client = served()
    async with Running(db):
        await client.send({"t": "sub", "id": 7, "topic": "#"})
        seqs = []
        topics = set()
        while "ring" not in topics:
            text = await client.frame()
            frame = read(text, "snap" if b'"t":"snap"' in text else "event", None)
            seqs.append(frame["seq"])
            topics.add(frame["topic"])
            assert type(frame["sub"]) is str and frame["sub"] == "7", text
            assert "data" in frame and b'"topic":"%s"' % frame["topic"].encode() in text, text
            if frame.get("last"):
                equal(len(topics), len(seqs))
                for key in ("set", "ring"):
                    db.produce_any(key, 'a"\n')
        assert "set" in topics
        equal(seqs, list(range(1, len(seqs) + 1)))


async def test_no_drain_is_longer_than_the_client_takes():
    near, far = cable(60000)
    key = "a." * 60 + "ring"
    db = AimDb()
    db.configure(key, SpmcRing(5000)).remote()
    AimxServer(db, serial=far)
    client = Raw(near, size=20000)
    async with Running(db):
        for values in ([1] * 4500, [1] * 1900 + ["x" * 3998], ["x" * 3825, "y" * 3998], ["y" * 3998] * 3):
            got = []
            for round in range(4):
                await client.send({"t": "req", "id": 1, "method": "record.drain", "params": {"name": key}})
                frame = await client.frame()
                assert len(frame) + len(frame) // 254 + 2 <= 8192, len(frame)
                got += json.loads(frame)["ok"]["values"]
                if not round and not got:
                    for value in values:
                        db.produce_any(key, value)
            assert got == values, len(got)
