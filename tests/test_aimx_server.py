"""What a peer at the end of a serial line is answered: AimX 3.0, as AimDB has it."""

import asyncio
import gc

from aimdb import AimDb, BoundedQueue, Buffer, BufferLagged, Mailbox, Reader, SingleLatest, SpmcRing
from aimdb_aimx import AimxServer
from aimx_client import Client, End, Running, cable
from harness import equal, only, raises, target
from hungry_codec import HungryCodec, hungry_queue

STEP = 1 if target == "unix" else 9  # Of tests that try each length; the emulated chip is slow.
both_ends = only("unix", reason="the server's long list and the peer that reads it do not fit into one board's heap")


def program(**options):
    """A database with a record of each kind, and a client of its server."""
    near, far = cable()
    db = AimDb()
    db.configure("setting", SingleLatest()).remote(write=True)
    db.configure("boxed", SingleLatest()).remote(write=True)
    db.configure("fixed", SingleLatest()).remote()
    db.configure("private", SingleLatest())
    db.configure("cmd", Mailbox()).remote(write=True)
    db.configure("queue", BoundedQueue(2)).remote()
    db.configure("sensors.temp", SpmcRing(4)).remote()
    db.configure("sensors.hum", SingleLatest()).remote()
    AimxServer(db, serial=far, **options)
    return db, Client(near)


async def test_hello_is_answered_with_what_a_peer_may_do():
    db, client = program()
    async with Running(db):
        welcome = await client.hello()
        equal(sorted(welcome.pop("writable_records")), ["boxed", "cmd", "setting"])
        equal(
            welcome,
            {
                "authenticated": False,
                "max_subscriptions": 16,
                "permissions": ["read", "write"],
                "server": "aimdb",
                "version": "3.0",
            },
        )


async def test_other_versions_are_refused_and_the_session_goes_on():
    db, client = program()
    async with Running(db):
        for version in ("3", "3.0", "3.7"):
            equal((await client.hello(version=version))["version"], "3.0")
        for version in ("2.0", "1.0", "", ".0", "garbage", 3.0, None, "30"):
            equal(await client.hello(version=version), "version_mismatch")
        equal(await client.ask("hello"), "version_mismatch")
        db.produce_any("setting", 5)
        equal(await client.get("setting"), 5)


async def test_a_ping_is_answered_by_a_pong():
    db, client = program()
    async with Running(db):
        await client.send(b'{"t":"ping"}')
        equal(await client.next(), {"t": "pong"})


async def test_get_gives_the_value_or_not_found():
    db, client = program()
    async with Running(db):
        db.produce_any("setting", {"level": 5, "text": 'a"b\\\u00e9'})
        equal(await client.get("setting"), {"level": 5, "text": 'a"b\\\u00e9'})
        for name in ("fixed", "private", "nosuch", "", 5, None, ["setting"]):
            equal(await client.get(name), "not_found")
        equal(await client.ask("record.get"), "not_found")
        equal(await client.ask("record.get", [1]), "not_found")
        equal(await client.ask("no.such"), "not_found")
        equal(await client.ask("record.query", {"name": "#"}), "not_found")
        equal(await client.ask(5), "not_found")


async def test_a_value_that_json_has_not_is_not_found_and_ends_nothing():
    db, client = program()
    async with Running(db):
        for value in (float("nan"), float("inf"), object(), b"bytes", {1: 2}):
            db.produce_any("fixed", value)
            equal(await client.get("fixed"), "not_found")
        db.produce_any("fixed", 1)
        equal(await client.get("fixed"), 1)


async def test_set_writes_what_the_program_allows_and_nothing_else():
    db, client = program()
    async with Running(db):
        equal(await client.set("setting", {"level": 3}), {"status": "success", "value": {"level": 3}})
        equal(db.consumer("setting").buffer.peek(), {"level": 3})
        for name in ("fixed", "private", "nosuch", "sensors.temp", "queue", "aimx"):
            equal(await client.set(name, 1), "denied")
        equal(await client.ask("record.set", {"value": 1}), "internal")
        equal(await client.ask("record.set", {"name": "setting"}), "internal")
        equal(await client.set("setting", None), "internal")
        await client.send(b'{"t":"req","id":77,"method":"record.set","params":{"name":"setting","value":1e999}}')
        equal(await client.reply(77), "internal")
        equal(db.consumer("setting").buffer.peek(), {"level": 3})


