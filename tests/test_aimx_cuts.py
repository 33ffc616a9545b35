"""Connections to a hub that end anywhere, and runs that end anyhow: what a queue has accepted arrives, in order."""

import asyncio
import gc
import random

from aimdb import AimDb, BoundedQueue, JsonCodec
from aimdb_conformance.support import raises_async, settle
from aimdb_flash import BlockStorage, FlashQueue
from aimdb_flash.storage import claimed
from flash_devices import Flash
from harness import equal, skip, target

if target != "unix":
    skip("the hub of these tests needs the loopback of a computer; tests/host has the board's")

from aimdb_aimx import AimxRecord
from scarce import Scarce
from scripted_hub import ScriptedHub, hasty
from scripted_peer import Kept, cancelled, running, until

TIME_LIMIT = 1800  # With SOAK=100.


def rounds():
    from os import getenv

    return int(getenv("SOAK") or 1)


class NotingHub(ScriptedHub):
    """`came` has, for each connection, the values that have come by it.

    One that has ended may still be read while the next one is: only within a connection is there an order.
    """

    def __init__(self):
        super().__init__()
        self.came = []

    async def talk(self, client):
        client.values = []
        self.came.append(client.values)
        await super().talk(client)

    def _done(self, client, frame):
        if frame.get("method") == "record.set":
            client.values.append(frame["params"]["value"])
        return super()._done(client, frame)


def in_order(came, sets, count):
    """Check that all values were set, and that each connection has brought them in order, with none left out."""
    end = 0
    for values in came:
        if values:
            assert values[0] <= end, (came, end)
            equal(values, list(range(values[0], values[0] + len(values))))
            end = max(end, values[-1] + 1)
    equal(sorted(set([value for _, value in sets])), list(range(count)))


async def test_a_queue_on_flash_loses_nothing_and_keeps_its_order_wherever_connections_are_cut():
    for how in ("before", "after", "amid"):
        for frame in range(1, 9):
            async with NotingHub() as server:
                server.cut_at = frame, how
                flash = Flash(6, 1024)
                queue = FlashQueue(BlockStorage(flash), JsonCodec(), flush_ms=1, commit_ms=1)
                db = AimDb()
                hub = hasty(server, retry_ms=(1, 4), in_flight=4)
                db.configure("n", queue).link_to(server.url + "/n")
                async with running(db):
                    for value in range(12):
                        await queue.push_async(value)

                    await until(lambda: not queue.held() and not hub.window.flights)
                if frame > 1:
                    in_order(server.came, server.sets, 12)
                    equal(hub.given_up_count, 0)
                else:
                    assert how != "before" or hub.given_up_count == 12, (how, hub.given_up_count)
                queue.close()
                claimed.clear()


async def test_runs_that_are_cancelled_at_any_time_lose_nothing_of_a_queue_and_keep_its_order():
    for seed in range(rounds() * 4):
        random.seed(seed)
        async with NotingHub() as server:
            hub = hasty(server, in_flight=random.randint(1, 4), timeout_ms=30, retry_ms=(1, 3))
            queue = BoundedQueue(5)
            produced = 0
            for _ in range(30):
                db = AimDb()
                queue.key = None
                db.configure("n", queue).link_to(server.url + "/n")
                server.answers = random.randint(0, 3) > 0
                server.cut_at = (random.randint(2, 9), random.choice(("before", "after", "amid")))
                task = asyncio.create_task(db.run())
                for _ in range(random.randint(0, 40)):
                    while queue.held() < 5 and produced < 60:
                        queue.push(produced)
                        produced += 1
                    await asyncio.sleep_ms(0)
                await cancelled(task)
            server.answers = True
            server.cut_at = None
            db = AimDb()
            queue.key = None
            db.configure("n", queue).link_to(server.url + "/n")
            async with running(db):
                while produced < 60:
                    await queue.push_async(produced)
                    produced += 1
                await until(lambda: hub.connected and not (queue.held() or hub.window.flights))
            in_order(server.came, server.sets, 60)


async def test_refusals_that_pass_keep_the_order_through_cuts():
    for seed in range(rounds() * 4):
        random.seed(seed)
        async with ScriptedHub() as server:
            hub = hasty(server, in_flight=3, retry_ms=(1, 3))
            kept = Kept(range(40))
            db = AimDb()
            db.configure("n", kept).link_to(server.url + "/n")
            async with running(db):
                for _ in range(6):
                    server.errors = {"n": random.choice(("denied", "not_found", None))}
                    server.cut_at = random.choice((None, (random.randint(2, 9), "after")))
                    await asyncio.sleep_ms(random.randint(1, 15))
                server.errors = {}
                server.cut_at = None
                await until(lambda: kept.committed == 40)
            equal(sorted(set([value for _, value in server.sets])), list(range(40)))
            equal(hub.given_up_count, 0)


