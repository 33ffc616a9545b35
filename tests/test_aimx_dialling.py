"""Links to and from a hub, and records that live there: what is done when, what is raised, and what is counted."""

import asyncio
import socket

from aimdb import AimDb, BoundedQueue, BufferClosed, BufferFull, JsonCodec, SingleLatest, StructCodec
from aimdb.timing import timed
from aimdb_conformance.support import raises, raises_async, settle
from harness import equal, skip, target

if target != "unix":
    skip("the hub of these tests needs the loopback of a computer; tests/host has the board's")

from aimdb_aimx import AimxRecord, Hub, NotConnected, Refused, Unreachable
from aimdb_aimx.hub import hubs
from aimdb_flash import BlockStorage, FlashQueue
from aimdb_flash.storage import claimed
from flash_devices import Flash
from printing import printing
from scripted_hub import ScriptedHub, framed, hasty
from scripted_peer import Kept, running, until
from still_hub import StillHub


async def test_every_value_of_a_linked_record_is_set_in_order_and_committed_when_the_hub_has_replied():
    async with ScriptedHub() as server:
        db = AimDb()
        kept = Kept(range(30))
        hasty(server)
        db.configure("n", kept).link_to(server.url + "/plant.n")
        async with running(db):
            await until(lambda: kept.committed == 30)
        equal(server.sets, [("plant.n", value) for value in range(30)])
        equal(server.hellos, [{"client": "aimdb-micropython", "version": "3.0"}])


async def test_no_more_values_are_on_their_way_than_in_flight_says():
    async with ScriptedHub() as server:
        server.answers = False
        db = AimDb()
        kept = Kept(range(30))
        hub = hasty(server, in_flight=3, timeout_ms=400)
        db.configure("n", kept).link_to(server.url + "/n")
        async with running(db):
            await until(lambda: hub.connected)
            await asyncio.sleep_ms(100)
            equal((len(hub.window.flights), kept.committed), (3, 0))


async def test_produce_async_is_done_when_the_hub_has_replied_and_raises_what_it_refuses():
    async with ScriptedHub() as server:
        db = AimDb()
        record = AimxRecord(server.url + "/orders", hub=hasty(server))
        db.configure("orders", record)
        async with running(db):
            await db.producer("orders").produce_async({"n": 1})
            equal(server.sets, [("orders", {"n": 1})])
            server.errors["orders"] = "denied"
            error = await raises_async(Refused, record.push_async(2))
            assert "denied" in str(error) and "orders" in str(error), error
            server.answers = False
            await raises_async(asyncio.TimeoutError, db.producer("orders").produce_async(3, timeout_ms=50))
        equal(record.metrics().produced_count, 3)


async def test_an_event_is_a_value_for_who_reads_and_for_linked_records():
    async with ScriptedHub() as server:
        db = AimDb()
        record = AimxRecord(server.url + "/a", hub=hasty(server))
        latest = SingleLatest()
        db.configure("a", record)
        db.configure("b", latest).link_from(server.url + "/b")
        async with running(db):
            reader = await record.subscribe_async()
            await server.tell("a", [1, 2])
            equal(await reader.recv(timeout_ms=2000), [1, 2])
            await until(lambda: "b" in server.subs)
            await server.tell("b", None)
            await server.tell("b", {"level": 3})
            await until(lambda: latest.peek() == {"level": 3})
        equal(sorted(server.subs), ["a", "b"])


class Padded:
    def encode(self, value):
        return "%03d" % value

    def decode(self, data):
        return int(data)


async def test_what_no_frame_can_carry_is_named_and_those_behind_it_go_on():
    async with ScriptedHub() as server:
        db = AimDb()
        long, binary, padded = Kept(["a", "x" * 70000, str(b"\xc0\x80", "utf-8"), "b"]), Kept([1, 2]), Kept([7, 700])
        hub = hasty(server)
        db.configure("long", long).link_to(server.url + "/long")
        db.configure("binary", binary).link_to(server.url + "/binary", codec=StructCodec("<h"))
        db.configure("padded", padded).link_to(server.url + "/padded", codec=Padded())
        async with running(db):
            await until(lambda: long.committed == 4 and binary.committed == padded.committed == 2)
        equal(sorted(server.sets), [("long", "a"), ("long", "b"), ("padded", 700)])
        equal((hub.refused_count, hub.lost_count), (5, 0))