async def test_a_record_with_a_writer_of_its_own_is_not_written():
    async def source(producer):
        producer.produce(1)
        await asyncio.sleep_ms(500)

    db, client = program()
    db.configure("counter", SingleLatest()).source(source).remote(write=True)
    async with Running(db):
        assert "counter" not in (await client.hello())["writable_records"]
        equal(await client.set("counter", 99), "denied")
        await client.send({"t": "write", "topic": "counter", "payload": {"value": 99}})
        equal(await client.get("counter"), 1)


async def test_a_record_that_is_only_read_is_written():
    async def tap(consumer):
        async for _ in consumer.subscribe():
            pass

    db, client = program()
    db.configure("setting").tap(tap)
    async with Running(db):
        welcome = await client.hello()
        assert "setting" in welcome["writable_records"], welcome


async def test_write_is_unwrapped_only_when_value_is_the_only_key():
    db, client = program()
    async with Running(db):
        for payload, value in (
            ({"value": {"level": 70}}, {"level": 70}),
            ({"level": 71}, {"level": 71}),
            ({"value": 72, "unit": "Z"}, {"value": 72, "unit": "Z"}),
            ({"value": {"value": 73, "unit": "Z"}}, {"value": 73, "unit": "Z"}),
            (74, 74),
        ):
            await client.send({"t": "write", "topic": "boxed", "payload": payload})
            equal(await client.get("boxed"), value)
        for topic in ("fixed", "private", "nosuch", 5, None):
            await client.send({"t": "write", "topic": topic, "payload": {"value": 1}})
        await client.send(b'{"t":"write","topic":"boxed"}', b'{"t":"write"}')
        equal(await client.get("boxed"), 74)
        equal(await client.get("fixed"), "not_found")


class Picky(SingleLatest):
    def try_push(self, value):
        if value > 10:
            raise ValueError("at most 10")
        super().try_push(value)


async def test_what_a_record_refuses_is_internal_and_the_next_is_taken():
    db, client = program()
    db.configure("picky", Picky()).remote(write=True)
    async with Running(db):
        equal(await client.set("picky", 11), "internal")
        equal(await client.set("picky", "text"), "internal")
        equal(await client.set("picky", 9), {"status": "success", "value": 9})


async def test_last_error_tells_of_the_value_that_was_refused_last():
    db, client = program()
    db.configure("picky", Picky()).remote(write=True)
    async with Running(db):
        for value in (301, 302, 303):
            equal(await client.set("picky", value), "internal")
            assert str(value) in db.consumer("aimx").buffer.last_error, value


async def test_a_codec_stands_between_values_and_json():
    class Scaled:
        def encode(self, value):
            return str(value * 100)

        def decode(self, data):
            if int(data) < 0:
                raise ValueError("negative")
            return int(data) / 100

    db, client = program()
    db.configure("scaled", SingleLatest()).remote(write=True, codec=Scaled())
    async with Running(db):
        db.produce_any("scaled", 2)
        equal(await client.get("scaled"), 200)
        equal(await client.set("scaled", 150), {"status": "success", "value": 150})
        equal(db.consumer("scaled").buffer.peek(), 1.5)
        equal(await client.set("scaled", -1), "internal")


