"""Records on an MQTT broker that acknowledges late, out of order or never, refuses, vanishes, and sends rubbish."""

import asyncio
import gc
import random
import time

from aimdb import (
    AimDb,
    BoundedQueue,
    BufferClosed,
    BufferFull,
    DbError,
    InvalidConfiguration,
    SingleLatest,
    SpmcRing,
)
from aimdb.timing import timed
from aimdb_conformance.support import drain, raises, raises_async, settle
from harness import equal, skip, target

if target != "unix":
    skip("the broker of these tests needs the loopback of a computer; tests/host has the board's")

from aimdb_mqtt import Broker, BytesCodec, ConnectionLost, MqttTopic, NotConnected, Refused, StructCodec, Unreachable
from scripted_broker import ScriptedBroker, impatient, in_reverse, late, never, publish
from scripted_peer import Kept, running, until

TIME_LIMIT = 1800  # With SOAK=100.


# Links out


async def test_a_link_publishes_every_value_in_order():
    async with ScriptedBroker() as server:
        db = AimDb()
        queue = BoundedQueue(3)
        db.configure("n", queue).link_to(server.url + "/house/n")
        async with running(db):
            for value in range(100):
                await queue.push_async(value)
            await until(lambda: len(server.published) == 100)
        equal(server.published, [("house/n", b"%d" % value, 1, False) for value in range(100)])


async def test_links_to_one_broker_share_a_connection():
    async with ScriptedBroker() as server:
        db = AimDb()
        for name in "abc":
            db.configure(name, SingleLatest()).link_to("%s/%s" % (server.url, name)).link_from(server.url + "/in")
        async with running(db):
            for name in "abc":
                db.produce_any(name, 1)
            await until(lambda: len(server.published) == 3)
        equal(len(server.connects), 1)


async def test_no_more_messages_are_on_their_way_than_the_window_has_places():
    for places in (1, 2, 5):
        async with ScriptedBroker() as server:
            server.acknowledge = in_reverse(places)
            db = AimDb()
            kept = Kept(range(20))
            broker = impatient(server, in_flight=places)
            db.configure("n", kept).link_to(server.url + "/n", broker=broker)
            async with running(db):
                await until(lambda: kept.committed == 20)
            equal(server.most_open, places)
            equal([payload for _, payload, _, _ in server.published], [b"%d" % value for value in range(20)])


async def test_eight_messages_are_on_their_way_by_default():
    async with ScriptedBroker() as server:
        server.acknowledge = never
        db = AimDb()
        db.configure("n", Kept(range(20))).link_to(server.url + "/n")
        async with running(db):
            await until(lambda: len(server.published) == 8)
            await asyncio.sleep_ms(50)
        equal(server.most_open, 8)


async def test_what_is_acknowledged_out_of_order_is_committed_in_order():
    async with ScriptedBroker() as server:
        server.acknowledge = in_reverse(4)
        db = AimDb()
        kept = Kept(range(8))
        db.configure("n", kept).link_to(server.url + "/n", broker=impatient(server, in_flight=4))
        async with running(db):
            await until(lambda: kept.committed == 8)
        equal(kept.commits, [4, 4])


async def test_nothing_is_committed_that_was_not_acknowledged():
    async with ScriptedBroker() as server:
        server.acknowledge = never
        db = AimDb()
        kept = Kept(range(8))
        db.configure("n", kept).link_to(server.url + "/n", broker=impatient(server, in_flight=4))
        async with running(db):
            await until(lambda: len(server.connects) == 3)
        equal(kept.commits, [])
        equal(sorted(set(payload for _, payload, _, _ in server.published)), [b"0", b"1", b"2", b"3"])


async def test_what_was_not_acknowledged_is_sent_again_first_and_marked():
    async with ScriptedBroker() as server:
        server.acknowledge = never
        db = AimDb()
        kept = Kept(range(6))
        db.configure("n", kept).link_to(server.url + "/n", broker=impatient(server, in_flight=3))
        async with running(db):
            await until(lambda: len(server.published) == 3)
            server.kick()
            await until(lambda: len(server.published) == 6)
            equal([(payload, again) for _, payload, _, again in server.published[3:]], [
                (b"0", True), (b"1", True), (b"2", True)
            ])  # fmt: skip


async def test_a_broker_that_is_away_for_a_while_gets_everything_from_a_queue_that_keeps_it():
    async with ScriptedBroker() as server:
        server.published = arrived = Arrivals()
        db = AimDb()
        kept = Kept([])
        db.configure("n", kept).link_to(server.url + "/n", broker=impatient(server))
        async with running(db):
            for value in range(300):
                kept.push(value)
                if value % 50 == 20:
                    await server.stop()
                if value % 50 == 49:
                    await server.start()
                await asyncio.sleep_ms(1)
            await until(lambda: kept.committed == 300)
        equal((arrived.kept, arrived.missing), (300, []))