async def test_a_value_at_which_the_hub_ends_every_connection_is_given_up_and_those_behind_it_go_on():
    async with ScriptedHub() as server:
        done = server._done

        def dies(client, frame):
            if frame.get("method") == "record.set" and frame["params"]["value"] == 2:
                raise EOFError
            return done(client, frame)

        server._done = dies
        db = AimDb()
        kept = Kept(range(6))
        hub = hasty(server, retry_ms=(1, 4))
        db.configure("n", kept).link_to(server.url + "/n")
        async with running(db):
            await until(lambda: kept.committed == 6)
        equal(sorted(set([value for _, value in server.sets])), [0, 1, 3, 4, 5])
        equal((hub.given_up_count, kept.metrics().dropped_count), (1, 1))


async def test_a_cancelled_produce_async_has_sent_nothing_or_leaves_its_answer_to_nobody():
    async with ScriptedHub() as server:
        record = AimxRecord(server.url + "/n", hub=hasty(server, in_flight=1, timeout_ms=2000))
        server.answers = False
        async with record.hub:
            await until(lambda: record.hub.connected)
            first, second = [asyncio.create_task(record.push_async(value)) for value in (1, 2)]
            await asyncio.sleep_ms(20)
            await cancelled(second)
            await cancelled(first)
            server.answers = True
            record.hub.connection.end(OSError(104))
            await until(lambda: record.hub.lost_count == 1 and record.hub.connected)
            await record.push_async(3)
        equal(server.sets, [("n", 3)])


async def test_every_run_ends_with_its_connection_and_the_next_one_begins_anew():
    async def die(consumer):
        await until(lambda: hub.connected)
        raise ZeroDivisionError

    async with ScriptedHub() as server:
        hub = hasty(server)
        for _ in range(3):
            db = AimDb()
            db.configure("n", BoundedQueue(2)).link_to(server.url + "/n").link_from(server.url + "/m").tap(die)
            await raises_async(ZeroDivisionError, db.run())
            assert not hub.connected and not hub.connection and not hub.in_use()
            await until(lambda: not server.clients)


def test_a_loop_that_is_left_takes_its_connection_along_and_loses_nothing():
    values = list(range(20))
    kept = Kept(values)
    came = []
    sets = []

    async def run(last):
        async with NotingHub() as server:
            server.cut_at = 6, "after"
            hub = hasty(server, retry_ms=(1, 3))
            db = AimDb()
            kept.key = None
            db.configure("n", kept).link_to(server.url + "/n")
            task = asyncio.create_task(db.run())
            if last:
                await until(lambda: kept.committed == 20)
                await cancelled(task)
                await until(lambda: not server.clients)
            else:
                await until(lambda: server.sets)
            assert hub.in_use() or last
        came.extend(server.came)
        sets.extend(server.sets)

    for number in range(4):
        asyncio.run(run(number == 3))
        asyncio.new_event_loop()
    in_order(came, sets, 20)


async def test_connections_calls_and_subscriptions_leave_the_heap_where_it_was():
    async with ScriptedHub() as server:
        hub = hasty(server)
        record = AimxRecord(server.url + "/n", hub=hub)
        sizes = []
        async with hub:
            reader = await record.subscribe_async()
            for _ in range(4):
                for _ in range(rounds() * 100):
                    await record.push_async(1)
                    await server.tell("n", 2)
                    await reader.recv(timeout_ms=2000)
                    record.push(3)
                    await until(lambda: not hub.window.flights)
                    server.sets.clear()  # As it has the heap that must not grow.
                server.kick()
                await until(lambda: hub.lost_count == len(sizes) + 1 and hub.connected and server.clients[0].seqs)
                server.subs.clear()
                server.hellos.clear()
                await settle()
                gc.collect()
                sizes.append(gc.mem_alloc())
        assert sizes[3] - sizes[1] < 2000, sizes


async def test_without_heap_a_value_is_refused_or_sent_and_the_link_goes_on():
    async with ScriptedHub() as server:
        hub = hasty(server, retry_ms=(1, 4), in_flight=100)
        record = AimxRecord(server.url + "/n", hub=hub)
        sent = []
        async with hub:
            await record.push_async(0)
            for blocks in range(rounds() * 30):
                await until(lambda: hub.connected and not hub.window.flights)
                try:
                    with Scarce(blocks):
                        record.try_push(blocks)
                    sent.append(blocks)
                except MemoryError:
                    pass
            await until(lambda: hub.connected and not hub.window.flights)
        got = [value for _, value in server.sets]
        equal([value for number, value in enumerate(got) if value not in got[:number]][1:], [v for v in sent if v])
        assert 0 < len(sent) < rounds() * 30, sent