async def test_what_a_codec_raises_or_gives_that_is_no_json_is_not_found_and_ends_no_subscription():
    class Celsius:
        def encode(self, value):
            return value.celsius if value else value

        def decode(self, data):
            raise KeyError(data)

    class Reading:
        def __init__(self, celsius):
            self.celsius = celsius

    db, client = program()
    db.configure("coded", SpmcRing(16)).remote(write=True, codec=Celsius())
    async with Running(db):
        await client.watch("coded")
        await asyncio.sleep_ms(20)
        for text in (b"\x00\xac", b"NaN", b"", b"1 2", b"007", b"[1,]", 3):
            db.produce_any("coded", Reading(text))
            equal(await client.get("coded"), "not_found")
        for value in (5, []):
            db.produce_any("coded", value)
            equal(await client.get("coded"), "not_found")
        db.produce_any("coded", Reading("7"))
        equal(await client.get("coded"), 7)
        equal(await client.event(), (10, 7))
        equal(await client.set("coded", 4), "internal")


async def test_a_value_that_was_taken_is_a_success_though_it_cannot_be_shown():
    class Shy(SingleLatest):
        error = RuntimeError

        def peek(self):
            raise self.error("peek")

    db, client = program()
    shy = Shy()
    db.configure("shy", shy).remote(write=True)
    async with Running(db):
        for shy.error in (RuntimeError, OSError, MemoryError):
            equal(await client.set("shy", 1), {"status": "success"})


async def test_a_full_queue_holds_the_reply_back_until_the_value_is_in_it():
    db, client = program(timeout_ms=300)
    db.configure("work", BoundedQueue(1)).remote(write=True)
    reader = db.consumer("work").subscribe()
    async with Running(db):
        equal(await client.set("work", 1), {"status": "success", "value": 1})
        equal(await client.set("work", 2), "internal")  # Nobody made room in time.
        task = asyncio.create_task(client.set("work", 3))
        await asyncio.sleep_ms(50)
        equal(reader.try_recv(), 1)
        equal((await task)["status"], "success")
        equal(reader.try_recv(), 3)


async def test_a_request_that_is_too_long_is_refused_and_the_session_goes_on():
    db, client = program()
    server = db.consumer("aimx").buffer
    async with Running(db):
        for length in (1000, 1100, 5000):
            text = '{"t":"req","id":%d,"method":"record.set","params":{"name":"setting","value":"%s"}}'
            client.stream.room = client.stream.other.room = 9000
            await client.send((text % (length, "x" * length)).encode())
            equal(await client.reply(length), "internal")
        await client.send(b'{"t":"write","topic":"setting","payload":{"t":"req","id":7,"x":"%s"}}' % (b"x" * 2000))
        equal(await client.set("setting", 5), {"status": "success", "value": 5})
    equal((server.malformed_count, server.refused_count), (4, 3))


async def test_get_of_a_ring_is_the_newest_since_the_last_read():
    db, client = program()
    async with Running(db):
        db.produce_any("sensors.temp", 1)
        equal(await client.get("sensors.temp"), "not_found")
        for value in range(2, 12):
            db.produce_any("sensors.temp", value)
        equal(await client.get("sensors.temp"), 11)
        equal(await client.get("sensors.temp"), "not_found")


async def test_a_buffer_that_only_lags_gives_a_drain_nothing_and_holds_up_nobody():
    class Lagging(Reader):
        def try_recv(self):
            raise BufferLagged(1, self.buffer)

    class Lags(Buffer):
        def push(self, value):
            pass

        def subscribe(self):
            return Lagging(self)

    db, client = program()
    db.configure("lags", Lags()).remote(write=True)
    async with Running(db):
        await client.hello()
        for _ in range(2):  # The first opens the cursor.
            equal((await client.ask("record.drain", {"name": "lags"}))["values"], [])