async def test_while_the_broker_is_away_the_buffer_decides_what_is_lost():
    async with ScriptedBroker() as server:
        db = AimDb()
        ring, latest = SpmcRing(4), SingleLatest()
        broker = impatient(server)
        db.configure("ring", ring).link_to(server.url + "/ring", broker=broker)
        db.configure("latest", latest).link_to(server.url + "/latest", broker=broker)
        async with running(db):
            await until(lambda: broker.connected)
            await server.stop()
            await until(lambda: not broker.connected)
            for value in range(10):
                ring.push(value)
                latest.push(value)
                await settle()
            await server.start()
            await until(lambda: len(server.published) == 5)
        equal([payload for topic, payload, _, _ in server.published if topic == "ring"], [b"6", b"7", b"8", b"9"])
        equal([payload for topic, payload, _, _ in server.published if topic == "latest"], [b"9"])
        equal(ring.metrics().dropped_count, 6)


async def test_a_link_for_newest_only_gives_up_what_is_stale_and_counts_it():
    async with ScriptedBroker() as server:
        server.acknowledge = never
        db = AimDb()
        ring = SpmcRing(16)
        broker = impatient(server)
        db.configure("ring", ring).link_to(server.url + "/ring", newest=True, broker=broker)
        async with running(db):
            await until(lambda: broker.connected)
            ring.push(0)
            await until(lambda: len(server.published) == 1)
            await server.stop()
            for value in range(1, 10):
                ring.push(value)
            await server.start()
            await until(lambda: len(server.published) == 2)
        equal([payload for _, payload, _, _ in server.published], [b"0", b"9"])
        equal(broker.stale_count, 1 + 8)


async def test_a_link_for_newest_only_goes_on_after_a_value_that_its_record_cannot_decode():
    class Undecodable(DbError):
        value = b"?"

    class Spoiled(Kept):
        def take(self, reader):
            value = super().take(reader)
            if value is None:
                raise Undecodable
            return value

    async with ScriptedBroker() as server:
        db = AimDb()
        kept = Spoiled([0, None, 2, None, 4])
        broker = impatient(server)
        db.configure("n", kept).link_to(server.url + "/n", newest=True, broker=broker)
        async with running(db):
            await until(lambda: kept.committed == 5)
        equal([payload for _, payload, _, _ in server.published], [b"4"])
        equal((broker.stale_count, broker.refused_count), (2, 2))


async def test_a_value_that_cannot_be_encoded_is_counted_and_the_link_goes_on():
    async with ScriptedBroker() as server:
        db = AimDb()
        kept = Kept([(1, 2.5), (3, "x"), None, (5, 6.5)])
        broker = impatient(server)
        db.configure("n", kept).link_to(server.url + "/n", codec=StructCodec("<Bf"), broker=broker)
        async with running(db):
            await until(lambda: kept.committed == 4)
        equal(
            [payload for _, payload, _, _ in server.published],
            [StructCodec("<Bf").encode(v) for v in ((1, 2.5), (5, 6.5))],
        )
        equal((broker.refused_count, kept.metrics().dropped_count), (2, 2))


async def test_a_link_ends_with_its_record_after_the_last_acknowledgement():
    async with ScriptedBroker() as server:
        server.acknowledge = late(50)
        db = AimDb()
        queue = BoundedQueue(8)
        db.configure("n", queue).link_to(server.url + "/n", broker=impatient(server))
        for value in range(8):
            queue.push(value)
        queue.close()
        await db.run()
        equal(len(server.published), 8)
        equal(server.open, 0)


async def test_quality_0_is_not_acknowledged_and_still_in_order():
    async with ScriptedBroker() as server:
        server.acknowledge = never
        db = AimDb()
        kept = Kept(range(200))
        db.configure("n", kept).link_to(server.url + "/n", qos=0, retain=True)
        async with running(db):
            await until(lambda: len(server.published) == 200)
        equal([payload for _, payload, _, _ in server.published], [b"%d" % value for value in range(200)])
        equal(kept.committed, 200)


async def test_the_broker_is_told_to_keep_values_only_when_asked_to():
    async with ScriptedBroker() as server:
        broker = impatient(server)
        db = AimDb()
        for retain in (False, True):
            options = {"retain": True} if retain else {}
            db.configure("l%d" % retain, Kept([1])).link_to("%s/link%d" % (server.url, retain), **options)
            topic = MqttTopic("%s/topic%d" % (server.url, retain), broker=broker, **options)
            async with broker:
                await topic.push_async(1)
        async with running(db):
            await until(lambda: len(server.published) == 4)
        equal(sorted(server.retained), ["link1", "topic1"])


# Links in


async def test_a_link_produces_what_arrives():
    async with ScriptedBroker() as server:
        db = AimDb()
        got = []
        queue = BoundedQueue(2)

        async def consume(consumer):
            async for value in consumer.subscribe():
                got.append(value)

        db.configure("n", queue).link_from(server.url + "/house/+/n").tap(consume)
        async with running(db):
            await until(lambda: server.subscribed)
            for value in range(20):
                await server.send(publish("house/%d/n" % value, b"[%d]" % value, 1, value + 250))
            await until(lambda: len(got) == 20)
            await until(lambda: len(server.acknowledged) == 20)
        equal(got, [[value] for value in range(20)])
        equal(server.acknowledged, [value + 250 for value in range(20)])
        equal(server.subscribed, [("house/+/n", 1)])