async def test_subscribe_async_returns_when_the_subscription_stands_and_raises_when_it_is_refused():
    async with ScriptedHub() as server:
        record = AimxRecord(server.url + "/a", hub=hasty(server))
        server.errors["a"] = "not_found"
        async with record.hub:
            await raises_async(Refused, record.subscribe_async())
        server.errors.clear()
        server.answers = False
        async with record.hub:
            task = asyncio.create_task(record.subscribe_async())
            await until(lambda: len(server.subs) >= 2)
            await asyncio.sleep_ms(20)
            assert not task.done()
            server.answers = True
            await server.send({"t": "pong"})
            await task
            await server.tell("a", 5)
            await until(lambda: record.peek() == 5)


async def test_a_subscription_that_is_refused_is_asked_for_again_until_it_stands():
    async with ScriptedHub() as server:
        db = AimDb()
        queue = BoundedQueue(9)
        hub = hasty(server)
        record = AimxRecord(server.url + "/a", hub=hub)
        db.configure("a", record)
        db.configure("b", queue).link_from(server.url + "/b")
        server.errors.update(a="internal", b="denied")
        async with running(db):
            await raises_async(Refused, record.subscribe_async())
            await until(lambda: len(server.subs) > 5)
            server.errors.clear()
            await until(lambda: server.clients[0].seqs and len(server.clients[0].seqs) == 2)
            await record.subscribe_async()
            await server.tell("b", 5)
            equal(await queue.subscribe().recv(timeout_ms=2000), 5)
        equal(hub.lost_count, 0)


async def test_no_two_subscriptions_have_one_id():
    # AimDB ends both, without a word.
    async with ScriptedHub() as server:
        hub = hasty(server)
        records = [AimxRecord("%s/%d" % (server.url, number), hub=hub) for number in range(3)]
        async with hub:
            for record in records:
                await record.subscribe_async()
                hub._asked -= 1  # As after 32,767 others.
            equal(sorted(server.clients[0].topics.values()), ["0", "1", "2"])


async def test_of_runs_that_share_a_connection_none_leaves_a_subscription():
    # AimDB refuses the 33rd.
    async with ScriptedHub() as server:
        hub = hasty(server)
        async with hub:
            for start in range(3):
                db = AimDb()
                latest = SingleLatest()
                db.configure("n", latest).link_from(server.url + "/n")
                async with running(db):
                    await until(lambda: len(server.subs) == start + 1)
                    await server.tell("n", start)
                    await until(lambda: latest.peek() == start)
            await until(lambda: len(server.unsubs) == 3, 2000)
            equal(server.clients[0].topics, {})
        equal(hub.lost_count, 0)


async def test_of_two_records_of_one_key_each_ends_its_own_subscription():
    async with ScriptedHub() as server:
        hub = hasty(server)
        first, second = [AimxRecord(server.url + "/n", hub=hub) for _ in range(2)]
        async with hub:
            await first.subscribe_async()
            reader = await second.subscribe_async()
            first.close()
            await until(lambda: server.unsubs == ["n"], 2000)
            await server.tell("n", 1)
            equal(await reader.recv(timeout_ms=2000), 1)


async def test_a_record_that_is_closed_is_subscribed_to_by_nobody_and_who_waits_for_that_goes_on():
    async with ScriptedHub() as server:
        hub = hasty(server)
        record = AimxRecord(server.url + "/n", hub=hub)
        server.answers = False
        async with hub:
            await until(lambda: hub.connected)
            waiting = asyncio.create_task(record.subscribe_async())
            await until(lambda: server.subs == ["n"])
            record.close()
            for reader in (await timed(waiting, 150), await timed(record.subscribe_async(), 150)):
                await raises_async(BufferClosed, reader.recv())
            await settle()
            equal((server.subs, hub.inboxes), (["n"], []))


async def test_a_refusal_behind_a_pong_that_nobody_asked_for_is_heard():
    async with ScriptedHub() as server:
        record = AimxRecord(server.url + "/a", hub=hasty(server, timeout_ms=2000))
        server.answers = False
        async with record.hub:
            task = asyncio.create_task(record.subscribe_async())
            await until(lambda: server.subs)
            await server.send({"t": "pong"})
            await task
            number = list(server.clients[0].topics)[0]
            await server.send({"t": "reply", "id": number, "err": "denied"})
            await asyncio.sleep_ms(20)
            await raises_async(Refused, record.subscribe_async())