async def test_drain_gives_the_oldest_first_and_skips_what_was_overwritten():
    db, client = program()
    async with Running(db):

        async def drain(name, **more):
            params = {"name": name}
            params.update(more)
            answer = await client.ask("record.drain", params)
            if isinstance(answer, str):
                return answer
            equal(answer["record_name"], name)
            equal(answer["count"], len(answer["values"]))
            return answer["values"]

        db.produce_any("sensors.temp", 0)
        equal(await drain("sensors.temp"), [])
        for value in range(9):
            db.produce_any("sensors.temp", value)
        equal(await drain("sensors.temp", limit=1), [5])
        equal(await drain("sensors.temp", limit=0), [])
        equal(await drain("sensors.temp"), [6, 7, 8])
        db.produce_any("setting", {"level": 71})
        equal(await drain("setting"), [{"level": 71}])
        equal(await drain("setting"), [])
        await client.set("cmd", {"op": "a"})
        equal(await client.get("cmd"), {"op": "a"})
        equal(await drain("cmd"), [{"op": "a"}])
        equal(await client.get("cmd"), "not_found")
        equal(await drain("queue"), "denied")  # It would take from the program's own readers.
        for name in ("nosuch", "private"):
            equal(await drain(name), "not_found")
        equal(await client.ask("record.drain", {}), "internal")
        for limit in (-1, 1.5, "x", True):
            equal(await drain("setting", limit=limit), "internal")


async def test_a_drain_may_ask_for_any_number_of_values():
    db, client = program()
    async with Running(db):
        for limit in (2**29, 2**32 - 1, 2**64):
            db.produce_any("setting", limit)
            equal(await client.ask("record.drain", {"name": "setting", "limit": limit}), drained("setting", limit))


def drained(name, *values):
    return {"record_name": name, "count": len(values), "values": list(values)}


@only("unix", reason="a flash in RAM takes more memory than a board has beside it")
async def test_what_a_drain_lacks_memory_for_is_not_committed():
    db, client = program()
    queue = hungry_queue(db, "flash")
    async with Running(db):
        for value in range(1, 5):
            await queue.push_async(value)
        equal(await client.ask("record.drain", {"name": "flash"}), "internal")
        equal(await client.ask("record.drain", {"name": "flash"}), drained("flash", 1, 2, 3, 4))


async def test_a_drain_that_lacks_memory_answers_what_it_has_taken():
    db, client = program()
    server = db.consumer("aimx").buffer
    queue = BoundedQueue(4)
    db.configure("taken", queue).remote(write=True, codec=HungryCodec())
    async with Running(db):
        for value in range(1, 5):
            queue.push(value)
        equal(await client.ask("record.drain", {"name": "taken"}), drained("taken", 1, 2))
        equal(await client.ask("record.drain", {"name": "taken"}), drained("taken", 4))
    equal((server.refused_count, "'taken'" in server.last_error), (1, True))


async def test_get_of_a_ring_loses_no_value_that_counts():
    db, client = program()
    buffer = db.consumer("sensors.temp").buffer
    async with Running(db):
        for value in range(10):
            db.produce_any("sensors.temp", value)
            if value in (0, 9):
                await client.get("sensors.temp")
    equal(buffer.metrics()[1:3], (1, 0))


async def test_none_in_a_ring_hides_no_value_behind_it():
    db, client = program()
    async with Running(db):
        equal(await client.get("sensors.temp"), "not_found")
        for value in (1, None, 2):
            db.produce_any("sensors.temp", value)
        equal(await client.get("sensors.temp"), 2)
        for value in (3, None, 4):
            db.produce_any("sensors.temp", value)
        equal((await client.ask("record.drain", {"name": "sensors.temp"}))["values"], [3, None, 4])
        for value in (5, None):
            db.produce_any("sensors.temp", value)
        equal(await client.get("sensors.temp"), "not_found")


async def test_ids_are_unsigned_and_have_64_bits():
    db, client = program()
    async with Running(db):
        db.produce_any("setting", 5)
        for id in (0, 1, 2**32, 2**64 - 1):
            await client.send({"t": "req", "id": id, "method": "record.get", "params": {"name": "setting"}})
            equal(await client.next(), {"t": "reply", "id": id, "ok": 5})
        for id in ("24", 25.5, -1, 2**64, None, True):
            await client.send({"t": "req", "id": id, "method": "record.get", "params": {"name": "setting"}})
        await client.nothing()