async def test_a_message_is_acknowledged_when_its_value_is_in_the_record():
    async with ScriptedBroker() as server:
        db = AimDb()
        queue = BoundedQueue(1)
        db.configure("n", queue).link_from(server.url + "/n")
        async with running(db):
            await until(lambda: server.subscribed)
            await server.send(publish("n", b"1", 1, 1) + publish("n", b"2", 1, 2))
            await until(lambda: queue.held() == 1)
            await asyncio.sleep_ms(20)
            equal(server.acknowledged, [1])
            equal(queue.subscribe().try_recv(), 1)
            await until(lambda: server.acknowledged == [1, 2])


async def test_a_payload_that_does_not_parse_is_counted_and_acknowledged_and_the_link_goes_on():
    async with ScriptedBroker() as server:
        db = AimDb()
        latest = SingleLatest()
        broker = impatient(server)
        db.configure("n", latest).link_from(server.url + "/n", broker=broker)
        async with running(db):
            await until(lambda: server.subscribed)
            for number, rubbish in enumerate((b"", b"{", b"\xff\xfe", b"1 2", b"nul")):
                await server.send(publish("n", rubbish, 1, number + 1))
            await server.send(publish("n", b"7", 1, 6))
            await until(lambda: latest.peek() == 7)
            await until(lambda: len(server.acknowledged) == 6)
        equal(broker.refused_count, 5)
        equal(broker.lost_count, 0)


async def test_what_the_broker_had_kept_is_passed_over_counted_and_acknowledged_when_asked_for():
    async with ScriptedBroker() as server:
        db = AimDb()
        latest = SingleLatest()
        db.configure("n", latest).link_from(server.url + "/n", retained=False)
        async with running(db):
            await until(lambda: server.subscribed)
            await server.send(publish("n", b"1", 1, 7, 0x31) + publish("n", b"2", 0, 0, 0x31))
            await until(lambda: latest.dropped_count == 2)
            await until(lambda: server.acknowledged == [7])
            equal(latest.peek(), None)
            await server.send(publish("n", b"3", 1, 8))
            await until(lambda: latest.peek() == 3)


async def test_oversized_packets_are_skipped_counted_and_acknowledged():
    async with ScriptedBroker() as server:
        db = AimDb()
        got = []
        queue = BoundedQueue(2)
        broker = impatient(server, max_packet=64, timeout_ms=5000)

        async def consume(consumer):
            async for value in consumer.subscribe():
                got.append(value)

        db.configure("n", queue).link_from(server.url + "/n", broker=broker, codec=BytesCodec()).tap(consume)
        async with running(db):
            await until(lambda: server.subscribed)
            for number, size in enumerate((0, 10, 56, 57, 58, 59, 60, 61, 100, 127, 128, 1000, 20000, 1)):
                await server.send(publish("n", bytes(size), 1, number + 1), pieces=random.choice((0, 1000, 7)))
            await until(lambda: len(server.acknowledged) == 14)
        equal([len(value) for value in got], [0, 10, 56, 57, 1])
        equal(broker.oversize_count, 9)
        equal(broker.lost_count, 0)


async def test_produce_async_raises_what_ended_the_next_attempt_also_behind_a_link_that_waits_for_a_connection():
    async with ScriptedBroker() as server:
        server.code = 5
        broker = impatient(server)
        topic = MqttTopic(server.url + "/n", broker=broker)
        db = AimDb()
        db.configure("kept", Kept([1])).link_to(server.url + "/kept", broker=broker)
        db.configure("n", topic)
        async with running(db):
            await until(lambda: broker.window.waiting)
            for _ in range(2):
                await raises_async(Refused, timed(topic.push_async(2), 1000))
            server.code = 0
            await topic.push_async(3)
            await until(lambda: len(server.published) == 2)


async def test_messages_of_quality_2_which_an_earlier_program_has_asked_for_end_no_connection():
    async with ScriptedBroker() as server:
        db = AimDb()
        queue = BoundedQueue(9)
        broker = impatient(server, max_packet=64)
        db.configure("n", queue).link_from(server.url + "/n", broker=broker, codec=BytesCodec())
        async with running(db):
            await until(lambda: server.subscribed)
            for number, (topic, size) in enumerate((("n", 3), ("n", 100), ("nobody", 3), ("n", 4))):
                await server.send(publish(topic, bytes(size), 2, number + 1))
                await until(lambda: server.received == server.completed == list(range(1, number + 2)))
        equal([len(value) for value in drain(queue.subscribe())], [3, 4])
        equal(broker.lost_count, 0)


MALFORMED = (
    b"\0\0",  # There is no type 0.
    b"\x30\xff\xff\xff\xff\x01",  # A length of five bytes.
    b"\x30\0",  # PUBLISH with nothing in it,
    b"\x30\x01\0",  # with half of a topic length,
    b"\x30\x03\0\x05a",  # with less topic than it says,
    b"\x32\x03\0\x01n",  # with no packet id,
    b"\x32\x05\0\x01n\0\0",  # with packet id 0,
    b"\x36\x06\0\x01n\0\x011",  # with QoS 3.
    b"\x40\x01\0",  # PUBACK, SUBACK and UNSUBACK of a wrong length.
    b"\x40\x03\0\0\0",
    b"\x90\x02\0\0",
    b"\xb0\x01\0",
    b"\x20\x02\0\0",  # CONNACK when we are connected.
    b"\x82\x06\0\x01\0\x01n\0",  # What only clients send.
    b"\xe0\0",
    b"\xf0\0",
    b"\x50\x02\0\x01",
    b"HTTP/1.1 400 Bad Request\r\n\r\n",
)