def linked(server, **options):
    """A database with a queue that gets what the hub has of "n": (database, queue, hub)."""
    hub = hasty(server, **options)
    db = AimDb()
    queue = BoundedQueue(9)
    db.configure("n", queue).link_from(server.url + "/n")
    return db, queue, hub


async def test_values_that_the_hub_left_out_are_counted():
    async with ScriptedHub() as server:
        db, queue, hub = linked(server)
        async with running(db):
            await until(lambda: server.subs)
            await until(lambda: server.clients[0].seqs)
            with printing() as said:
                await server.tell("n", 1)
                await server.tell("n", 2, skip=3)
                await server.tell("n", 3, skip=1)
                await until(lambda: queue.held() == 3)
        assert "record 'n': a hole of 3 values" in said.text, said.text
        equal((hub.lagged_count, hub.hole_count, queue.metrics().dropped_count), (4, 2, 4))


async def test_a_record_with_no_room_makes_the_hub_wait_and_after_that_loses_what_comes_alone():
    async with ScriptedHub() as server:
        db = AimDb()
        full, other = BoundedQueue(1), BoundedQueue(50)
        hasty(server, timeout_ms=400)
        db.configure("full", full).link_from(server.url + "/full", capacity=2)
        db.configure("other", other).link_from(server.url + "/other")
        async with running(db):
            await until(lambda: len(server.clients[0].seqs) == 2)
            for value in range(5):
                await server.tell("full", value)
            await server.tell("other", 7)
            await until(lambda: other.held())
            # One is in the record, one in the link's hand, and one waits; or two do, as the link took one at once.
            held = 5 - full.metrics().dropped_count
            assert 2 <= held <= 3, held
            reader = full.subscribe()
            for value in range(held):
                equal(await reader.recv(timeout_ms=2000), value)
            await server.tell("full", 9)
            equal(await reader.recv(timeout_ms=2000), 9)


async def test_what_the_hub_refuses_for_good_is_named_and_passed_over_and_what_may_pass_is_kept():
    async with ScriptedHub() as server:
        db = AimDb()
        bad, locked, fine = Kept(range(6)), Kept(range(6)), Kept(range(6))
        server.errors = {"bad": lambda value: "internal" if value == 2 else None, "locked": "denied"}
        hub = hasty(server, in_flight=4)
        db.configure("bad", bad).link_to(server.url + "/bad")
        db.configure("locked", locked).link_to(server.url + "/locked")
        db.configure("fine", fine).link_to(server.url + "/fine")
        async with running(db):
            await until(lambda: bad.committed == 6 and fine.committed == 6)
            equal([value for key, value in server.sets if key == "bad"], [0, 1, 3, 4, 5])
            equal((bad.metrics().dropped_count, locked.committed), (1, 0))
            server.errors.clear()
            await until(lambda: locked.committed == 6)
            equal([value for key, value in server.sets if key == "locked"], [0, 1, 2, 3, 4, 5])
        equal(len(hub.window.flights), 0)
        assert hub.refused_count >= 4, hub.refused_count


async def test_that_a_record_was_denied_is_no_attempt_of_its_value():
    async with ScriptedHub() as server:
        words = ["denied", "denied", "not_found", "internal", "internal", None]
        server.errors["n"] = lambda value: words.pop(0)
        hub = hasty(server)
        db = AimDb()
        db.configure("n", Kept([7])).link_to(server.url + "/n")
        async with running(db):
            await until(lambda: not words)
            await until(lambda: server.sets == [("n", 7)])
        equal(hub.refused_count, 5)


async def test_a_link_that_is_refused_for_now_ends_and_goes_on_in_the_next_run():
    for record in (Kept([1, 2]), BoundedQueue(9)):
        async with ScriptedHub() as server:
            server.errors["n"] = "not_found"
            hub = hasty(server)
            db = AimDb()
            db.configure("n", record).link_to(server.url + "/n")
            if isinstance(record, BoundedQueue):
                record.push(1)
                record.push(2)
            for refusals in (3, 6):  # Also what an earlier run has left is refused for now, and kept.
                async with running(db):
                    await until(lambda: hub.refused_count >= refusals)
            async with running(db):
                await until(lambda: hub.refused_count >= 9)
                server.errors.clear()
                await until(lambda: [value for _, value in server.sets] == [1, 2])
                await until(lambda: not hub.window.flights)