async def test_frames_that_are_no_aimx_are_dropped_and_counted():
    db, client = program()
    server = db.consumer("aimx").buffer
    async with Running(db):
        rubbish = (
            b"not json",
            b"[1,2,3]",
            b"5",
            b'{"t":"zzz","id":30}',
            b"",
            b'{"t":"pi\xffng"}',
            b'{"id":1}',
            b"null",
        )
        await client.send(*rubbish)
        await client.nothing()
        equal(server.malformed_count, len(rubbish))
        await client.send(b'{"t":"ping"}\n')
        equal(await client.next(), {"t": "pong"})


def numbered(count, room=20000, size=8192):
    """A database with so many records, and a client of its server."""
    near, far = cable(room)
    db = AimDb()
    for number in range(count):
        db.configure("rec.%02d" % number, SpmcRing(8)).remote(write=number == 3)
    AimxServer(db, serial=far)
    return db, Client(near, size=size)


async def test_text_that_is_no_utf8_comes_from_no_peer_and_goes_to_none():
    db, client = program()
    server = db.consumer("aimx").buffer
    async with Running(db):
        for number, data in enumerate((b"\xc0\x80", b"\xf4\x90\x80\x80", b"\xed\xa0\x80")):
            await client.send(
                b'{"t":"req","id":9,"method":"record.set","params":{"name":"setting","value":"%s"}}' % data
            )
            equal(await client.get("setting"), "not_found")
            equal(server.malformed_count, number + 1)
            db.produce_any("fixed", str(data, "utf-8"))
            equal(await client.get("fixed"), "not_found")
        db.produce_any("fixed", "21 \u00b0C")
        equal(await client.get("fixed"), "21 \u00b0C")


HELLO = b'{"t":"req","id":1,"method":"hello","params":{"client":"aimdb-client","version":"3.0"}}'


async def greeted_behind(*noises, quiet=0):
    """Check that AimDB's client is welcomed on a line on which each of these came `quiet` seconds before."""
    near, far = cable(4000)
    db = AimDb()
    server = AimxServer(db, serial=far)
    client = Client(near)
    async with Running(db):
        await asyncio.sleep_ms(5)
        for noise in noises:
            near.write(noise)
            while far.data:
                await asyncio.sleep_ms(0)
            server.peers[0].quiet = quiet
            client.line._begun = False  # It sends no zero before its first frame.
            await client.send(HELLO)
            assert await client.reply(1), noise
    equal(server.malformed_count, len(noises))


async def test_noise_that_was_on_the_line_long_before_costs_no_frame():
    await greeted_behind(b"\xff\xfe?", b"\x20{}", bytes([7]) * 1500, quiet=3)


async def test_noise_right_before_a_frame_costs_none():
    await greeted_behind(b"\xff\xfe?", b"\x20{}", b"{", b"text\r\n", bytes([7]) * 1500)


async def test_any_part_of_a_frame_right_before_another_one_costs_none():
    for size in (1, 80, 300):
        text = b'{"t":"sub","id":2,"topic":"%s"}' % (b"x" * size)
        frame = b""
        for at in range(0, len(text), 254):
            block = text[at : at + 254]
            frame += bytes((len(block) + 1,)) + block
        await greeted_behind(*[frame[:count] for count in range(1, len(frame) + 1, STEP)])


async def test_a_value_that_looks_like_a_frame_does_not_hide_its_own():
    db, client = program()
    async with Running(db):
        for size in range(0, 120, STEP):
            value = {"t": "x" * size}
            equal((await client.set("setting", value))["value"], value)


async def test_a_request_of_which_a_part_came_before_a_long_answer_is_answered():
    near, far = cable()
    db = AimDb()
    db.configure("queue", BoundedQueue(1)).remote(write=True)
    server = AimxServer(db, serial=far)
    first, second = [
        b'{"t":"req","id":%d,"method":"record.set","params":{"name":"queue","value":1}}' % number for number in (4, 5)
    ]
    second = bytes((len(second) + 1,)) + second + b"\0"
    async with Running(db):
        db.produce_any("queue", 0)
        near.write(bytes((len(first) + 1,)) + first + b"\0" + second[:20])
        await asyncio.sleep_ms(20)
        server.peers[0].quiet = 9  # As after nine seconds, in which the queue was full.
        reader = db.consumer("queue").subscribe()
        reader.try_recv()
        await asyncio.sleep_ms(20)
        near.write(second[20:])
        reader.try_recv()
        equal([frame["id"] for frame in await Client(near).frames(2)], [4, 5])