async def test_malformed_packets_end_the_connection_and_the_next_one_works():
    async with ScriptedBroker() as server:
        db = AimDb()
        latest = SingleLatest()
        broker = impatient(server, retry_ms=(1, 1), keepalive_s=1)
        db.configure("n", latest).link_from(server.url + "/n", broker=broker).link_to(
            server.url + "/back", broker=broker
        )
        async with running(db):
            for number, rubbish in enumerate(MALFORMED):
                await until(lambda: len(server.subscribed) == number + 1)
                await server.send(rubbish)
                await until(lambda: broker.lost_count == number + 1)
                await until(lambda: len(server.subscribed) == number + 2)
                await server.send(publish("n", b"%d" % number))
                await until(lambda: latest.peek() == number)
                await until(lambda: server.published and server.published[-1][1] == b"%d" % number)


async def test_random_bytes_from_the_broker_never_end_more_than_the_connection():
    random.seed(1)
    async with ScriptedBroker() as server:
        db = AimDb()
        kept = Kept([])
        latest = SingleLatest()
        broker = impatient(server, retry_ms=(1, 1), max_packet=64, keepalive_s=0, timeout_ms=60)
        db.configure("out", kept).link_to(server.url + "/out", broker=broker)
        db.configure("in", latest).link_from(server.url + "/in", broker=broker, codec=BytesCodec())
        async with running(db):
            for number in range(200):
                rubbish = bytes(random.getrandbits(8) for _ in range(random.randint(1, 40)))
                await server.send(random.choice((b"", b"\x30", b"\x32", b"\x40\x02", b"\x90")) + rubbish)
                kept.push(number)
                await asyncio.sleep_ms(1)
            await server.stop()
            await server.start()
            await until(lambda: kept.committed == 200)


# A network-backed buffer


async def test_producing_is_done_when_the_broker_has_acknowledged():
    async with ScriptedBroker() as server:
        server.acknowledge = late(80)
        topic = MqttTopic(server.url + "/n")
        db = AimDb()
        db.configure("n", topic)
        async with running(db):
            began = time.ticks_ms()
            await db.producer("n").produce_async(5)
            assert time.ticks_diff(time.ticks_ms(), began) >= 80
            equal(server.open, 0)
        equal(topic.metrics().produced_count, 1)


async def test_producers_beyond_the_window_wait_and_are_served_in_order():
    async with ScriptedBroker() as server:
        server.acknowledge = late(5)
        topic = MqttTopic(server.url + "/n", broker=impatient(server, in_flight=2))
        db = AimDb()
        db.configure("n", topic)
        async with running(db):
            tasks = [asyncio.create_task(topic.push_async(value)) for value in range(20)]
            for task in tasks:
                await task
        equal([payload for _, payload, _, _ in server.published], [b"%d" % value for value in range(20)])
        equal(server.most_open, 2)


async def test_each_producer_is_done_with_its_own_acknowledgement():
    async with ScriptedBroker() as server:
        server.acknowledge = never
        topic = MqttTopic(server.url + "/n", broker=impatient(server, timeout_ms=5000))
        async with topic.broker:
            first, second = [asyncio.create_task(topic.push_async(value)) for value in range(2)]
            await until(lambda: len(server.published) == 2)
            client = server.clients[0]
            await server.puback(client, client.pending[1])
            await second
            assert not first.done()
            await server.puback(client, client.pending[0])
            await first


async def test_producers_that_came_before_the_connection_was_kept_are_served_first_and_nobody_waits_then():
    async with ScriptedBroker() as server:
        topic = MqttTopic(server.url + "/n", broker=impatient(server, timeout_ms=5000))
        tasks = [asyncio.create_task(topic.push_async(value)) for value in range(3)]
        await settle()
        async with topic.broker:
            await topic.push_async(3)
            for task in tasks:
                await task
            topic.try_push(4)
            await until(lambda: len(server.published) == 5 and not topic.broker.window.flights)
        equal(topic.metrics()[:3], (5, 0, 0))
        equal([int(payload) for _, payload, _, _ in server.published], list(range(5)))


async def test_a_producer_that_comes_later_overtakes_nobody():
    for seed in range(10):
        random.seed(seed)
        async with ScriptedBroker() as server:
            server.acknowledge = late(1)
            topic = MqttTopic(server.url + "/n", broker=impatient(server, in_flight=2, timeout_ms=5000))
            called = []

            async def produce(value):
                for _ in range(random.randint(0, 60)):
                    await asyncio.sleep_ms(0)
                called.append(b"%d" % value)
                await topic.push_async(value)

            async with topic.broker:
                await topic.broker.online()
                for task in [asyncio.create_task(produce(value)) for value in range(40)]:
                    await task
            equal([payload for _, payload, _, _ in server.published], called)


