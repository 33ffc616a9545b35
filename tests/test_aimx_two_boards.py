"""A board that dials to a board that serves, in one program: tokens, refusals, and records in both directions."""

import asyncio

from aimdb import AimDb, BoundedQueue, SingleLatest
from aimdb_conformance.support import raises_async
from harness import equal, skip, target

if target != "unix":
    skip("it needs the loopback of a computer")

from aimdb_aimx import AimxRecord, AimxServer, Hub, Refused
from aimdb_aimx.hub import hubs
from scripted_peer import Kept, free_port, running, until


def serving(**options):
    """A database that serves `setting`, which may be written, `counter`, which may not, and `queue`; and its URL."""
    port = free_port()
    db = AimDb()
    db.configure("setting", SingleLatest()).remote(write=True)
    db.configure("counter", SingleLatest()).remote()
    db.configure("queue", BoundedQueue(4)).remote(write=True)
    options.setdefault("anyone", "write")
    options.setdefault("timeout_ms", 3000)
    AimxServer(db, tcp=port, **options)
    hubs.clear()
    return db, "aimx://127.0.0.1:%d" % port


def dialling(url, **options):
    return Hub(url, timeout_ms=2000, retry_ms=(5, 40), **options)


async def test_values_go_to_the_other_board_and_come_from_it():
    there, url = serving()
    dialling(url)
    here = AimDb()
    kept, counter, setting = Kept(range(20)), BoundedQueue(9), AimxRecord(url + "/setting")
    here.configure("kept", kept).link_to(url + "/queue")
    here.configure("counter", counter).link_from(url + "/counter")
    here.configure("setting", setting)
    got = []

    async def read():
        async for value in there.consumer("queue").subscribe():
            got.append(value)
            await asyncio.sleep_ms(5)

    async with running(there):
        reading = asyncio.create_task(read())
        async with running(here):
            reader = await setting.subscribe_async()
            await setting.push_async({"level": 3})
            equal(await reader.recv(timeout_ms=3000), {"level": 3})
            there.producer("counter").produce(1)
            await until(lambda: counter.held())
            await until(lambda: kept.committed == 20 and len(got) == 20)
            equal(there.producer("setting").buffer.peek(), {"level": 3})
        reading.cancel()
    equal((got, counter.peek()), (list(range(20)), 1))


async def test_a_record_that_nobody_may_write_and_one_that_is_not_there_refuse():
    there, url = serving()
    hub = dialling(url)
    async with running(there):
        async with hub:
            for key in ("counter", "nothing"):
                error = await raises_async(Refused, AimxRecord(url + "/" + key).push_async(1))
                assert "denied" in str(error) and key in str(error), error
            await raises_async(Refused, AimxRecord(url + "/nothing").subscribe_async())


async def test_only_who_has_the_token_is_let_in():
    there, url = serving(token="secret", anyone=None)
    async with running(there):
        hub = dialling(url, token="guess")
        async with hub:
            error = await raises_async(Refused, AimxRecord(url + "/setting").push_async(1))
            assert "denied" in str(error) and "guess" not in str(error), error
        hubs.clear()
        hub = dialling(url, token="secret")
        async with hub:
            await AimxRecord(url + "/setting").push_async(1)
    equal(there.producer("setting").buffer.peek(), 1)


async def test_a_full_queue_on_the_other_board_holds_the_link_back():
    there, url = serving(timeout_ms=300)
    dialling(url, in_flight=1)  # So that no value overtakes the one that is refused.
    here = AimDb()
    kept = Kept(range(8))
    here.configure("kept", kept).link_to(url + "/queue")
    async with running(there):
        async with running(here):
            await until(lambda: kept.committed == 4)
            await asyncio.sleep_ms(400)
            reader = there.consumer("queue").subscribe()
            for value in range(8):
                equal(await reader.recv(timeout_ms=5000), value)
            await until(lambda: kept.committed == 8)
    equal(kept.metrics().dropped_count, 0)