async def test_a_run_that_ends_at_any_step_loses_nothing_that_is_refused_for_now():
    async with ScriptedHub() as server:
        server.errors["n"] = "denied"
        hub = hasty(server)
        queue = BoundedQueue(30)
        db = AimDb()
        db.configure("n", queue).link_to(server.url + "/n")
        for steps in range(24):
            async with running(db):
                while not hub.connected:
                    await asyncio.sleep_ms(0)
                queue.push(steps)
                for _ in range(steps):
                    await asyncio.sleep_ms(0)
        server.errors.clear()
        async with running(db):
            await until(lambda: len(set(value for _, value in server.sets)) == 24)
        equal(queue.metrics().dropped_count, 0)


async def test_values_that_cannot_be_used_end_nothing_in_both_directions():
    class Even(JsonCodec):
        def encode(self, value):
            if value % 2:
                raise ValueError("odd")
            return super().encode(value)

        def decode(self, data):
            value = super().decode(data)
            if value % 2:
                raise ValueError("odd")
            return value

    async with ScriptedHub() as server:
        db = AimDb()
        kept, queue = Kept(range(5)), BoundedQueue(9)
        hub = hasty(server)
        db.configure("out", kept).link_to(server.url + "/out", codec=Even())
        db.configure("in", queue).link_from(server.url + "/in", codec=Even())
        async with running(db):
            await until(lambda: kept.committed == 5 and server.clients[0].seqs)
            for value in range(4):
                await server.tell("in", value)
            await until(lambda: queue.held() == 2)
            equal([value for _, value in server.sets], [0, 2, 4])
            equal((hub.refused_count, queue.metrics().dropped_count), (4, 2))


async def test_frames_that_are_no_aimx_are_counted_and_the_others_go_on():
    async with ScriptedHub() as server:
        db, queue, hub = linked(server, max_frame=256, timeout_ms=2000)
        async with running(db):
            await until(lambda: server.clients and server.clients[0].seqs)
            number = list(server.clients[0].seqs)[0]
            for text in (
                b"",
                b"{",
                b"[]",
                b'"t"',
                b"null",
                b'{"t":7}',
                b'{"t":"event"}',
                b'{"t":"event","sub":7,"seq":"x","data":1}',
                b'{"t":"reply","id":"1","ok":1}',
                b'{"t":"reply","id":[],"ok":1}',
                b'{"t":"reply"}',
                b'{"t":"reply","id":5,"ok":1}',
                b'{"t":"pong"}',
                b'{"t":"event","sub":"99999","seq":1,"data":1}',
                b"\xff\xfe",
            ):
                await server.send(framed(text))
            await server.send(framed(b'{"t":"event","seq":1,"sub":"%d","data":"%s"}' % (number, b"x" * 5000)))
            await server.send({"t": "event", "seq": 2, "sub": str(number), "data": 8})
            await until(lambda: queue.held())
            equal(queue.peek(), 8)
            assert 8 <= hub.malformed_count <= 13, hub.malformed_count
            equal((hub.oversize_count, queue.metrics().dropped_count, hub.lost_count), (1, 1, 0))


async def test_a_number_of_a_hub_that_becomes_infinite_is_dropped():
    async with ScriptedHub() as server:
        db, queue, hub = linked(server)
        async with running(db):
            await until(lambda: server.clients and server.clients[0].seqs)
            number = list(server.clients[0].seqs)[0]
            await server.send(framed(b'{"t":"event","seq":1,"sub":"%d","data":[1e999]}' % number))
            await server.send({"t": "event", "seq": 2, "sub": str(number), "data": 8})
            await until(lambda: queue.held())
            equal((queue.peek(), hub.refused_count, queue.metrics().dropped_count), (8, 1, 1))


async def test_a_hub_that_is_not_there_refuses_or_speaks_something_else_is_named():
    async with ScriptedHub() as server:
        hub = hasty(server)
        record = AimxRecord(server.url + "/n", hub=hub)
        async with hub:
            server.welcome = "denied"
            error = await raises_async(Refused, record.push_async(1))
            assert "denied" in str(error), error
            server.welcome = {"version": "4.0"}
            await until(lambda: "AimX 3" in (hub.state.peek().last_error or ""))
            await server.stop()
            await until(lambda: "nobody listens" in (hub.state.peek().last_error or ""))
            await raises_async(Unreachable, record.push_async(1))
            raises(NotConnected, record.try_push, 1)
            record.push(1)
            equal(record.metrics().dropped_count, 1)
            server.welcome = {"version": "3.0"}
            await server.start()
            await until(lambda: hub.connected)
            await record.push_async(2)
        equal(server.sets, [("n", 2)])