async def test_a_broker_that_never_acknowledges_is_told_to_the_caller():
    async with ScriptedBroker() as server:
        server.acknowledge = never
        topic = MqttTopic(server.url + "/n", broker=impatient(server))
        db = AimDb()
        db.configure("n", topic)
        async with running(db):
            await topic.broker.online(patient=True)
            await raises_async(ConnectionLost, db.producer("n").produce_async(1))
            await raises_async(asyncio.TimeoutError, db.producer("n").produce_async(1, timeout_ms=50))


async def test_a_refused_connection_is_told_to_the_caller():
    async with ScriptedBroker() as server:
        server.code = 5
        topic = MqttTopic(server.url + "/n", broker=impatient(server))
        db = AimDb()
        db.configure("n", topic)
        async with running(db):
            error = await raises_async(Refused, db.producer("n").produce_async(1))
            assert "not authorized" in str(error), error


async def test_a_broker_that_is_not_there_or_does_not_answer_is_told_to_the_caller():
    async with ScriptedBroker() as server:
        server.code = None
        topic = MqttTopic(server.url + "/n", broker=impatient(server, timeout_ms=100))
        db = AimDb()
        db.configure("n", topic)
        async with running(db):
            await raises_async(Unreachable, db.producer("n").produce_async(1))
            await server.stop()
            await raises_async(Unreachable, db.producer("n").produce_async(1))


async def test_a_buffer_that_is_closed_lets_its_producers_go():
    async with ScriptedBroker() as server:
        server.acknowledge = never
        topic = MqttTopic(server.url + "/n", broker=impatient(server, in_flight=1, timeout_ms=5000))
        db = AimDb()
        db.configure("n", topic)
        async with running(db):
            tasks = [asyncio.create_task(topic.push_async(value)) for value in range(4)]
            await until(lambda: len(server.published) == 1)
            topic.close()
            for task, value in zip(tasks[1:], (1, 2, 3)):
                equal((await raises_async(BufferClosed, task)).value, value)
            equal((await raises_async(BufferClosed, topic.push_async(9))).value, 9)
            raises(BufferClosed, topic.try_push, 9)
            topic.push(9)
            equal(topic.metrics().dropped_count, 1)
            await raises_async(ConnectionLost, tasks[0])  # It ran until the record's connection was given up.


async def test_producing_without_waiting_uses_the_window_and_then_says_full():
    async with ScriptedBroker() as server:
        server.acknowledge = never
        broker = impatient(server, in_flight=2, timeout_ms=5000)
        topic = MqttTopic(server.url + "/n", broker=broker)
        raises(NotConnected, topic.try_push, 0)
        topic.push(0)
        equal(topic.metrics().dropped_count, 1)
        db = AimDb()
        db.configure("n", topic)
        async with running(db):
            await until(lambda: broker.connected)
            topic.push(1)
            topic.try_push(2)
            raises(BufferFull, topic.try_push, 3)
            topic.push(3)
            equal(topic.metrics()[:3], (2, 0, 2))
            await until(lambda: len(server.published) == 2)


async def test_producing_with_nobody_to_keep_the_connection_is_told():
    topic = MqttTopic("mqtt://127.0.0.1:1/n", broker=Broker("mqtt://127.0.0.1:1", timeout_ms=50))
    try:
        await topic.push_async(1)
    except Exception as er:
        assert "db.run() does" in str(er), er
    else:
        raise AssertionError("nothing raised")


async def test_subscribing_is_done_when_the_broker_has_acknowledged():
    async with ScriptedBroker() as server:
        topic = MqttTopic(server.url + "/n", broker=impatient(server))
        db = AimDb()
        db.configure("n", topic)
        async with running(db):
            reader = await db.consumer("n").subscribe_async()
            equal(server.subscribed, [("n", 1)])
            await server.send(publish("n", b"5", 1, 9))
            equal(await reader.recv(timeout_ms=1000), 5)
            await until(lambda: server.acknowledged == [9])


async def test_a_reader_that_commits_acknowledges_when_told_and_only_on_the_connection_that_a_message_came_by():
    async with ScriptedBroker() as server:
        broker = impatient(server)
        topic = MqttTopic(server.url + "/n", commits=True, broker=broker)
        async with broker:
            reader = await topic.subscribe_async()
            for value in range(1, 5):
                await server.send(publish("n", b"%d" % value, value & 1, value))
            for value in range(1, 5):
                equal(await reader.recv(timeout_ms=5000), value)
            await settle()
            equal(server.acknowledged, [])
            await reader.commit(2)
            await until(lambda: server.acknowledged == [1])
            server.kick()
            await until(lambda: len(server.subscribed) == 2)
            await reader.commit()  # The number 3 means nothing on the new connection.
            await server.send(publish("n", b"5", 1, 9))
            equal(await reader.recv(timeout_ms=5000), 5)
            await reader.commit()
            await until(lambda: server.acknowledged == [1, 9])


async def test_a_commit_may_be_awaited_by_the_tools_of_asyncio():
    async with ScriptedBroker() as server:
        broker = impatient(server)
        async with broker:
            reader = await MqttTopic(server.url + "/n", commits=True, broker=broker).subscribe_async()
            await asyncio.wait_for(reader.commit(), 1)
            await asyncio.gather(reader.commit(0), reader.commit())
            await asyncio.create_task(reader.commit())