async def test_a_list_has_what_aimdbs_tool_insists_on_and_the_counters():
    async def tap(consumer):
        async for _ in consumer.subscribe():
            pass

    db, client = numbered(10)
    db.configure("rec.05").tap(tap)
    async with Running(db):
        for value in range(9):
            db.produce_any("rec.05", value)
        await asyncio.sleep_ms(10)
        listed = await client.ask("record.list")
        equal([each["record_key"] for each in listed], ["rec.%02d" % number for number in range(10)])
        equal(
            listed[5],
            {
                "record_id": 5,
                "record_key": "rec.05",
                "name": "rec.05",
                "type_id": "",
                "origin": "passive",
                "buffer_type": "spmc_ring",
                "buffer_capacity": 8,
                "producer_count": 0,
                "consumer_count": 1,
                "writable": False,
                "outbound_connector_count": 0,
                "produced_count": 9,
                "consumed_count": 8,
                "dropped_count": 1,
                "occupancy": [8, 8],
            },
        )
        equal([each["writable"] for each in listed].index(True), 3)
        equal(await client.ask("buffer_metrics.reset"), {"reset": True})
        db.produce_any("rec.05", 1)
        again = (await client.ask("record.list", None))[5]
        equal([again[name] for name in ("produced_count", "dropped_count")], [1, 0])


@both_ends
async def test_forty_records_fit_what_aimdbs_tool_takes_on_a_serial_line():
    db, client = numbered(40)
    async with Running(db):
        listed = await client.ask("record.list")
        equal(len(listed), 40)
        assert "produced_count" not in listed[0]  # There was no room for them.


@both_ends
async def test_of_more_records_the_list_has_the_first_and_says_how_many_more_there_are():
    for count in (48, 60):
        db, client = numbered(count)  # Whose client takes 8 KiB, as AimDB's tool does.
        async with Running(db):
            *listed, last = await client.ask("record.list")
            assert 35 < len(listed) < count
            equal([each["record_key"] for each in listed], ["rec.%02d" % number for number in range(len(listed))])
            equal((last["record_id"], last["record_key"]), (count, "#"))
            assert last["name"].startswith("and %d more" % (count - len(listed))), last
            equal(sorted(last), sorted(listed[0]))
            equal(await client.get("#"), "not_found")


@both_ends
async def test_a_part_of_the_list_is_given_to_who_asks_for_one():
    db, client = numbered(60)
    async with Running(db):

        async def part(**params):
            return await client.ask("record.list", params)

        listed = await part(offset=40, limit=10)
        equal([(each["record_id"], each["name"]) for each in listed], [(at, "rec.%d" % at) for at in range(40, 50)])
        assert "produced_count" in listed[0]
        equal([each["name"] for each in await part(offset=58, limit=10)], ["rec.58", "rec.59"])
        equal([await part(offset=60), await part(limit=0), await part(offset=2**40, limit=2**40)], [[], [], []])
        *cut, last = await part(offset=1)
        assert cut[0]["name"] == "rec.01" and last["name"].startswith("and %d more" % (59 - len(cut))), last
        for odd in (-1, "5", 2.5, None, True):
            equal(await part(offset=odd, limit=odd), await client.ask("record.list"))


@both_ends
async def test_of_more_records_the_nodes_of_the_graph_have_fewer_fields_and_what_is_too_long_is_refused():
    db, client = numbered(60)
    async with Running(db):
        equal(
            await client.ask("graph.nodes"),
            [{"key": node["key"], "origin": node["origin"]} for node in db.graph()["nodes"]],
        )
        server = db.consumer("aimx").buffer
        server.peers[0].frames.longest = 2000  # As if there were many more.
        equal(await client.ask("graph.nodes"), "internal")  # Of a longer frame it would wait for the end for ever.
        await client.send(b'{"t":"ping"}')
        equal(await client.next(), {"t": "pong"})
        assert "list of 61" in server.last_error, server.last_error