async def test_a_connection_that_the_system_finds_broken_is_told_in_words_whatever_number_it_has():
    async with ScriptedHub() as server:
        hub = hasty(server)
        async with hub:
            for number in (104, 32):
                await until(lambda: hub.connected)
                hub.connection.end(OSError(number))
                await until(lambda: not hub.connected)
                assert "the peer broke the connection" in hub.state.peek().last_error, hub.state.peek()


async def test_errors_of_the_system_that_have_no_name_here_are_told_in_words():
    async with ScriptedHub() as server:
        hub = hasty(server)
        async with hub:
            for number, words in ((101, "there is no way to this address"), (97, "error 97 of the system")):
                await until(lambda: hub.connected)
                hub.connection.end(OSError(number))
                await until(lambda: not hub.connected)
                assert words in hub.state.peek().last_error, hub.state.peek()


async def test_a_hub_whose_welcome_is_longer_than_what_is_received_is_understood():
    async with ScriptedHub() as server:
        server.welcome["writable_records"] = ["plant.hall.number%d" % number for number in range(200)]
        hub = hasty(server, max_frame=256)
        async with hub:
            await AimxRecord(server.url + "/n", hub=hub).push_async(1)
        equal((server.sets, hub.lost_count, hub.oversize_count), ([("n", 1)], 0, 0))


async def test_a_full_hub_is_survived():
    async with ScriptedHub() as server:
        server.cut_at = None
        full = server._serve

        async def no_place(reader, writer):
            writer.s.close()

        await server.stop()
        server._serve = no_place
        while not server.server:
            await server.start()
        db = AimDb()
        kept = Kept([1])
        hub = hasty(server)
        db.configure("n", kept).link_to(server.url + "/n")
        async with running(db):
            await until(lambda: hub.state.peek().attempts > 2)
            assert "16" in hub.state.peek().last_error, hub.state.peek()
            await server.stop()
            server._serve = full
            while not server.server:
                await server.start()
            await until(lambda: kept.committed == 1)


async def test_a_silent_hub_is_found_dead_and_its_values_are_sent_again():
    async with ScriptedHub() as server:
        db = AimDb()
        kept = Kept([1])
        hub = hasty(server, keepalive_s=1)
        db.configure("n", kept).link_to(server.url + "/n")
        async with running(db):
            await until(lambda: server.pings >= 2)
            equal(hub.lost_count, 0)
            server.answers = False
            kept.push(2)
            await until(lambda: hub.lost_count == 1)
            server.answers = True
            await until(lambda: kept.committed == 2)


async def test_a_token_is_shown_and_never_said():
    async with ScriptedHub() as server:
        url = "aimx://secret%2F1@127.0.0.1:" + str(server.port)
        hub = Hub(url, retry_ms=(5, 40))
        async with hub:
            await until(lambda: hub.connected)
        equal(server.hellos[0]["auth_token"], "secret/1")
        assert "secret" not in hub.name
        raises(ValueError, AimxRecord, "aimx://other@127.0.0.1:%d/n" % server.port)


async def test_produce_sends_what_there_is_room_for_and_try_produce_says_when_there_is_none():
    async with ScriptedHub() as server:
        server.answers = False
        record = AimxRecord(server.url + "/n", hub=hasty(server, in_flight=2, timeout_ms=2000))
        async with record.hub:
            await until(lambda: record.hub.connected)
            for value in range(3):
                record.push(value)
            equal(record.metrics().dropped_count, 1)
            raises(BufferFull, record.try_push, 3)
            record.close()
            raises(BufferClosed, record.try_push, 4)
            await raises_async(BufferClosed, record.push_async(4))


async def test_a_link_for_newest_values_sends_one_at_a_time_and_gives_up_what_is_stale():
    async with ScriptedHub() as server:
        db = AimDb()
        kept = Kept(range(9))
        hub = hasty(server)
        db.configure("n", kept).link_to(server.url + "/n", newest=True)
        async with running(db):
            await until(lambda: kept.committed == 9)
            equal((server.sets, hub.stale_count), ([("n", 8)], 8))
            server.errors["n"] = "denied"
            kept.push(9)
            await until(lambda: hub.stale_count == 9)
            server.errors.clear()
            kept.push(10)
            await until(lambda: server.sets[-1] == ("n", 10))
        equal(hub.refused_count, 1)


