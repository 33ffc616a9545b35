"""A hub that sends anything: it is counted or ends the connection, and nothing else is lost; nothing grows."""

import asyncio
import gc
import json
import random

from aimdb import AimDb, BoundedQueue
from aimdb_conformance.support import settle
from harness import equal, skip, target

if target != "unix":
    skip("the hub of these tests needs the loopback of a computer")

from aimdb_aimx import AimxRecord, NotConnected
from scripted_hub import ScriptedHub, framed, hasty
from scripted_peer import Kept, running, until

TIME_LIMIT = 1800  # With SOAK=100.
FIELDS = ("t", "id", "sub", "seq", "data", "ok", "err", "topic", "last", "version")
VALUES = (
    "event",
    "snap",
    "reply",
    "pong",
    "subscribed",
    "denied",
    "1",
    "32769",
    None,
    True,
    -1,
    0,
    1,
    2,
    32769,
    1 << 70,
)


def rounds():
    from os import getenv

    return int(getenv("SOAK") or 1)


def anything():
    """A frame, mostly close to one that means something."""
    kind = random.randint(0, 5)
    if kind == 0:
        return bytes([random.randint(0, 255) for _ in range(random.randint(0, 60))])
    frame = {"t": random.choice(("event", "snap", "reply", "pong", "subscribed"))}
    for _ in range(random.randint(0, 5)):
        frame[random.choice(FIELDS)] = random.choice(VALUES + (1.5, [], {}, [1, {"a": None}]))
    text = bytearray(json.dumps(frame).encode())
    if kind == 1:
        text[random.randint(0, len(text) - 1)] = random.randint(0, 255)
    elif kind == 2:
        del_from = random.randint(0, len(text))
        text = text[:del_from]
    return bytes(text)


async def test_frames_of_any_content_end_no_link_and_lose_nothing_of_others():
    for seed in range(rounds() * 6):
        random.seed(seed)
        async with ScriptedHub() as server:
            db = AimDb()
            kept, queue = Kept(range(20)), BoundedQueue(200)
            hub = hasty(server, max_frame=256, retry_ms=(1, 4))
            db.configure("kept", kept).link_to(server.url + "/kept")
            db.configure("n", queue).link_from(server.url + "/n")
            async with running(db) as task:
                for _ in range(100):
                    await server.send(framed(anything()))
                    if not random.randint(0, 9):
                        kept.push(len(kept.values))
                    if not random.randint(0, 40):
                        await server.send(bytes([random.randint(0, 255) for _ in range(random.randint(1, 30))]))
                        server.kick()  # What follows could not be told apart.
                        await until(lambda: hub.connected and server.clients)
                assert not task.done()
                await until(lambda: hub.connected and server.clients and server.clients[0].seqs)
                reader = queue.subscribe()
                while queue.held():
                    reader.try_recv()
                    await settle()
                await server.tell("n", "the last")
                while await reader.recv(timeout_ms=5000) != "the last":
                    pass
                # An id may have been taken for the reply to a value, as the hub says so.
                await until(lambda: kept.committed == len(kept.values))


LIES = (
    b'{"t":"event","sub":1e999,"seq":1,"data":1}',
    b'{"t":"event","sub":"1","seq":1e999,"data":1}',
    b'{"t":"subscribed","sub":1e999}',
    b'{"t":"reply","id":1e999,"ok":{}}',
    b'{"t":"reply","id":1}',
    b'{"t":"reply","id":true,"ok":{}}',
    b'{"t":"reply","id":1.0,"ok":{}}',
    b'{"t":"reply","id":' + b"9" * 200 + b',"ok":{}}',
    b'{"t":[],"id":1}',
    b'{"t":"event","sub":"' + b"9" * 200 + b'","seq":1,"data":1}',
    b"[" * 250,
    b'{"a":' * 50,
    b"[[[]]]",
    b"\xc3\x28",
    b'{"t":"event","sub":"32769","seq":1,"data":"\xc3\x28"}',
    b'"\\ud800"',
    b"",
)


async def test_what_a_hub_says_wrong_ends_no_connection_and_acknowledges_nothing():
    async with ScriptedHub() as server:
        hub = hasty(server, max_frame=256, timeout_ms=2000, in_flight=1)
        record = AimxRecord(server.url + "/a", hub=hub)
        server.answers = False
        async with hub:
            await until(lambda: hub.connected)
            (client,) = server.clients
            task = asyncio.create_task(record.push_async(1))
            await until(lambda: hub.window.flights)
            for lie in LIES:
                await server.send(framed(lie))
            await until(lambda: hub.malformed_count + hub.oversize_count >= len(LIES) - 3, 1000)
            await asyncio.sleep_ms(20)
            equal((task.done(), server.clients, hub.lost_count), (False, [client], 0))
            task.cancel()


async def test_calls_without_a_connection_leave_the_heap_where_it_was():
    async with ScriptedHub() as server:
        record = AimxRecord(server.url + "/n", hub=hasty(server))
        await server.stop()

        def calls(count):
            for value in range(count):
                record.push(value)
                try:
                    record.try_push(value)
                except NotConnected:
                    pass
                record.metrics()
                record.peek()
            gc.collect()
            return gc.mem_alloc()

        for _ in range(20):
            record.subscribe().close()
        before = calls(200)
        after = calls(20000)
        assert after - before < 500, (before, after)
        equal(record.metrics().dropped_count, 20200)


async def test_a_record_that_is_closed_is_no_longer_watched():
    async with ScriptedHub() as server:
        hub = hasty(server)
        first, second = AimxRecord(server.url + "/a", hub=hub), AimxRecord(server.url + "/b", hub=hub)
        async with hub:
            await first.subscribe_async()
            reader = await second.subscribe_async()
            first.close()
            await until(lambda: server.unsubs == ["a"])
            await server.tell("b", 1)
            equal(await reader.recv(timeout_ms=2000), 1)
            await asyncio.sleep_ms(10)
        equal((sorted(server.subs), hub.malformed_count), (["a", "b"], 0))
