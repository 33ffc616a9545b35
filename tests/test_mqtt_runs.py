"""Runs, links, topics and readers that end in every way, and begin again."""

import asyncio
import gc
import random

from aimdb import AimDb, BoundedQueue, SingleLatest
from aimdb_conformance.support import drain, raises, raises_async, settle
from harness import equal, skip, target

if target != "unix":
    skip("the broker of these tests needs the loopback of a computer; tests/host has the board's")

from aimdb_mqtt import Broker, BytesCodec, MqttTopic
from aimdb_mqtt.broker import brokers
from scarce import Scarce, left_by
from scripted_broker import ScriptedBroker, at_once, impatient, late, never, publish
from scripted_peer import Kept, cancelled, running, until

TIME_LIMIT = 1800  # With SOAK=100.


async def test_a_run_that_failed_and_a_new_one_with_the_same_url_deliver_every_message_once():
    async with ScriptedBroker() as server:
        server.session = 1
        impatient(server, clean_session=False)
        got = []
        for start in range(0, 60, 30):

            async def consume(consumer):
                async for value in consumer.subscribe():
                    got.append(value)
                    if value == start + 29:
                        raise ZeroDivisionError

            db = AimDb()
            db.configure("n", BoundedQueue(2)).link_from(server.url + "/n").tap(consume)
            task = asyncio.create_task(db.run())
            await until(lambda: len(server.subscribed) == start // 30 + 1)
            for value in range(start, start + 30):
                await server.send(publish("n", b"%d" % value, 1, value + 1))
            await raises_async(ZeroDivisionError, task)
        equal(got, list(range(60)))


async def test_a_stage_that_dies_leaves_a_goodbye_and_no_connection():
    async def die(consumer):
        await until(lambda: broker.connected)
        raise ZeroDivisionError

    async with ScriptedBroker() as server:
        broker = impatient(server)
        for number in range(3):
            db = AimDb()
            db.configure("n", SingleLatest()).link_to(server.url + "/n").link_from(server.url + "/m").tap(die)
            await raises_async(ZeroDivisionError, db.run())
            assert not broker.connected and not broker.connection and not broker.in_use()
            await until(lambda: not server.clients)
            equal(server.goodbyes, number + 1)


async def test_what_was_acknowledged_before_the_end_of_a_run_is_not_sent_again():
    async with ScriptedBroker() as server:
        server.acknowledge = never
        broker = impatient(server, timeout_ms=5000)
        queue = BoundedQueue(4)
        db = AimDb()
        db.configure("n", queue).link_to(server.url + "/n")
        for value in range(4):
            queue.push(value)
        async with running(db):
            await until(lambda: len(server.published) == 4)
            client = server.clients[0]
            for packet_id in list(client.pending):
                await server.puback(client, packet_id)
            # Not read by the node before its run ends.
        equal(len(broker.window.flights), 0)


async def test_values_of_a_queue_that_were_on_their_way_when_a_run_ended_are_sent_by_the_next():
    for client_ids in ((), ("node", "node"), (None, None)):  # Without its argument each has another client_id here.
        async with ScriptedBroker() as server:
            server.acknowledge = never
            queue = BoundedQueue(20)
            for value in range(20):
                queue.push(value)
            broker = impatient(server, client_id=client_ids[0] if client_ids else None, in_flight=4, timeout_ms=5000)
            db = AimDb()
            db.configure("n", queue).link_to(server.url + "/n")
            async with running(db):
                await until(lambda: len(server.published) == 4)
                await server.stop()
            await server.start()
            server.acknowledge = at_once
            if client_ids:
                broker = impatient(server, client_id=client_ids[1], in_flight=4, timeout_ms=5000)
            db = AimDb()
            db.configure("n", queue).link_to(server.url + "/n")
            async with running(db):
                await until(lambda: len(server.published) == 24)
            equal([int(payload) for _, payload, _, _ in server.published[4:]], list(range(20)))
            equal([again for _, _, _, again in server.published[4:]], [True] * 4 + [False] * 16)
            equal(len(broker.window.flights), 0)


async def test_what_two_brokers_of_one_address_had_to_send_is_sent_by_those_of_the_next_run():
    async with ScriptedBroker() as server:
        server.acknowledge = never
        queues = BoundedQueue(8), BoundedQueue(8)
        for value in range(12):
            queues[value % 2].push(value)
        for published in (8, 20):  # Four of each are on their way when the first run ends.
            db = AimDb()
            brokers = [impatient(server, client_id=each, in_flight=4, timeout_ms=5000) for each in ("one", "two")]
            for broker, queue in zip(brokers, queues):
                db.configure(broker.client_id, queue).link_to(server.url + "/n", broker=broker)
            async with running(db):
                await until(lambda: len(server.published) >= published)
                await server.stop()
            server.acknowledge = at_once
            await server.start()
        equal(sorted([int(payload) for _, payload, _, _ in server.published[8:]]), list(range(12)))
        equal([len(broker.window.flights) for broker in brokers], [0, 0])
        for _ in range(3):
            impatient(server)  # With another client_id each.
        assert len(brokers[0].known) <= 5, brokers[0].known


async def test_what_several_brokers_of_one_address_had_to_send_is_sent_by_later_ones_with_other_client_ids():
    async with ScriptedBroker() as server:
        server.acknowledge = never
        db = AimDb()
        for each in ("one", "two"):
            broker = impatient(server, client_id=each, timeout_ms=5000)
            queue = BoundedQueue(3)
            for value in range(3):
                queue.push(value)
            db.configure(each, queue).link_to(server.url + "/" + each, broker=broker)
        async with running(db):
            await until(lambda: len(server.published) == 6)
            await server.stop()
        server.acknowledge = at_once
        await server.start()
        for each, published in (("three", 9), ("four", 12)):
            async with impatient(server, client_id=each):
                await until(lambda: len(server.published) == published)
        equal(sorted([topic for topic, _, _, _ in server.published[6:]]), ["one"] * 3 + ["two"] * 3)


async def test_what_a_record_keeps_and_the_broker_acknowledges_at_the_end_of_a_run_is_not_sent_again():
    async with ScriptedBroker() as server:
        server.acknowledge = late(60)
        impatient(server, timeout_ms=4000)
        kept = Kept(range(20))
        for expected in (8, 20):  # The first run has so many on their way when it is cancelled.
            db = AimDb()
            db.configure("n", kept).link_to(server.url + "/n")
            async with running(db):
                await until(lambda: len(server.published) >= expected)
            equal(kept.committed, expected)
        equal([int(payload) for _, payload, _, _ in server.published], list(range(20)))


async def test_values_that_a_record_keeps_are_sent_once_by_the_next_run():
    async with ScriptedBroker() as server:
        server.acknowledge = never
        broker = impatient(server, in_flight=4, timeout_ms=5000)
        kept = Kept(range(8))
        db = AimDb()
        db.configure("n", kept).link_to(server.url + "/n")
        async with running(db):
            await until(lambda: len(server.published) == 4)
        server.acknowledge = at_once
        equal(len(broker.window.flights), 0)
        async with running(db):
            await until(lambda: kept.committed == 8)
        equal([int(payload) for _, payload, _, _ in server.published[4:]], list(range(8)))


async def test_runs_that_are_cancelled_at_any_time_lose_nothing_of_a_queue_and_keep_its_order():
    from os import getenv

    for seed in range(int(getenv("SOAK") or 1) * 4):
        random.seed(seed)
        async with ScriptedBroker() as server:

            async def acknowledge(server, client, packet_id):
                if random.randint(0, 3):
                    await at_once(server, client, packet_id)

            server.acknowledge = acknowledge
            broker = impatient(server, in_flight=random.randint(1, 4), timeout_ms=30, retry_ms=(1, 3))
            queue = BoundedQueue(5)
            produced = 0
            for _ in range(30):
                db = AimDb()
                db.configure("n", queue).link_to(server.url + "/n")
                task = asyncio.create_task(db.run())
                for _ in range(random.randint(0, 40)):
                    while queue.held() < 5 and produced < 60:
                        queue.push(produced)
                        produced += 1
                    await asyncio.sleep_ms(0)
                await cancelled(task)
                if random.randint(0, 9) == 0:
                    await server.stop()
                    await server.start()
            server.acknowledge = at_once
            db = AimDb()
            db.configure("n", queue).link_to(server.url + "/n")
            async with running(db):
                while produced < 60:
                    await queue.push_async(produced)
                    produced += 1
                await until(lambda: broker.connected and not (queue.held() or broker.window.flights))
            sent = [int(payload) for _, payload, _, _ in server.published]
            equal([value for number, value in enumerate(sent) if value not in sent[:number]], list(range(60)))


async def test_two_records_on_one_topic_each_get_every_message_and_one_may_be_closed():
    async with ScriptedBroker() as server:
        db = AimDb()
        first, second = BoundedQueue(9), BoundedQueue(9)
        broker = impatient(server)
        db.configure("first", first).link_from(server.url + "/n", broker=broker)
        db.configure("second", second).link_from(server.url + "/n", broker=broker)
        async with running(db):
            await until(lambda: len(server.subscribed) == 2)
            await server.send(publish("n", b"1", 1, 1))
            await until(lambda: server.acknowledged == [1])
            first.close()
            await server.send(publish("n", b"2", 1, 2))
            await until(lambda: server.acknowledged == [1, 2])
            equal(server.unsubscribed, [])
            second.close()
            await server.send(publish("n", b"3", 1, 3))
            await until(lambda: server.unsubscribed == ["n"])
            await asyncio.sleep_ms(20)
            equal(broker.lost_count, 0)
        equal((drain(first.subscribe()), drain(second.subscribe())), ([1], [1, 2]))


async def test_a_message_for_two_records_is_acknowledged_when_both_are_done():
    async with ScriptedBroker() as server:
        db = AimDb()
        fast, slow = BoundedQueue(9), BoundedQueue(1)
        broker = impatient(server)
        db.configure("fast", fast).link_from(server.url + "/n", broker=broker)
        db.configure("slow", slow).link_from(server.url + "/+", broker=broker)
        async with running(db):
            await until(lambda: len(server.subscribed) == 2)
            for number in (1, 2, 3):
                await server.send(publish("n", b"%d" % number, 1, number))
            await until(lambda: fast.held() == 3)
            await asyncio.sleep_ms(20)
            equal(server.acknowledged, [1])
            equal(slow.subscribe().try_recv(), 1)
            await until(lambda: server.acknowledged == [1, 2])


async def test_what_arrives_for_a_record_whose_run_has_ended_stays_with_the_broker_until_the_next_run():
    async with ScriptedBroker() as server:
        broker = impatient(server, clean_session=False)
        queue = BoundedQueue(9)
        async with broker:
            db = AimDb()
            db.configure("n", queue).link_from(server.url + "/n")
            async with running(db):
                await until(lambda: server.subscribed)
            await server.send(publish("n", b"1", 1, 1))
            await asyncio.sleep_ms(300)  # Longer than anything waits for room.
            equal((server.acknowledged, server.unsubscribed, len(server.connects)), ([], [], 1))
            server.session = 1
            async with running(db):
                await until(lambda: len(server.connects) == 2)
                await server.send(publish("n", b"1", 1, 1))
                await until(lambda: server.acknowledged == [1])
        equal(broker.lost_count, 0)


async def test_what_comes_while_older_messages_are_to_come_again_stays_behind_them():
    async with ScriptedBroker() as server:
        broker = impatient(server, clean_session=False, timeout_ms=2000)
        queues = BoundedQueue(9), BoundedQueue(9)
        async with broker:
            db = AimDb()
            for i in range(2):
                db.configure("n%d" % i, queues[i]).link_from(server.url + "/n")
            async with running(db):
                await until(lambda: len(server.subscribed) == 2)
            await server.send(publish("n", b"1", 1, 1))
            await asyncio.sleep_ms(20)
            server.session = 1
            server.acknowledge = late(200)
            sending = asyncio.create_task(MqttTopic(server.url + "/other", broker=broker).push_async(0))
            await until(lambda: server.published)  # What is on its way holds up the new connection.
            async with running(db):
                await server.send(publish("n", b"2", 1, 2))
                await asyncio.sleep_ms(20)
                equal((server.acknowledged, len(server.connects)), ([], 1))
                await until(lambda: len(server.connects) == 2)
                await server.send(publish("n", b"1", 1, 1) + publish("n", b"2", 1, 2))
                await until(lambda: server.acknowledged == [1, 2])
                for queue in queues:
                    equal(drain(queue.subscribe()), [1, 2])
            await sending


async def test_what_one_database_has_not_acknowledged_comes_to_the_next_one_while_the_connection_lasts():
    async with ScriptedBroker() as server:
        broker = impatient(server, clean_session=False)
        async with broker:
            db = AimDb()
            db.configure("n", BoundedQueue(1)).link_from(server.url + "/n")
            async with running(db):
                await until(lambda: server.subscribed)
                await server.send(b"".join([publish("n", b"%d" % value, 1, value) for value in (1, 2, 3)]))
                await until(lambda: server.acknowledged == [1])
                await settle()
            server.session = 1
            db = AimDb()
            queue = BoundedQueue(9)
            db.configure("n", queue).link_from(server.url + "/n")
            async with running(db):
                await until(lambda: len(server.connects) == 2, 2000)
                await server.send(publish("n", b"2", 1, 2) + publish("n", b"3", 1, 3))
                await until(lambda: server.acknowledged == [1, 2, 3])
        equal(broker.lost_count, 0)


async def test_with_a_clean_session_the_end_of_a_run_leaves_nothing_unacknowledged():
    async with ScriptedBroker() as server:
        broker = impatient(server, clean_session=True)
        async with broker:
            db = AimDb()
            queue = BoundedQueue(1)
            db.configure("n", queue).link_from(server.url + "/n")
            async with running(db):
                await until(lambda: server.subscribed)
                await server.send(b"".join([publish("n", b"%d" % value, 1, value) for value in (1, 2, 3)]))
                await until(lambda: server.acknowledged == [1])
                await settle()
            await until(lambda: server.acknowledged == [1, 2, 3], 2000)
            async with running(db):
                reader = queue.subscribe()
                for value in (1, 2, 3):
                    equal(await reader.recv(timeout_ms=2000), value)


async def test_what_the_broker_kept_for_a_topic_waits_for_who_subscribes():
    async with ScriptedBroker() as server:
        server.session = 1
        server.greeting = publish("n", b"1", 1, 1) + publish("n", b"2", 1, 2)
        topic = MqttTopic(server.url + "/n", broker=impatient(server, clean_session=False))
        db = AimDb()
        db.configure("n", topic)
        async with running(db):
            await until(lambda: topic.held() == 2)
            await asyncio.sleep_ms(100)
            equal(server.acknowledged, [])
            reader = topic.subscribe()
            equal(await reader.recv(timeout_ms=5000), 1)
            equal(await reader.recv(timeout_ms=5000), 2)
            await until(lambda: server.acknowledged == [1, 2])


async def test_what_nobody_subscribes_to_is_waited_for_once_and_then_acknowledged_counted_and_unsubscribed():
    async with ScriptedBroker() as server:
        server.session = 1
        server.greeting = publish("old", b"1", 1, 1) + publish("old", b"2", 1, 2)
        db = AimDb()
        latest = SingleLatest()
        broker = impatient(server, clean_session=False)
        db.configure("n", latest).link_from(server.url + "/n")
        async with running(db):
            await until(lambda: server.subscribed)
            await server.send(publish("n", b"5", 1, 3))
            await until(lambda: server.acknowledged == [1, 2, 3] and server.unsubscribed)
            equal((latest.peek(), server.unsubscribed[0], broker.unclaimed_count), (5, "old", 2))


async def test_what_only_an_earlier_run_subscribed_to_is_left_to_nobody():
    async with ScriptedBroker() as server:
        server.session = 1
        broker = impatient(server, client_id="node")
        for topics in ("ab", "b"):
            server.subscribed.clear()
            db = AimDb()
            for topic in topics:
                db.configure(topic, SingleLatest()).link_from(server.url + "/" + topic, broker=broker)
            async with running(db):
                await until(lambda: len(server.subscribed) == len(topics))
                if topics == "b":
                    await server.send(publish("a", b"1", 1, 7))
                    await until(lambda: server.acknowledged == [7])
        equal((broker.unclaimed_count, server.unsubscribed), (1, ["a"]))


async def test_a_database_can_run_again_with_its_topics_and_readers():
    async with ScriptedBroker() as server:
        topic = MqttTopic(server.url + "/n", broker=impatient(server))
        db = AimDb()
        db.configure("n", topic)
        reader = topic.subscribe()
        for number in range(3):
            async with running(db):
                await until(lambda: len(server.subscribed) == number + 1)
                await server.send(publish("n", b"%d" % number, 1, 7))
                equal(await reader.recv(timeout_ms=5000), number)
                await until(lambda: len(server.acknowledged) == number + 1)


async def test_a_message_that_a_run_had_in_hand_is_delivered_once_by_the_next():
    async with ScriptedBroker() as server:
        queue = BoundedQueue(1)
        impatient(server, clean_session=True)
        db = AimDb()
        db.configure("n", queue).link_from(server.url + "/n")
        async with running(db):
            await until(lambda: server.subscribed)
            await server.send(b"".join([publish("n", b"%d" % number) for number in range(4)]))
            await until(lambda: queue.held())
            await settle()
        async with running(db):
            reader = queue.subscribe()
            for number in range(4):
                equal(await reader.recv(timeout_ms=5000), number)
            await asyncio.sleep_ms(20)
            equal(queue.held(), 0)


async def test_a_committing_reader_that_is_closed_gives_back_what_it_has_not_committed():
    async with ScriptedBroker() as server:
        topic = MqttTopic(server.url + "/n", commits=True, capacity=4, broker=impatient(server))
        async with topic.broker:
            first = await topic.subscribe_async()
            second = topic.subscribe()
            for number in range(1, 5):
                await server.send(publish("n", b"%d" % number, 1, number))
            for number in range(1, 4):
                equal(await first.recv(timeout_ms=5000), number)
            await first.commit(1)
            first.close()
            for number in range(2, 5):
                equal(await second.recv(timeout_ms=5000), number)
            await second.commit()
            await until(lambda: server.acknowledged == [1, 2, 3, 4])


async def test_a_run_that_ends_without_heap_leaves_no_connection():
    for blocks in range(0, 45, 3):
        async with ScriptedBroker() as server:
            broker = impatient(server)
            broker.open()
            await until(lambda: broker.connected)
            with Scarce(blocks):
                try:
                    broker.close()
                except MemoryError:
                    pass
            await until(lambda: not server.clients)


async def test_a_reader_that_commits_late_holds_no_message_twice_through_any_number_of_connections():
    async with ScriptedBroker() as server:
        server.session = 1
        broker = impatient(server, client_id="node")
        topic = MqttTopic(server.url + "/n", commits=True, capacity=3, broker=broker)
        db = AimDb()
        db.configure("n", topic)
        async with running(db):
            reader = topic.subscribe()
            for number in range(20):
                await until(lambda: broker.connected)
                for packet_id in (1, 2, 3):
                    await server.send(publish("n", b"%d" % packet_id, 1, packet_id))
                equal([await reader.recv(5000), await reader.recv(5000), await reader.recv(5000)], [1, 2, 3])
                if number < 19:
                    server.kick()
                    await until(lambda: not broker.connected)
            equal(len(reader.taken), 3)
            raises(ValueError, reader.commit, 61)
            reader.commit(58)
            await until(lambda: server.acknowledged == [1])
            reader.commit()
            await until(lambda: server.acknowledged == [1, 2, 3])


async def test_a_reader_that_cannot_be_closed_for_want_of_heap_leaves_no_connection():
    class Unclosable(Kept):
        def subscribe(self):
            reader = super().subscribe()
            reader.close = close
            return reader

    def close():
        raise MemoryError

    async with ScriptedBroker() as server:
        broker = impatient(server)
        db = AimDb()
        db.configure("n", Unclosable((1, 2))).link_to(server.url + "/n", broker=broker)
        task = asyncio.create_task(db.run())
        await until(lambda: len(server.published) == 2)
        task.cancel()
        await settle()
        await until(lambda: not server.clients)
        assert not broker.in_use()


async def test_a_value_of_quality_0_that_the_network_had_not_taken_when_its_run_ended_is_counted():
    async def serve(reader, writer):
        await reader.readexactly(2)
        writer.write(b"\x20\2\0\0")
        await writer.drain()
        await asyncio.sleep(20)

    port = 31003
    server = await asyncio.start_server(serve, "127.0.0.1", port)
    queue = BoundedQueue(1000)
    broker = Broker("mqtt://127.0.0.1:%d" % port)
    db = AimDb()
    db.configure("n", queue).link_to(broker.name + "/n", qos=0, codec=BytesCodec())
    try:
        async with running(db):
            value = bytes(8000)
            while not (broker.connection and broker.connection.out):
                queue.push(value)
                await asyncio.sleep_ms(0)
        equal(queue.metrics().dropped_count, 1)
    finally:
        server.close()
        await server.wait_closed()
        brokers.clear()


async def test_restarts_leave_the_heap_as_it_was():
    async with ScriptedBroker() as server:
        used = []
        for number in range(60):
            Broker(server.url, client_id="node", timeout_ms=120, retry_ms=(5, 40))
            db = AimDb()
            queue = BoundedQueue(2)
            db.configure("n", queue).link_to(server.url + "/n").link_from(server.url + "/m")
            db.configure("t", MqttTopic(server.url + "/t")).link_to(server.url + "/back")
            async with running(db):
                queue.push(number)
                await until(lambda: server.published)
            server.published.clear()
            server.connects.clear()
            server.subscribed.clear()
            db = queue = None
            await settle()
            gc.collect()
            used.append(gc.mem_alloc())
        assert min(used[40:]) <= min(used[10:40]) + 500, used


async def test_a_topic_that_was_subscribed_to_without_a_run_leaves_nothing_behind():
    def use():
        MqttTopic("mqtt://127.0.0.1:9/forgotten").subscribe()

    left = left_by(use, 20)
    assert left < 8000, left


def test_ctrl_c_while_it_is_connected_leaves_a_link_that_connects_when_the_loop_runs_on():
    async def run():
        await server.__aenter__()
        broker = Interrupted(server.url)
        db = AimDb()
        db.configure("n", SingleLatest()).link_to(server.url + "/n", broker=broker)
        db.producer("n").produce(1)
        await db.run()

    async def go_on():
        await until(lambda: server.published)
        await server.__aexit__()

    class Interrupted(Broker):
        is_ready = False

        async def ready(self):
            if not self.is_ready:
                self.is_ready = True
                raise KeyboardInterrupt

    server = ScriptedBroker()
    raises(KeyboardInterrupt, lambda: asyncio.run(run()))
    asyncio.run(go_on())
    asyncio.new_event_loop()