@both_ends
async def test_a_peer_on_a_serial_line_that_takes_longer_frames_gets_longer_lists():
    db, client = numbered(46, size=10000)
    async with Running(db):
        await client.hello(max_frame=10000)
        gc.collect()  # The peer, which is here as well, needs memory for the frame in one piece.
        listed = await client.ask("record.list")
        equal([each["record_key"] for each in listed], ["rec.%02d" % number for number in range(46)])
        for odd in (8192, 0, -5, "10000", None, True):
            await client.hello(max_frame=odd)
            equal((await client.ask("record.list"))[-1]["record_key"], "#")


async def test_a_record_that_cannot_be_read_spoils_no_list_and_no_other_record():
    class Broken(Buffer):
        error = RuntimeError

        def push(self, value=None):
            raise self.error("push")

        peek = metrics = push

    db, client = program()
    broken = Broken()
    db.configure("broken", broken).remote(write=True)
    async with Running(db):
        for broken.error in (RuntimeError, OSError, MemoryError):
            assert "broken" in [each["name"] for each in await client.ask("record.list")]
            equal(await client.ask("buffer_metrics.reset"), {"reset": True})
            equal([await client.get("broken"), await client.set("broken", 1)], ["internal", "internal"])
            equal((await client.set("setting", 1))["status"], "success")


async def test_counters_of_a_buffer_that_are_no_counts_spoil_no_list():
    class Odd(Buffer):
        capacity: "object" = None
        occupied: "object" = None

        def push(self, value):
            pass

        def held(self):
            return self.occupied

    db, client = program()
    odd = Odd()
    db.configure("odd", odd).remote()
    async with Running(db):
        for odd.occupied, odd.capacity in ((None, None), (-1, -5), ("x", "y"), (2.5, 3)):
            listed = {each["name"]: each for each in await client.ask("record.list")}
            assert min(listed["odd"]["occupancy"]) >= 0, listed["odd"]
            assert listed["odd"].get("buffer_capacity", 1) > 0, listed["odd"]


@both_ends
async def test_a_peer_on_a_serial_line_that_takes_longer_frames_gets_longer_values():
    near, far = cable(20000)
    db = AimDb()
    db.configure("long", SingleLatest()).remote()
    AimxServer(db, serial=far)
    client = Client(near, size=20000)
    async with Running(db):
        db.produce_any("long", "x" * 5000)
        equal(await client.get("long"), "not_found")
        await client.hello(max_frame=20000)
        equal(len(await client.get("long")), 5000)
        db.produce_any("long", "x" * 16000)
        equal(await client.get("long"), "not_found")


async def test_a_codec_may_use_its_buffer_again():
    class Frugal:
        def __init__(self):
            self.buffer = bytearray(1)

        def encode(self, value):
            self.buffer[0] = 48 + value
            return memoryview(self.buffer)

        def decode(self, data):
            return int(data)

    near, far = cable()
    db = AimDb()
    db.configure("a", SpmcRing(4)).remote(codec=Frugal())
    AimxServer(db, serial=far)
    client = Client(near)
    async with Running(db):
        for value in (1, 2, 3):
            db.produce_any("a", value)
        equal((await client.ask("record.drain", {"name": "a"}))["values"], [])
        for value in (1, 2, 3):
            db.produce_any("a", value)
        equal((await client.ask("record.drain", {"name": "a"}))["values"], [1, 2, 3])


async def test_the_servers_own_record_is_never_written_by_a_peer():
    db, client = program()
    db.configure("aimx").remote(write=True)
    async with Running(db):
        assert "aimx" not in (await client.hello())["writable_records"]
        equal(await client.set("aimx", 77), "denied")
        equal(await client.get("aimx"), 0)


async def test_the_wiring_is_shown_as_db_graph_has_it():
    db, client = program()
    async with Running(db):
        graph = db.graph()
        equal(await client.ask("graph.nodes"), graph["nodes"])
        equal(await client.ask("graph.edges"), graph["edges"])
        equal(await client.ask("graph.topo_order"), graph["order"])
        equal(await client.ask("graph.else"), "not_found")


