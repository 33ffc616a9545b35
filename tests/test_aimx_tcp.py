"""Peers of an `AimxServer` that come by TCP: places, tokens, TLS, runs that end in every way."""

import asyncio
import gc

from aimdb import AimDb, JsonCodec, SingleLatest, SpmcRing
from aimdb.waiting import current_loop
from aimdb_conformance.support import raises as raised
from aimx_client import Running, connect
from harness import equal, raises, skip, target
from micropython import RingIO

if target != "unix":
    skip("these tests need the loopback of a computer; tests/host has the board's")

from aimdb_aimx import AimxServer
from aimdb_flash import BlockStorage, FlashQueue
from flash_devices import Flash
from scripted_peer import free_port


def program(**options):
    """A database with a server, and its port."""
    port = free_port()
    db = AimDb()
    db.configure("setting", SingleLatest()).remote(write=True)
    db.configure("temp", SpmcRing(8)).remote()
    options.setdefault("anyone", "read")
    server = AimxServer(db, tcp=port, **options)
    return db, port, server


async def there(port, **options):
    """A client, once somebody listens."""
    while True:
        try:
            return connect(port, **options)
        except OSError:
            await asyncio.sleep_ms(10)


async def until(condition, milliseconds=5000):
    for _ in range(milliseconds // 10):
        if condition():
            return
        await asyncio.sleep_ms(10)
    raise AssertionError("it does not become true")


async def test_whoever_comes_reads_and_does_not_write():
    db, port, server = program()
    async with Running(db):
        client = await there(port)
        welcome = await client.hello()
        equal(welcome["permissions"], ["read"])
        equal(welcome["writable_records"], [])
        db.produce_any("setting", 5)
        equal(await client.get("setting"), 5)
        equal(await client.set("setting", 6), "denied")
        await client.send({"t": "write", "topic": "setting", "payload": 7})
        equal(await client.get("setting"), 5)
        equal(await client.ask("profiling.reset"), "denied")
        equal(await client.ask("buffer_metrics.reset"), "denied")
        client.close()


async def test_whoever_comes_may_write_when_it_was_said_so():
    db, port, server = program(anyone="write")
    async with Running(db):
        client = await there(port)
        equal((await client.hello())["writable_records"], ["setting"])
        equal((await client.set("setting", 6))["value"], 6)
        client.close()


async def test_a_second_hello_ends_nothing_that_the_peer_watches():
    db, port, server = program()
    async with Running(db):
        client = await there(port)
        await client.watch("setting")
        await client.hello()
        db.produce_any("setting", 5)
        equal(await client.event(), (1, 5))
        client.close()


async def test_with_a_token_nothing_is_answered_without_it():
    db, port, server = program(token="se\u00e9cret", anyone=None)
    async with Running(db):
        db.produce_any("setting", 5)
        for wrong in (
            {},
            {"auth_token": "x"},
            {"auth_token": "se\u00e9cre"},
            {"auth_token": 5},
            {"auth_token": "se\u00e9cret2"},
        ):
            client = await there(port)
            equal(await client.hello(**wrong), "denied")
            equal(await client.next(), None)
            client.close()
        client = await there(port)
        equal(await client.get("setting"), "denied")
        equal(await client.next(), None)
        client.close()
        client = await there(port)
        welcome = await client.hello(auth_token="se\u00e9cret")
        equal(welcome["authenticated"], True)
        equal(await client.get("setting"), 5)
        equal((await client.set("setting", 6))["value"], 6)
        client.close()
        equal(server.refused_count, 5)


async def test_who_shows_no_token_in_time_is_dropped():
    db, port, server = program(token="secret", anyone=None, timeout_ms=900)
    async with Running(db):
        client = await there(port)
        await client.send(b'{"t":"ping"}', {"t": "write", "topic": "setting", "payload": 1})
        equal(await client.next(), {"t": "pong"})
        equal(await client.next(4000), None)
        equal(server.ended_count, 1)
        equal(db.consumer("setting").buffer.peek(), None)
        client.close()


async def test_a_frame_that_is_too_long_ends_the_connection_and_no_other():
    db, port, server = program(max_frame=256)
    async with Running(db):
        one, other = await there(port), await there(port)
        await one.send(b'"' + b"x" * 300 + b'"')
        equal(await one.next(), None)
        equal(server.ended_count, 1)
        assert "302" in server.last_error and "256" in server.last_error, server.last_error
        await other.send(b'{"t":"ping"}')
        equal(await other.next(), {"t": "pong"})
        one.close()
        other.close()


async def test_more_peers_than_places_are_turned_away_and_a_silent_one_makes_room():
    db, port, server = program(connections=2, silence_ms=1000)
    async with Running(db):
        one, two = await there(port), await there(port)
        await one.hello()
        await two.hello()
        equal(server.peek(), 2)
        three = await there(port)
        equal(await three.next(), None)
        equal(server.turned_away_count, 1)
        three.close()
        await two.watch("temp")
        await until(lambda: server.peers and min(peer.quiet for peer in server.peers) > 1)
        four = await there(port)
        equal((await four.hello())["version"], "3.0")  # It has the place of `one`, which watches nothing.
        equal(await one.next(), None)
        db.produce_any("temp", 1)
        equal(await two.event(), (1, 1))
        for client in (one, two, four):
            client.close()
        await until(lambda: server.peek() == 0)


async def test_who_has_not_shown_the_token_makes_room_before_it_is_dropped():
    db, port, server = program(token="secret", anyone=None, connections=2)
    async with Running(db):
        idle = [await there(port), await there(port)]
        await until(lambda: len(server.peers) == 2 and min(peer.age for peer in server.peers) > 1)
        welcome = [await there(port), await there(port)]
        for client in welcome:
            equal((await client.hello(auth_token="secret"))["version"], "3.0")
        await until(lambda: min(peer.age for peer in server.peers) > 1)
        late = await there(port)
        equal(await late.next(), None)
        equal(server.turned_away_count, 1)
        for client in idle + welcome + [late]:
            client.close()


async def test_a_peer_that_vanishes_frees_its_place():
    db, port, server = program()
    async with Running(db):
        for _ in range(20):
            client = await there(port)
            await client.hello()
            await client.watch("#")
            client.close()
            db.produce_any("temp", 1)
        await until(lambda: server.peek() == 0)
        equal(server.peers, [])
        equal(server.ended_count, 0)


async def test_half_open_connections_hold_no_place():
    # A peer that lost its power says nothing any more, takes nothing, and its connection stays.
    db, port, server = program(connections=2, silence_ms=1)
    left = []
    async with Running(db):
        for _ in range(3):
            for _ in range(2):
                client = await there(port)
                equal((await client.hello())["version"], "3.0")
                await client.watch("temp")
                left.append(client)
            await until(lambda: len(server.peers) == 2 and min(peer.quiet for peer in server.peers) > 0)
        equal(server.turned_away_count, 0)
        equal(server.ended_count, 4)
        equal(server.peek(), 2)
    for client in left:
        client.close()


async def test_a_half_open_connection_that_is_sent_events_is_dropped_in_time():
    db, port, server = program(timeout_ms=1000)
    async with Running(db):
        client = await there(port)
        await client.hello()
        await client.watch("temp")
        text = "x" * 30000
        count = 0
        while server.peers and count < 3000:  # What the system keeps for the peer fills up first.
            db.produce_any("temp", text)
            count += 1
            await asyncio.sleep_ms(1)
        equal(server.peers, [])
        assert "took nothing for 1000 ms" in server.last_error, server.last_error
        other = await there(port)
        equal((await other.hello())["version"], "3.0")
        client.close()
        other.close()


async def test_with_the_run_the_connections_end_and_the_next_run_serves_at_the_same_port():
    db, port, server = program()
    for number in range(3):
        async with Running(db):
            client = await there(port)
            db.produce_any("setting", number)
            equal(await client.get("setting"), number)
            await client.watch("#")
            equal((await client.next())["t"], "snap")
        equal(await client.next(), None)
        client.close()
        equal(server.peers, [])


def test_after_a_loop_that_was_left_another_server_has_the_port():
    found = []
    port = free_port()
    for number in range(3):

        async def main():
            db, _, server = program()
            server.tcp = port
            asyncio.create_task(db.run())
            client = await there(port)
            while not await client.hello():  # It has met the server of the run before.
                client = await there(port)
            await client.watch("#")
            db.produce_any("setting", number)
            found.append((await client.event())[1])
            # The loop is left with all of this in it.

        asyncio.run(main())
        asyncio.new_event_loop()
        gc.collect()
    equal(found, [0, 1, 2])


def test_a_loop_that_is_where_one_was_that_was_left_has_its_port():
    db, port, _ = program()

    async def main():
        asyncio.create_task(db.run())
        client = await there(port)
        while not await client.hello():  # It has met the server of the run before.
            client = await there(port)
        client.close()
        return id(current_loop())

    place = asyncio.run(main())
    db = None
    for _ in range(100):
        asyncio.new_event_loop()
        gc.collect()
        if id(current_loop()) == place:
            break
    db, _, server = program()
    server.tcp = port
    asyncio.run(asyncio.wait_for(main(), 5))


def test_what_a_peer_has_drained_and_not_acknowledged_when_its_loop_is_left_is_for_a_peer_of_the_next_server():
    queue = FlashQueue(BlockStorage(Flash(4, 4096)), JsonCodec(), flush_ms=0)
    for value in range(5):
        queue.push(value)
    drained = []
    port = free_port()

    async def main():
        db = AimDb()
        queue.key = None
        db.configure("kept", queue).remote(write=True)
        AimxServer(db, tcp=port, anyone="write")
        asyncio.create_task(db.run())
        client = await there(port)
        while not await client.hello():  # It has met the server of the run before.
            client = await there(port)
        drained.append((await client.ask("record.drain", {"name": "kept", "limit": 2}))["values"])

    for _ in range(3):
        asyncio.run(main())
        asyncio.new_event_loop()
    equal(drained, [[0, 1]] * 3)


def test_a_server_at_another_port_closes_the_one_of_a_loop_that_was_left():
    db, port, server = program()

    async def main():
        asyncio.create_task(db.run())
        (await there(server.tcp)).close()

    asyncio.run(main())
    asyncio.new_event_loop()
    db, _, server = program()
    asyncio.run(main())
    raised(OSError, connect, port)
    asyncio.new_event_loop()


def test_after_a_loop_that_was_left_the_same_server_has_all_its_places():
    db, port, server = program(connections=2)
    found = []

    async def main():
        asyncio.create_task(db.run())
        client = await there(port)
        while not await client.hello():  # It has met the run before.
            client = await there(port)
        await client.watch("#")
        found.append(server.peek())

    for _ in range(4):
        asyncio.run(main())
        asyncio.new_event_loop()
        gc.collect()
    equal(found, [1, 1, 1, 1])


async def test_a_port_that_is_taken_ends_nothing_and_is_served_when_it_is_free():
    one, port, _ = program()
    other = AimDb()
    server = AimxServer(other, tcp=port, anyone="read")
    async with Running(other):
        async with Running(one):
            pass
        first = asyncio.create_task(one.run())
        await asyncio.sleep_ms(1200)
        assert server.last_error is None or "%d" % port in server.last_error
        first.cancel()
        try:
            await first
        except asyncio.CancelledError:
            pass
        client = await there(port)
        equal((await client.hello())["version"], "3.0")
        client.close()


async def test_peers_that_flood_starve_nobody():
    db, port, server = program()
    ticks = []

    async def tick():
        while True:
            ticks.append(1)
            await asyncio.sleep_ms(5)

    async with Running(db):
        task = asyncio.create_task(tick())
        client = await there(port)
        for _ in range(20):
            await client.send(*[b'{"t":"ping"}'] * 50)
            for _ in range(50):
                equal(await client.next(), {"t": "pong"})
        task.cancel()
        assert len(ticks) > 5, len(ticks)
        client.close()


class Deaf:
    """No stream for the loop, which cannot look whether something has come."""

    def readinto(self, view):
        pass

    write = readinto


def test_what_is_no_database_is_told_with_what_a_server_needs():
    for wrong in (None, 7433, AimDb().configure("k", SingleLatest())):
        with raises(TypeError) as caught:
            AimxServer(wrong, tcp=7433, anyone="read")
        assert "an AimxServer serves an AimDb, not " in str(caught.error), caught.error


def test_wrong_arguments_are_told_where_they_are_given():
    db = AimDb()
    for kind, word, arguments in (
        (ValueError, "tcp=", {}),
        (ValueError, "token", {"tcp": 7433}),
        (ValueError, "not both", {"tcp": 7433, "token": "x", "anyone": "read"}),
        (ValueError, "65535", {"tcp": 0, "anyone": "read"}),
        (TypeError, "tcp", {"tcp": "7433", "anyone": "read"}),
        (ValueError, "anyone", {"tcp": 7433, "anyone": "all"}),
        (ValueError, "empty", {"tcp": 7433, "token": ""}),
        (TypeError, "string", {"tcp": 7433, "token": 5}),
        (TypeError, "readinto", {"serial": 5}),
        (TypeError, "select.poll", {"serial": Deaf()}),
        (ValueError, "connections", {"tcp": 7433, "anyone": "read", "connections": 0}),
        (ValueError, "max_frame", {"tcp": 7433, "anyone": "read", "max_frame": 5}),
        (TypeError, "SSLContext", {"tcp": 7433, "anyone": "read", "tls": "x"}),
        (TypeError, "SSLContext", {"tcp": 7433, "anyone": "read", "tls": ()}),
        (TypeError, "SSLContext", {"tcp": 7433, "anyone": "read", "tls": b""}),
        (ValueError, "for tcp=", {"serial": RingIO(8), "tls": b""}),
        (ValueError, "DER", {"tcp": 7433, "anyone": "read", "tls": (b"x", b"y")}),
    ):
        with raises(kind) as caught:
            AimxServer(db, **arguments)
        assert word in str(caught.error), caught.error
    equal(db._records, {})
    for key in ('a"b', "a\\b", "a\nb", "a*", "#"):
        raised(ValueError, db.configure(key, SingleLatest()).remote)
    raised(TypeError, db.configure("k", SingleLatest()).remote, False, 5)