async def test_a_count_that_cannot_be_committed_is_named_and_changes_nothing():
    async with ScriptedBroker() as server:
        broker = impatient(server)
        async with broker:
            reader = await MqttTopic(server.url + "/n", commits=True, broker=broker).subscribe_async()
            await server.send(publish("n", b"7", 1, 1))
            equal(await reader.recv(timeout_ms=5000), 7)
            for count in (2, -1, "1", 0.5, True):
                error = raises((ValueError, TypeError), lambda: reader.commit(count))
                equal(str(error), "count is an int from 0 to 1, not %r" % (count,))
            await reader.commit()
            await until(lambda: server.acknowledged == [1])


async def test_a_refused_or_lost_subscription_is_told_to_the_caller():
    async with ScriptedBroker() as server:
        topic = MqttTopic(server.url + "/n", broker=impatient(server))
        db = AimDb()
        db.configure("n", topic)
        async with running(db):
            server.granted = 0x80
            await raises_async(Refused, topic.subscribe_async())
            server.granted = None
            server.kick()
            await until(lambda: not topic.broker.connected)
            await raises_async(ConnectionLost, topic.subscribe_async())


async def test_a_link_whose_subscription_is_refused_tries_again_with_the_next_connection():
    async with ScriptedBroker() as server:
        server.granted = 0x80
        db = AimDb()
        latest = SingleLatest()
        db.configure("n", latest).link_from(server.url + "/n", broker=impatient(server))
        async with running(db):
            await until(lambda: len(server.subscribed) == 1)
            await asyncio.sleep_ms(20)
            server.granted = 1
            server.kick()
            await until(lambda: len(server.subscribed) == 2)
            await server.send(publish("n", b"5", 1, 9))
            await until(lambda: latest.peek() == 5)


async def test_closing_a_topic_frees_at_once_who_waits_for_a_place():
    async with ScriptedBroker() as server:
        server.acknowledge = never
        topic = MqttTopic(server.url + "/n", broker=impatient(server, in_flight=1, timeout_ms=20000))
        async with topic.broker:
            first = asyncio.create_task(topic.push_async(1))
            await until(lambda: server.published)
            second = asyncio.create_task(topic.push_async(2))
            await settle()
            topic.close()
            await until(second.done, 1000)
            equal((await raises_async(BufferClosed, second)).value, 2)
            first.cancel()


async def test_an_answer_to_a_subscription_that_means_nothing_is_a_refusal():
    async with ScriptedBroker() as server:
        server.granted = 3
        topic = MqttTopic(server.url + "/n", broker=impatient(server))
        async with topic.broker:
            await raises_async(Refused, topic.subscribe_async())


async def test_a_lost_connection_is_renewed_and_its_subscriptions_with_it():
    async with ScriptedBroker() as server:
        topic = MqttTopic(server.url + "/n", broker=impatient(server))
        db = AimDb()
        db.configure("n", topic)
        async with running(db):
            reader = await topic.subscribe_async()
            for number in range(5):
                server.kick()
                await until(lambda: len(server.subscribed) == number + 2)
                await server.send(publish("n", b"%d" % number))
                equal(await reader.recv(timeout_ms=5000), number)


async def test_readers_who_do_not_keep_up_get_what_fits_and_the_rest_is_counted():
    async with ScriptedBroker() as server:
        topic = MqttTopic(server.url + "/n", capacity=3, broker=impatient(server))
        db = AimDb()
        db.configure("n", topic)
        async with running(db):
            reader = await topic.subscribe_async()
            for number in range(10):
                await server.send(publish("n", b"%d" % number))
            await until(lambda: topic.metrics().dropped_count == 7)
            equal([reader.try_recv() for _ in range(3)], [0, 1, 2])


# Connection and state


async def test_the_state_can_be_consumed_as_a_record():
    async with ScriptedBroker() as server:
        broker = impatient(server)
        seen = []

        async def watch(consumer):
            async for state in consumer.subscribe():
                seen.append(state)

        db = AimDb()
        db.configure("state", broker.state).tap(watch)
        db.configure("n", SingleLatest()).link_to(server.url + "/n", broker=broker)
        async with running(db):
            await until(lambda: broker.connected)
            await server.stop()
            await until(lambda: broker.state.peek().attempts >= 3)
            await server.start()
            await until(lambda: broker.connected)
            await settle()
        assert not seen[0].connected and seen[0].attempts == 0, seen[0]
        assert seen[1].connected and seen[1].last_error is None, seen[1]
        assert not seen[2].connected and seen[2].attempts == 0 and seen[2].last_error, seen[2]
        equal([state.attempts for state in seen[2:6]], [0, 1, 2, 3])
        equal(seen[2].since, seen[5].since)
        assert seen[-1].connected and seen[-1].attempts == 0, seen[-1]
        assert seen[0].since < seen[1].since < seen[2].since < seen[-1].since, seen