async def test_the_state_of_the_connection_is_a_record():
    async with ScriptedHub() as server:
        hub = hasty(server)
        db = AimDb()
        seen = []

        async def watch(consumer):
            async for state in consumer.subscribe():
                seen.append((state.connected, state.last_error))

        db.configure("hub", hub.state).tap(watch)
        db.configure("n", BoundedQueue(1)).link_to(server.url + "/n")
        async with running(db):
            await until(lambda: hub.connected)
            server.kick()
            await until(lambda: len(seen) >= 4 and seen[-1][0])
        equal([connected for connected, _ in seen][:4], [False, True, False, True])
        assert "closed" in seen[2][1], seen


async def test_values_that_are_longer_than_what_is_received_are_acknowledged_all_the_same():
    async with ScriptedHub() as server:
        db = AimDb()
        kept = Kept(["x" * 3000, "y", "z" * 300])
        hub = hasty(server, max_frame=256)
        db.configure("n", kept).link_to(server.url + "/n")
        async with running(db):
            await until(lambda: kept.committed == 3)
        equal((hub.oversize_count, hub.lost_count, hub.malformed_count), (0, 0, 0))
        equal([len(value) for _, value in server.sets], [3000, 1, 300])


async def test_the_first_connection_comes_from_the_same_port_after_each_start_and_others_from_any():
    async with ScriptedHub() as server:
        ports = []
        for _ in range(2):
            hubs.clear()
            hub = hasty(server)
            async with hub:
                for number in range(2):
                    await until(lambda: hub.connected and hub.lost_count == number)
                    ports.append(server.clients[-1].port)
                    server.kick()
                    await until(lambda: hub.lost_count == number + 1)
        first = 49152 + server.port % 16384
        equal(ports[0], first)
        hubs.clear()
        other = socket.socket()
        other.bind(socket.getaddrinfo("0.0.0.0", first)[0][-1])
        other.listen(1)
        async with hasty(server) as hub:
            await until(lambda: hub.connected)
            equal((hub.state.peek().attempts, server.clients[-1].port != first), (0, True))
        other.close()
        assert ports[1] != first and ports[3] != first, ports


async def test_what_is_refused_for_now_by_a_hub_that_is_made_anew_takes_the_place_of_no_other_value():
    def program():
        hub = hasty(server, retry_ms=(300, 300))
        db = AimDb()
        db.configure("locked", locked).link_to(server.url + "/locked")
        db.configure("other", other).link_to(server.url + "/other")
        return hub, db

    locked, other = BoundedQueue(9), BoundedQueue(9)
    locked.push(1)
    async with ScriptedHub() as server:
        server.errors["locked"] = "denied"
        hub, db = program()
        async with running(db):
            await until(lambda: hub.refused_count)
        hub, db = program()
        async with running(db):
            await until(lambda: hub.refused_count)
            server.answers = False
            other.push(2)
            await until(lambda: hub.window.flights)
        server.answers = True
        server.errors.clear()
        hub, db = program()
        async with running(db):
            await until(lambda: sorted(server.sets) == [("locked", 1), ("other", 2)])


async def test_what_is_refused_for_now_when_a_link_ends_is_sent_by_the_next_one_though_the_hub_stayed_connected():
    async with ScriptedHub() as server:
        queue = BoundedQueue(9)
        for value in range(3):
            queue.push(value)
        server.errors["n"] = "not_found"
        async with hasty(server, in_flight=3) as hub:
            for condition in (lambda: hub.refused_count >= 3, lambda: len(server.sets) == 4):
                db = AimDb()
                db.configure("n", queue).link_to(server.url + "/n")
                async with running(db):
                    await until(condition)
                server.errors.clear()
                queue.push(3)
            equal(([value for _, value in server.sets], hub.lost_count), ([0, 1, 2, 3], 0))


