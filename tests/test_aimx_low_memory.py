"""A server of AimX on a full heap: whatever there is no memory for, it serves again when there is some."""

import asyncio
import gc

import micropython
from aimdb import AimDb, JsonCodec, SingleLatest, SpmcRing
from aimdb_aimx import AimxServer
from aimdb_aimx.serial_line import begin
from aimx_client import Client, Running, cable
from harness import equal, skip, target
from scarce import Scarce

if target != "unix":
    skip("to fill the heap of a board takes too long on an emulated one")

TIME_LIMIT = 600
HELLO = b'{"t":"req","id":77,"method":"hello","params":{"version":"3.0"}}'


async def scene(blocks, *frames):
    near, far = cable(4000)
    db = AimDb()
    db.configure("setting", SingleLatest()).remote(write=True)
    db.configure("ring", SpmcRing(4)).remote(write=True)
    server = AimxServer(db, serial=far, timeout_ms=1000)
    client = Client(near)
    async with Running(db) as run:
        db.produce_any("setting", 1)
        await client.hello()
        await client.send(*frames)
        gc.collect()
        near.data, far.other = bytearray(0), near
        with Scarce(blocks):
            for _ in range(12):
                await asyncio.sleep_ms(0)
            db.produce_any("ring", 2)
            for _ in range(6):
                await asyncio.sleep_ms(0)
        gc.collect()
        for _ in range(250):
            if server.peers and not server.peers[0].error:
                break
            await asyncio.sleep_ms(10)
        near.data = bytearray()
        client = Client(near)
        await client.send(b"\0")  # What was cut off ends here.
        for _ in range(3):
            await client.send(HELLO)
            frame = await client.next()
            while frame.get("id") != 77:
                frame = await client.next()
        client.id = 500
        client.others.clear()
        equal((await client.set("setting", 5))["status"], "success")
        equal(await client.get("setting"), 5)
        assert not run.done()


async def test_requests_and_events_on_a_full_heap_end_nothing():
    frames = (
        (b'{"t":"req","id":2,"method":"record.get","params":{"name":"setting"}}',),
        (b'{"t":"req","id":2,"method":"record.set","params":{"name":"setting","value":[1,2,3]}}',),
        (b'{"t":"req","id":2,"method":"record.list"}',),
        (b'{"t":"sub","id":3,"topic":"#"}', b'{"t":"ping"}'),
        (b'{"t":"sub","id":3,"topic":"ring"}', b'{"t":"write","topic":"ring","payload":4}'),
    )
    for each in frames:
        for blocks in (0, 2, 5, 21, 89, 300):
            await scene(blocks, *each)


async def test_a_value_that_finds_no_heap_at_all_to_be_encoded_ends_no_connection():
    class Hungry(JsonCodec):
        locked = False

        def encode(self, value):
            if value == 2:
                self.locked = True
                micropython.heap_lock()
            return super().encode(value)

    class Ring(SpmcRing):
        def subscribe(self):
            def unlock():
                if codec.locked:
                    micropython.heap_unlock()
                    codec.locked = False
                return ready()

            reader = super().subscribe()
            ready = reader.ready
            reader.ready = unlock
            return reader

    codec = Hungry()
    near, far = cable()
    db = AimDb()
    ring = db.configure("ring", Ring(4)).remote(codec=codec)
    server = AimxServer(db, serial=far)
    client = Client(near)
    async with Running(db):
        await client.hello()
        await client.watch("ring")
        await asyncio.sleep_ms(20)
        for value in (1, 2, 3):
            ring.produce(value)
            await asyncio.sleep_ms(20)
        equal(await client.event(), (1, 1))
        equal(await client.event(), (3, 3))
        equal(server.peers[0].error, None)


async def test_a_line_has_one_peer_however_little_memory_there_was_to_make_it():
    made = []
    for blocks in range(0, 150, 3):
        near, far = cable()
        db = AimDb()
        server = AimxServer(db, serial=far)
        gc.collect()
        try:
            with Scarce(blocks):
                begin(server)
        except MemoryError:
            pass
        made.append(len(server.peers))
        if not server.peers:
            begin(server)
        client = Client(near)
        await client.send(b'{"t":"ping"}', b'{"t":"ping"}')
        equal([frame["t"] for frame in await client.frames(2)], ["pong", "pong"])
        server.peers[0].task.cancel()
    assert set(made) == {0, 1}, made