async def test_pauses_between_attempts_double_up_to_a_limit_and_are_random_by_half():
    broker = Broker("mqtt://127.0.0.1:1", retry_ms=(20, 160))
    times = []

    async def watch():
        async for state in broker.state.subscribe():
            if state.attempts:
                times.append(time.ticks_ms())

    task = asyncio.create_task(watch())
    async with broker:
        await until(lambda: len(times) == 7)
    task.cancel()
    pauses = [time.ticks_diff(times[i + 1], times[i]) for i in range(6)]
    for pause, limit in zip(pauses, (20, 40, 80, 160, 160, 160)):
        assert pause >= limit // 2, pauses  # No upper bound: the computer may be busy.
    assert len(set(pauses)) > 2, pauses


async def test_retrying_now_ends_the_pause():
    async with ScriptedBroker() as server:
        await server.stop()
        broker = Broker(server.url, retry_ms=(60000, 60000))
        async with broker:
            await until(lambda: broker.state.peek().attempts == 1)
            await server.start()
            broker.retry()
            await until(lambda: broker.connected)


async def test_what_others_produce_in_the_state_does_not_keep_it_from_connecting():
    async with ScriptedBroker() as server:
        broker = impatient(server)
        broker.state.push("away")
        async with broker:
            await until(lambda: broker.connected)
            assert broker.state.peek().connected


async def test_a_silent_broker_is_pinged_and_found_dead():
    async with ScriptedBroker() as server:
        broker = impatient(server, keepalive_s=1, timeout_ms=300)
        async with broker:
            await until(lambda: server.pings == 2)
            equal(broker.lost_count, 0)
            for client in server.clients:
                client.send = _swallow
            await until(lambda: broker.lost_count == 1)
            assert "silent" in broker.state.peek().last_error, broker.state.peek()


async def _swallow(packet, pieces=0):
    pass


async def test_the_last_one_to_close_says_goodbye_and_leaves_no_task():
    async with ScriptedBroker() as server:
        broker = impatient(server)
        async with broker:
            async with broker:
                await until(lambda: broker.connected)
            await settle()
            assert broker.connected
        await settle()
        assert not broker.connected
        await until(lambda: not server.clients)
        equal(len(server.connects), 1)


async def test_what_connect_says():
    async with ScriptedBroker() as server:
        url = server.url.replace("//", "//us%40er:p%3Ass@")
        broker = Broker(url, client_id="node7", clean_session=False, will=("gone", "1", 1, True), keepalive_s=77)
        async with broker:
            await until(lambda: broker.connected)
        equal(
            bytes(server.connects[0]),
            b"\0\x04MQTT\x04\xec\0\x4d\0\x05node7\0\x04gone\0\x011\0\x05us@er\0\x04p:ss",
        )


def test_mistakes_are_collected_and_name_their_record():
    db = AimDb()
    for number, (direction, url, options) in enumerate((
        ("link_to", 5, {}),
        ("link_to", "no url", {}),
        ("link_to", "ftp://host/x", {}),
        ("link_to", "mqtt:///x", {}),
        ("link_to", "mqtt://host", {}),
        ("link_to", "mqtt://host:0/x", {}),
        ("link_to", "mqtt://host:x/x", {}),
        ("link_to", "mqtt://host/a/#", {}),
        ("link_to", "mqtt://host/x", {"qos": 2}),
        ("link_to", "mqtt://host/x", {"quality": 1}),
        ("link_from", "mqtt://host/a#", {}),
        ("link_from", "mqtt://host/#/a", {}),
        ("link_from", "mqtt://host/x", {"capacity": 0}),
        ("link_from", "mqtts://host/x", {}),
    )):  # fmt: skip
        getattr(db.configure("r%d." % number, SingleLatest()), direction)(url, **options)
    try:
        asyncio.run(db.run())
    except InvalidConfiguration as er:
        for number, error in enumerate(er.errors):
            assert error.startswith("record 'r%d.' has a link_" % number), error
        equal(len(er.errors), 14)
    else:
        raise AssertionError("no mistake was found")


def test_a_broker_that_is_made_after_its_links_is_refused_because_they_would_not_use_it():
    MqttTopic("mqtt://made.by.url/n")
    raises(ValueError, Broker, "mqtt://made.by.url")


def test_a_password_is_in_no_message():
    db = AimDb()
    db.configure("r", SingleLatest()).link_to("mqtt://user:sesame@host/#")
    db.configure("s", SingleLatest()).link_to("mqtt://user:sesame@host:x/y")
    try:
        asyncio.run(db.run())
    except InvalidConfiguration as er:
        assert "sesame" not in str(er), er


