"""Frames of AimX as they should never come: the server answers what can be answered, and goes on."""

import asyncio
import gc
import json
import os
import random

from aimdb import AimDb, BoundedQueue, Mailbox, SingleLatest, SpmcRing
from aimdb_aimx import AimxServer
from aimx_client import Client, Running, cable
from harness import equal, target

SEEDS = (8 if target == "unix" else 1) * int(getattr(os, "getenv", lambda *_: "1")("SOAK", "1") or 1)
ROUNDS = 60 if target == "unix" else 15
TIME_LIMIT = 1800

KEYS = ("setting", "fixed", "ring", "command", "queue", "private", "nosuch", "", "ring.#", "#", "*", "aimx")
METHODS = (
    "hello",
    "record.list",
    "record.get",
    "record.set",
    "record.drain",
    "record.query",
    "graph.nodes",
    "graph.edges",
    "graph.topo_order",
    "buffer_metrics.reset",
    "",
    "record.",
    "no.such",
    "__init__",
)
ODD = (
    None,
    True,
    -1,
    0,
    1,
    2**64,
    1.5,
    "",
    "x",
    [],
    {},
    {"value": 1},
    {"value": None},
    [[[[]]]],
    '\u00e9"\\\n',
    "#" * 300,
)


def program():
    near, far = cable(4000)
    db = AimDb()
    db.configure("setting", SingleLatest()).remote(write=True)
    db.configure("fixed", SingleLatest()).remote()
    db.configure("ring", SpmcRing(4)).remote(write=True)
    db.configure("command", Mailbox()).remote(write=True)
    db.configure("queue", BoundedQueue(2)).remote(write=True)
    db.configure("private", SingleLatest())
    AimxServer(db, serial=far, timeout_ms=50, max_frame=700)
    return db, Client(near, size=9000), far


def odd_frame():
    """A frame that is right in most of its parts."""
    kind = random.choice(("req", "req", "req", "sub", "sub", "unsub", "write", "ping", "zzz", 5, None))
    frame = {"t": kind, "id": random.choice((1, 2, 3, 3, 10**6) + ODD)}
    for name, values in (
        ("method", METHODS + ODD),
        ("topic", KEYS + ODD),
        ("sub", ("1", "2", "3") + ODD),
        ("payload", ODD),
        (
            "params",
            ODD + tuple([{"name": key, "value": random.choice(ODD), "limit": random.choice(ODD)} for key in KEYS]),
        ),
    ):
        if random.randint(0, 4):
            frame[name] = random.choice(values)
    data = bytearray(json.dumps(frame).encode())
    for _ in range(random.choice((0, 0, 0, 1, 5))):
        what = random.randint(0, 3)
        at = random.randint(0, len(data) - 1) if data else 0
        if what == 0 and data:
            data[at] = random.randint(0, 255)
        elif what == 1:
            data = data[:at]
        elif what == 2:
            data = data + data[at:]
    return bytes(data)


async def read_all(client, seen):
    while True:
        frame = await client.next(500000)
        seen.append(frame)
        # What AimDB's own client insists on.
        assert frame["t"] in ("reply", "event", "snap", "pong"), frame
        if frame["t"] == "reply":
            assert isinstance(frame["id"], int) and ("err" in frame or frame["ok"] is not None), frame
        elif frame["t"] != "pong":
            assert isinstance(frame["seq"], int) and isinstance(frame["sub"], str) and "data" in frame, frame


async def visit(seed):
    random.seed(seed)
    db, client, far = program()
    server = db.consumer("aimx").buffer
    seen = []
    async with Running(db):
        (peer,) = server.peers
        reader = asyncio.create_task(read_all(client, seen))
        for _ in range(ROUNDS):
            if random.randint(0, 9):
                await client.send(odd_frame())
            else:  # What is no frame at all, and may end in the middle of one.
                client.stream.write(bytes([random.randint(0, 255) for _ in range(random.randint(1, 60))]))
            if random.randint(0, 2) == 0:
                db.produce_any(random.choice(("setting", "fixed", "ring")), random.choice(ODD))
            await asyncio.sleep_ms(random.choice((0, 0, 1)))
        client.stream.write(b"\0")
        await client.send({"t": "req", "id": 987654, "method": "hello", "params": {"version": "3.0"}})
        for _ in range(600):
            if reader.done() or seen and seen[-1].get("id") == 987654:
                break
            await asyncio.sleep_ms(10)
        if reader.done():
            await reader
        equal(seen[-1]["ok"]["version"], "3.0")
        reader.cancel()
        equal(server.peers, [peer])  # No frame has ended the session.
        equal([peer.error, len(peer.subscriptions), len(peer.cursors)], [None, 0, 0])
        db.produce_any("fixed", 12)
        client.id = 0
        client.others.clear()
        equal(await client.get("fixed"), 12)


async def test_odd_frames_are_answered_or_counted_and_end_nothing():
    for seed in range(SEEDS):
        await visit(seed)


async def test_a_value_too_deep_for_the_stack_is_refused_and_told_of_and_ends_nothing():
    near, far = cable(20000)
    db = AimDb()
    db.configure("setting", SingleLatest()).remote(write=True)
    server = AimxServer(db, serial=far, max_frame=10000)
    client = Client(near)
    deep = b"[" * 4000 + b"]" * 4000
    async with Running(db):
        await client.send(b'{"t":"write","topic":"setting","payload":' + deep + b"}")
        await client.send(b'{"t":"req","id":1,"method":"record.set","params":{"name":"setting","value":' + deep + b"}}")
        equal(await client.next(), {"t": "reply", "id": 1, "err": "internal"})
        equal(len([peer for peer in server.peers if peer.error]), 0)
    equal((server.refused_count, server.peek()), (2, 0))
    assert server.last_error.startswith("record 'setting' did not take"), server.last_error


async def test_what_is_no_frame_on_a_serial_line_is_counted():
    near, far = cable(20000)
    db = AimDb()
    server = AimxServer(db, serial=far)
    client = Client(near)
    async with Running(db):
        near.write(b"\xffgarbage\0" + b"x" * 3000 + b"\0\0\0")
        await client.send(b'{"t":"ping"}')
        equal(await client.next(), {"t": "pong"})
    equal(server.malformed_count, 2)


async def test_nothing_grows_by_odd_frames():
    await visit(1)
    grown = []
    for _ in range(4 if target == "unix" else 2):
        gc.collect()
        before = gc.mem_alloc()
        await visit(1)
        gc.collect()
        grown.append(gc.mem_alloc() - before)
    # What is on the way at the end of a visit is not the same each time.
    assert min(grown) < 200 and sum(grown) < 4000, grown