async def test_with_a_profile_the_list_has_the_times_of_stages_and_the_gauges():
    near, far = cable(20000)
    db = AimDb(profile=True)

    async def source(producer):
        gauge = db.configure("temp").signal_gauge("celsius", "C")
        for value in (20.5, 21.5):
            gauge.update(value)
            producer.produce(value)
            await asyncio.sleep_ms(0)
        await asyncio.sleep_ms(5000)

    async def tap(consumer):
        await asyncio.sleep_ms(5000)

    db.configure("temp", SpmcRing(4)).source(source).tap(tap).tap(tap).remote()
    AimxServer(db, serial=far)
    client = Client(near)
    async with Running(db):
        await asyncio.sleep_ms(20)
        (listed,) = await client.ask("record.list")
        stages = listed["stage_profiling"]
        equal([(each["stage_type"], each["index"]) for each in stages], [("source", 0), ("tap", 0), ("tap", 1)])
        stage = stages[0]
        equal(stage["name"], "source")
        assert stage["call_count"] > 1 and stage["total_time_ns"] >= stage["max_time_ns"] >= stage["min_time_ns"]
        equal(
            listed["signal_stats"],
            [{"signal": "celsius", "unit": "C", "count": 2, "last": 21.5, "min": 20.5, "max": 21.5, "mean": 21.0}],
        )
        equal(await client.ask("profiling.reset"), {"reset": True})
        equal((await client.ask("record.list"))[0].get("signal_stats", []), [])


@both_ends
async def test_a_value_that_is_too_long_for_aimdbs_tool_is_not_found():
    db, client = program()
    async with Running(db):
        db.produce_any("fixed", "x" * 5000)
        equal(await client.get("fixed"), "not_found")
        db.produce_any("fixed", "x" * 3000)
        equal(await client.get("fixed"), "x" * 3000)


async def test_a_serial_stream_that_raises_is_told_of():
    class Broken(End):
        def readinto(self, view):
            raise OSError(5)

    db = AimDb()
    line = Broken(9)
    line.other = line
    line.data = b"x"
    server = AimxServer(db, serial=line)
    async with Running(db):
        await asyncio.sleep_ms(20)
    equal((server.refused_count, server.last_error), (1, "the serial line cannot be read or written: OSError(5,)"))


def test_after_a_loop_that_was_left_the_same_server_serves_its_line():
    db, client = program()
    found = []
    for number in range(3):

        async def main():
            asyncio.create_task(db.run())
            await asyncio.sleep_ms(10)
            client.others.clear()
            await client.hello()
            db.produce_any("fixed", number)
            await client.watch("sensors.#")
            found.append(await client.get("fixed"))
            # The loop is left with all of this in it.

        asyncio.run(main())
        asyncio.new_event_loop()
    equal(found, [0, 1, 2])


def test_a_line_is_served_after_ctrl_c_came_while_it_was_read():
    class Interrupted(End):
        is_new = True

        def readinto(self, view):
            if self.is_new:
                self.is_new = False
                raise KeyboardInterrupt
            return super().readinto(view)

    async def run():
        await client.send(b'{"t":"ping"}')
        await db.run()

    async def go_on():
        equal(await client.next(), {"t": "pong"})

    near, far = cable()
    far = near.other = Interrupted(2000)
    far.other = near
    client = Client(near)
    db = AimDb()
    AimxServer(db, serial=far)
    with raises(KeyboardInterrupt):
        asyncio.run(run())
    asyncio.run(go_on())
    asyncio.new_event_loop()


async def test_a_run_that_has_ended_leaves_no_task_behind():
    db, client = program()
    for number in range(3):
        async with Running(db):
            client.others.clear()
            db.produce_any("fixed", number)
            await client.watch("#")
            equal(await client.get("fixed"), number)
        peers = db.consumer("aimx").buffer.peers
        equal(peers, [])