async def test_ten_thousand_messages_each_way_leave_the_heap_as_it_was():
    count = 10000
    async with ScriptedBroker() as server:
        db = AimDb()
        queue, back = BoundedQueue(8), BoundedQueue(8)
        got = [0]

        async def consume(consumer):
            async for value in consumer.subscribe():
                got[0] += 1

        broker = impatient(server, timeout_ms=5000)
        db.configure("out", queue).link_to(server.url + "/out", broker=broker)
        db.configure("in", back).link_from(server.url + "/in", broker=broker).tap(consume)
        server.published = server.acknowledged = Unseen()  # Small objects that stay would litter the heap.
        async with running(db):
            used = []
            for part in range(10):
                await until(lambda: server.subscribed)
                wanted = got[0] + count // 10
                for value in range(count // 10):
                    await queue.push_async(value)
                    await server.send(publish("in", b"1", value & 1, value % 100 + 1))
                await until(lambda: got[0] == wanted and not broker.window.flights)
                server.connects.clear()
                server.subscribed.clear()
                gc.collect()
                used.append(gc.mem_alloc())
                server.kick()
        # The first part fills what stays. What is found on the stack by chance may keep an object or two alive.
        assert min(used[6:]) <= min(used[1:6]) + 500, used


class Unseen:
    """In the place of a list of what a server has seen."""

    def append(self, _):
        pass


# Cancellation


async def test_cancelling_a_producer_at_every_step_leaves_the_window_whole():
    total = at = 1
    while at <= total:
        total = await a_producer_is_cancelled(at)
        at += 1
    assert total > 5


async def a_producer_is_cancelled(at):
    from stepping import Steps, outcome

    async with ScriptedBroker() as server:
        server.acknowledge = late(1)
        broker = impatient(server, in_flight=2, timeout_ms=400)
        topic = MqttTopic(server.url + "/n", broker=broker)
        acknowledged = []
        async with broker:
            await until(lambda: broker.connected)

            async def produce(first):
                for value in range(first, first + 4):
                    await topic.push_async(value)
                    acknowledged.append(value)

            steps = Steps(at, lambda: victim.cancel())
            victim = steps.task(produce(0))
            others = [steps.task(produce(10)), steps.task(produce(20))]
            for task in others:
                equal(await outcome(task), None)
            await outcome(victim)
            await until(lambda: not broker.window.flights)
            equal(broker.lost_count, 0)
            sent = [int(payload) for _, payload, _, _ in server.published]
            equal(sorted(set(sent)), sorted(sent))
            for value in acknowledged:
                assert value in sent
            for first in (10, 20):
                equal([value for value in sent if first <= value < first + 10], list(range(first, first + 4)))
            await topic.push_async(99)
        return steps.count


async def test_cancelling_the_database_at_any_time_leaves_nothing_behind():
    random.seed(2)
    async with ScriptedBroker() as server:
        broker = impatient(server)
        for number in range(60):
            db = AimDb()
            kept = Kept(range(50))
            db.configure("n", kept).link_to(server.url + "/n", broker=broker).link_from(
                server.url + "/in", broker=broker
            )
            task = asyncio.create_task(db.run())
            for _ in range(random.randint(0, 60)):
                await asyncio.sleep_ms(0)
            task.cancel()
            try:
                await task
            except asyncio.CancelledError:
                pass
            await settle()
            assert not broker.in_use()
            assert not broker.connected and not broker.connection
        await until(lambda: not server.clients)


async def test_faults_at_random_lose_nothing_that_a_record_kept():
    from os import getenv

    for seed in range(int(getenv("SOAK") or 1) * 4):
        await faults(seed, 200)


async def faults(seed, count):
    random.seed(seed)

    async def acknowledge(server, client, packet_id):
        fate = random.randint(0, 99)
        if fate < 80:
            await server.puback(client, packet_id)
        elif fate < 96:
            await late(random.randint(1, 30))(server, client, packet_id)
        elif fate < 98:
            raise OSError("the connection is reset")
        # Else it never is.

    async with ScriptedBroker() as server:
        server.acknowledge = acknowledge
        server.published = arrived = Arrivals()
        db = AimDb()
        kept = Kept([])
        broker = impatient(server, in_flight=random.randint(1, 9), timeout_ms=80, retry_ms=(1, 10))
        topic = MqttTopic(server.url + "/direct", broker=broker)
        db.configure("kept", kept).link_to(server.url + "/kept", broker=broker)
        db.configure("direct", topic)
        done = []

        async def produce(first):
            for value in range(first, first + 50):
                while True:
                    try:
                        await db.producer("direct").produce_async(value, random.choice((None, 5, 100)))
                        done.append(value)
                        break
                    except (ConnectionLost, Unreachable, asyncio.TimeoutError):
                        pass

        async with running(db):
            tasks = [asyncio.create_task(produce(1000 * number)) for number in range(3)]
            for value in range(count):
                kept.push(value)
                if random.randint(0, 60) == 0:
                    await server.stop()
                    await asyncio.sleep_ms(random.randint(0, 30))
                    await server.start()
                if random.randint(0, 3) == 0:
                    await asyncio.sleep_ms(random.randint(0, 3))
            for task in tasks:
                await task
            await until(lambda: kept.committed == count, 60000)
        equal(arrived.kept, count)
        equal(arrived.missing, [])
        equal(len(done), 150)
        for value in done:
            assert arrived.direct[value], value


class Arrivals:
    """In the place of the list of messages, which would scatter small objects all over the heap."""

    direct = bytearray(3000)  # Made before other tests have left the heap without so large a place.

    def __init__(self):
        self.kept = 0  # So many have arrived, in order and without a gap.
        self.missing = []
        for i in range(3000):
            self.direct[i] = 0

    def append(self, message):
        topic, payload = message[:2]
        value = int(payload)
        if topic == "direct":
            self.direct[value] = 1
        elif value == self.kept:
            self.kept += 1
        elif value > self.kept:
            self.missing.append((self.kept, value))