async def test_what_an_earlier_run_has_sent_commits_nothing_that_the_next_one_has_sent():
    async with ScriptedHub() as server:
        kept = Kept(range(4))
        server.answers = False
        async with hasty(server, in_flight=2, timeout_ms=5000) as hub:

            def program():
                db = AimDb()
                db.configure("n", kept).link_to(server.url + "/n")
                return running(db)

            async def answer():
                await until(lambda: len(hub.window.flights) == 2)
                for number in list(hub.window.flights):
                    await server.send({"t": "reply", "id": number, "ok": {}})
                await settle()

            async with program():
                await until(lambda: len(hub.window.flights) == 2)
            async with program():
                await answer()  # To what the first one has sent,
                await answer()  # and to the same values, which the second one had to send again.
                await until(lambda: len(hub.window.flights) == 2)
                equal(kept.committed, 2)


async def test_what_is_refused_for_now_after_its_link_has_ended_is_sent_once_more():
    for linked in (True, False):
        async with ScriptedHub() as server:
            queue = BoundedQueue(9)
            queue.push(7)
            server.answers = False
            async with hasty(server, timeout_ms=2000) as hub:

                def program():
                    db = AimDb()
                    db.configure("n", queue).link_to(server.url + "/n")
                    return running(db)

                async with program():
                    await until(lambda: hub.window.flights)
                await server.send({"t": "reply", "id": list(hub.window.flights)[0], "err": "not_found"})
                await settle()
                server.answers = True
                if linked:
                    async with program():
                        await until(lambda: server.sets == [("n", 7)])
                else:
                    server.errors["n"] = "not_found"
                    server.kick()
                    await until(lambda: hub.refused_count == 1)
                equal((len(hub.window.flights), hub.lost_count), (0, not linked))


def test_what_is_refused_for_now_when_its_loop_is_left_goes_on_by_the_link_of_the_next_database():
    queue = BoundedQueue(9)
    queue.push(1)
    queue.push(2)

    async def run(server, condition):
        asyncio.create_task(server.tend())
        db = AimDb()
        db.configure("n", queue).link_to(server.url + "/n")
        asyncio.create_task(db.run())
        await until(condition)

    with StillHub() as server:
        server.errors["n"] = "not_found"
        hub = hasty(server)
        asyncio.run(run(server, lambda: hub.refused_count >= 3))
        asyncio.new_event_loop()
        server.errors.clear()
        asyncio.run(run(server, lambda: [value for _, value in server.sets] == [1, 2]))
        asyncio.new_event_loop()


def test_values_of_a_flash_queue_that_were_on_their_way_when_their_loop_was_left_are_sent_by_the_next_database():
    for newest in (False, True):
        claimed.clear()
        queue = FlashQueue(BlockStorage(Flash(4, 4096)), JsonCodec(), flush_ms=0)

        async def run(server, condition):
            asyncio.create_task(server.tend())
            db = AimDb()
            db.configure("n", queue).link_to(server.url + "/n", newest=newest)
            asyncio.create_task(db.run())
            await until(condition)

        with StillHub() as server:
            hub = hasty(server, in_flight=3)
            for value in range(5):
                queue.push(value)
            server.answers = False
            for _ in range(2):
                asyncio.run(run(server, lambda: hub.window.flights))
                asyncio.new_event_loop()
            server.look()  # The hub reads all that was sent before it answers again.
            server.answers = True
            asyncio.run(run(server, lambda: not queue.held()))
            equal([value for _, value in server.sets], [4] if newest else [0, 1, 2, 3, 4])
            asyncio.new_event_loop()


def test_a_loop_that_is_left_at_any_step_of_connecting_leaves_no_socket():
    async def run(server, steps):
        asyncio.create_task(server.tend())
        hub.open()
        for _ in range(steps):
            await asyncio.sleep_ms(0)

    async def go_on(server):
        asyncio.create_task(server.tend())
        async with hub:
            await until(lambda: hub.connected)
        await until(lambda: not server.clients, 1000)

    with StillHub() as server:
        hub = hasty(server)
        for steps in range(12):
            asyncio.run(run(server, steps))
            asyncio.new_event_loop()
        asyncio.run(go_on(server))
        asyncio.new_event_loop()


def test_a_run_ends_the_connection_to_another_hub_that_was_left_with_its_loop():
    async def run(server):
        asyncio.create_task(server.tend())
        db = AimDb()
        db.configure("n", SingleLatest()).link_to(server.url + "/n")
        asyncio.create_task(db.run())
        await until(lambda: hubs[-1].connected)

    with StillHub() as first, StillHub() as second:
        asyncio.run(run(first))
        asyncio.new_event_loop()
        asyncio.run(run(second))
        for _ in range(3):
            first.look()
        equal(first.clients, [])
        asyncio.new_event_loop()
