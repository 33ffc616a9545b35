"""Messages for which there is no room: the broker waits, nothing is lost, and nobody stands still for good."""

import asyncio

from aimdb import AimDb, BoundedQueue, SingleLatest
from aimdb_conformance.support import settle
from harness import equal, skip, target

if target != "unix":
    skip("the broker of these tests needs the loopback of a computer; tests/host has the board's")

from aimdb_mqtt import MqttTopic
from printing import printing
from scripted_broker import ScriptedBroker, impatient, publish
from scripted_peer import Kept, running, until


def slowly(got, milliseconds=1):
    async def consume(consumer):
        async for value in consumer.subscribe():
            got.append(value)
            await asyncio.sleep_ms(milliseconds)

    return consume


async def test_a_broker_waits_for_a_slow_record_and_sends_every_message_once():
    for capacity in (1, 3, 20):
        async with ScriptedBroker() as server:
            db = AimDb()
            got = []
            broker = impatient(server, timeout_ms=2000)
            db.configure("n", BoundedQueue(1)).link_from(server.url + "/n", capacity=capacity).tap(slowly(got))
            async with running(db):
                await until(lambda: server.subscribed)
                await server.send(b"".join([publish("n", b"%d" % value, 1, value + 1) for value in range(200)]))
                await until(lambda: len(server.acknowledged) == 200)
            equal(got, list(range(200)))
            equal((len(server.connects), broker.lost_count), (1, 0))


async def test_a_record_with_no_room_for_long_leaves_its_messages_with_the_broker_and_others_go_on():
    async with ScriptedBroker() as server:
        server.session = 1
        db = AimDb()
        full, other, kept = BoundedQueue(1), SingleLatest(), Kept([])
        broker = impatient(server, clean_session=False)
        db.configure("full", full).link_from(server.url + "/full", capacity=1)
        db.configure("other", other).link_from(server.url + "/other")
        db.configure("kept", kept).link_to(server.url + "/kept")
        async with running(db):
            await until(lambda: len(server.subscribed) == 2)
            for number in range(1, 6):
                await server.send(publish("full", b"%d" % number, 1, number))
            kept.push(1)
            await server.send(publish("other", b"7", 1, 9))
            await until(lambda: other.peek() == 7 and kept.committed == 1)
            await until(lambda: server.acknowledged == [1, 9])
            server.greeting = b"".join([publish("full", b"%d" % number, 1, number) for number in range(3, 6)])
            reader = full.subscribe()
            for number in range(1, 6):
                equal(await reader.recv(timeout_ms=5000), number)
            await until(lambda: server.acknowledged == [1, 9, 2, 3, 4, 5])
        equal((len(server.connects), broker.lost_count), (2, 0))


async def test_a_record_that_is_slow_again_and_again_is_told_of_ever_less_often_and_one_that_stands_still_in_any_case():
    async with ScriptedBroker() as server:
        impatient(server, clean_session=True)
        db = AimDb()
        queue = BoundedQueue(1)
        db.configure("slow", queue).link_from(server.url + "/slow", capacity=1)
        with printing() as said:
            async with running(db):
                reader = queue.subscribe()
                await until(lambda: server.subscribed)
                for number in range(1, 40, 4):  # One is in the queue, one in hand, and the others are too many.
                    await server.send(b"".join([publish("slow", b"0", 1, number + i) for i in range(4)]))
                    await until(lambda: number + 3 in server.acknowledged)  # It was dropped.
                    if number < 37:
                        while queue.held() or len(server.acknowledged) < number + 3:
                            if queue.held():
                                reader.try_recv()
                            await settle()
                equal(said.text.count("that it does not take"), 4)  # The 1st, 2nd, 4th and 8th time.
                await until(lambda: said.text.count("that it does not take") == 5, 2000)


async def test_a_tap_that_answers_on_the_same_broker_is_not_locked_by_its_own_backlog():
    async with ScriptedBroker() as server:
        server.session = 1
        db = AimDb()
        answers = MqttTopic(server.url + "/answers", broker=impatient(server, clean_session=False, in_flight=1))
        unacknowledged = [publish("n", b"%d" % number, 1, number) for number in range(1, 11)]

        async def answer(consumer):
            async for value in consumer.subscribe():
                await answers.push_async(value)

        db.configure("n", BoundedQueue(1)).link_from(server.url + "/n", capacity=2).tap(answer)
        db.configure("answers", answers)
        async with running(db):
            await until(lambda: server.subscribed)
            await server.send(b"".join(unacknowledged))
            while len(server.published) < 10:
                done = len(server.acknowledged)
                server.greeting = b"".join(unacknowledged[done:])
                await asyncio.sleep_ms(5)
        equal(sorted(set(int(payload) for _, payload, _, _ in server.published)), list(range(1, 11)))


async def test_a_renewed_connection_is_nothing_that_a_producer_hears_of():
    async with ScriptedBroker() as server:
        server.session = 1
        db = AimDb()
        full = BoundedQueue(1)
        topic = MqttTopic(server.url + "/topic", broker=impatient(server, clean_session=False))
        db.configure("full", full).link_from(server.url + "/full", capacity=1)
        db.configure("topic", topic)

        async def produce():
            for value in range(40):
                await topic.push_async(value)

        async with running(db):
            await until(lambda: server.subscribed)
            for _ in range(3):
                connects = len(server.connects)
                for number in range(1, 5):
                    await server.send(publish("full", b"%d" % number, 1, number))
                await asyncio.sleep_ms(100)
                producing = asyncio.create_task(produce())
                reader = full.subscribe()
                await until(lambda: full.held())
                while full.held():
                    reader.try_recv()
                    await asyncio.sleep_ms(2)
                await until(lambda: len(server.connects) == connects + 1)
                await producing
        sent = [int(payload) for _, payload, _, _ in server.published]
        equal(sent, list(range(40)) * 3)


async def test_what_comes_while_a_connection_is_renewed_is_left_to_the_next_one():
    async with ScriptedBroker() as server:
        server.session = 1
        db = AimDb()
        full, other = BoundedQueue(1), BoundedQueue(9)
        impatient(server, clean_session=False)
        db.configure("full", full).link_from(server.url + "/full", capacity=1)
        db.configure("other", other).link_from(server.url + "/other")
        async with running(db):
            await until(lambda: len(server.subscribed) == 2)
            for number in range(1, 4):
                await server.send(publish("full", b"%d" % number, 1, number))
            await asyncio.sleep_ms(100)
            server.before_pong = publish("other", b"7", 1, 50)  # Its acknowledgement could get lost.
            server.greeting = publish("full", b"3", 1, 3) + publish("other", b"7", 1, 51)
            reader = full.subscribe()
            for number in range(1, 4):
                equal(await reader.recv(timeout_ms=5000), number)
            await until(lambda: 51 in server.acknowledged)
            server.before_pong = b""
            assert 50 not in server.acknowledged
            equal(other.held(), 1)


async def test_waiting_for_room_does_not_make_the_broker_look_dead():
    async with ScriptedBroker() as server:
        db = AimDb()
        got = []
        kept = Kept(range(30))
        broker = impatient(server, keepalive_s=1, timeout_ms=400)
        db.configure("n", BoundedQueue(1)).link_from(server.url + "/n", capacity=1).tap(slowly(got, 80))
        db.configure("kept", kept).link_to(server.url + "/kept")
        async with running(db):
            await until(lambda: server.subscribed)
            await server.send(b"".join([publish("n", b"%d" % value, 1, value + 1) for value in range(20)]))
            await until(lambda: len(got) == 20 and kept.committed == 30)
        equal((got, broker.lost_count), (list(range(20)), 0))


async def test_a_broker_hears_of_a_board_that_waits_for_room_as_often_as_it_was_promised():
    async with ScriptedBroker() as server:
        db = AimDb()
        broker = impatient(server, keepalive_s=1, timeout_ms=60000)
        db.configure("full", BoundedQueue(1)).link_from(server.url + "/full", capacity=1)
        async with running(db):
            await until(lambda: server.subscribed)
            await server.send(b"".join([publish("full", b"%d" % value, 1, value + 1) for value in range(5)]))
            await until(lambda: broker.connection.held)
            server.pings = 0
            await until(lambda: server.pings >= 3, 1500)
            assert broker.connection.held


async def test_with_a_clean_session_what_finds_no_room_for_long_is_dropped_counted_and_others_go_on():
    async with ScriptedBroker() as server:
        db = AimDb()
        full, other = BoundedQueue(1), SingleLatest()
        impatient(server, clean_session=True)
        db.configure("full", full).link_from(server.url + "/full", capacity=1)
        db.configure("other", other).link_from(server.url + "/other")
        async with running(db):
            await until(lambda: len(server.subscribed) == 2)
            for number in range(1, 6):
                await server.send(publish("full", b"%d" % number, 1, number))
            await server.send(publish("other", b"7", 1, 9))
            await until(lambda: other.peek() == 7)
            equal(full.metrics().dropped_count, 3)
            reader = full.subscribe()
            equal(await reader.recv(timeout_ms=5000), 1)
            equal(await reader.recv(timeout_ms=5000), 2)
            await until(lambda: 2 in server.acknowledged)
            await server.send(publish("full", b"8", 1, 10))
            equal(await reader.recv(timeout_ms=5000), 8)
        equal(len(server.connects), 1)


async def test_two_records_on_one_topic_have_each_the_quality_that_was_asked_for():
    for first in (0, 1):
        async with ScriptedBroker() as server:
            broker = impatient(server)
            db = AimDb()
            links = []
            for qos in (first, 1 - first):
                record = db.configure("quality %d" % qos, BoundedQueue(1))
                links.append(record.link_from(server.url + "/n", qos=qos, capacity=1, broker=broker))
            async with running(db):
                await until(lambda: len(server.subscribed) == 2)
                equal(server.subscribed[-1], ("n", 1))
                sure, unsure = db._records["quality 1"].buffer, db._records["quality 0"].buffer
                reader = sure.subscribe()
                for number in range(1, 6):
                    await server.send(publish("n", b"%d" % number, 1, number))
                for number in range(1, 6):
                    equal(await reader.recv(2000), number)
                await until(lambda: server.acknowledged == [1, 2, 3, 4, 5])
            equal(unsure.metrics().dropped_count, 3)
            assert not broker.lost_count


async def test_what_was_read_and_not_committed_takes_room():
    async with ScriptedBroker() as server:
        topic = MqttTopic(server.url + "/n", commits=True, capacity=3, broker=impatient(server, timeout_ms=4000))
        async with topic.broker:
            reader = await topic.subscribe_async()
            for number in range(1, 8):
                await server.send(publish("n", b"%d" % number, 1, number))
            for number in range(1, 4):
                equal(await reader.recv(timeout_ms=5000), number)
            await asyncio.sleep_ms(50)
            equal(topic.held(), 0)
            await reader.commit(2)
            await until(lambda: topic.held() == 2)


async def test_what_waited_in_an_outage_is_delivered_once():
    async with ScriptedBroker() as server:
        for session in (0, 1):
            server.session = session
            db = AimDb()
            queue = BoundedQueue(1)
            broker = impatient(server, client_id="node%d" % session, clean_session=False)
            db.configure("n", queue).link_from("%s/n" % server.url)
            async with running(db):
                await until(lambda: server.subscribed)
                for number in range(5):
                    await server.send(publish("n", b"%d" % number, 1, number + 1))
                await until(lambda: queue.held())
                await server.stop()
                await until(lambda: not broker.connected)
                reader = queue.subscribe()
                equal(await reader.recv(timeout_ms=5000), 0)
                # What waits is the broker's, if it has kept the session; else ours. The one in hand is in the record.
                equal(await reader.recv(timeout_ms=5000), 1)
                server.greeting = b"".join([publish("n", b"%d" % number, 1, number + 1) for number in range(2, 5)])
                server.greeting = server.greeting if session else b""
                await server.start()
                for number in range(2, 5):
                    equal(await reader.recv(timeout_ms=5000), number)
                await asyncio.sleep_ms(30)
                equal(queue.held(), 0)
            server.greeting = b""
            server.subscribed.clear()


async def test_a_record_that_stands_still_is_named_when_the_broker_has_nothing_more_for_it_and_others_get_nothing():
    async with ScriptedBroker() as server:
        server.session = 1
        db = AimDb()
        queue = BoundedQueue(1)
        impatient(server, clean_session=False)
        db.configure("still", queue).link_from(server.url + "/still", capacity=3)
        with printing() as said:
            async with running(db):
                await until(lambda: server.subscribed)
                for number in range(1, 5):  # One is in the queue, and three have the places: no more comes.
                    await server.send(publish("still", b"0", 1, number))
                await until(lambda: "'still' has 3 messages" in said.text, 2000)
                said_by_then = said.text.count("that it does not take")
                reader = queue.subscribe()
                for _ in range(4):
                    await reader.recv(timeout_ms=1000)
                await asyncio.sleep_ms(500)
        equal((said_by_then, said.text.count("that it does not take")), (1, 1))


async def test_a_record_whose_run_has_ended_is_named_when_what_it_left_may_keep_back_the_messages_of_others():
    async with ScriptedBroker() as server:
        server.session = 1
        broker = impatient(server, clean_session=False)
        ended = AimDb()
        ended.configure("ended", BoundedQueue(1)).link_from(server.url + "/ended", capacity=3)
        with printing() as said:
            async with broker:
                async with running(ended):
                    await until(lambda: server.subscribed)
                    for number in range(1, 6):
                        await server.send(publish("ended", b"0", 1, number))
                    await until(lambda: server.acknowledged)
                before = said.text.count("that it does not take")
                await until(lambda: said.text.count("that it does not take") > before, 2000)
            until_now = said.text
            await asyncio.sleep_ms(1000)
        equal(said.text, until_now)  # The connection has ended, and nothing is kept back any more.


async def test_records_that_have_room_are_named_when_together_they_keep_the_broker_from_sending_more():
    async with ScriptedBroker() as server:
        server.session = 1
        db = AimDb()
        queues = BoundedQueue(1), BoundedQueue(1)
        broker = impatient(server, clean_session=False)
        for name, queue in zip("ab", queues):
            db.configure(name, queue).link_from(server.url + "/" + name)
        with printing() as said:
            async with running(db):
                await until(lambda: len(server.subscribed) == 2)
                for number in range(1, 12):  # One is in its queue, and acknowledged; ten are not, for 20 there is room.
                    await server.send(publish("a", b"0", 1, number) + publish("b", b"0", 1, number + 20))
                await until(lambda: "'a' has 10 messages" in said.text and "'b' has 10 messages" in said.text, 2000)
                readers = [queue.subscribe() for queue in queues]
                for _ in range(11):
                    for reader in readers:
                        await reader.recv(timeout_ms=1000)
                said_by_then = said.text
                await asyncio.sleep_ms(1500)
        equal((said.text, broker.lost_count, len(server.connects)), (said_by_then, 0, 1))


async def test_a_record_that_has_few_messages_in_hand_is_not_named():
    async with ScriptedBroker() as server:
        server.session = 1
        db = AimDb()
        impatient(server, clean_session=False)
        db.configure("few", BoundedQueue(1)).link_from(server.url + "/few")
        with printing() as said:
            async with running(db):
                await until(lambda: server.subscribed)
                for number in range(1, 7):
                    await server.send(publish("few", b"0", 1, number))
                await asyncio.sleep_ms(1500)
        equal(said.text, "")


async def test_the_time_that_is_said_has_passed_and_no_more_than_twice_as_much():
    async with ScriptedBroker() as server:
        server.session = 1
        db = AimDb()
        impatient(server, clean_session=False, timeout_ms=1000)
        db.configure("still", BoundedQueue(1)).link_from(server.url + "/still", capacity=3)
        with printing() as said:
            async with running(db):
                await until(lambda: server.subscribed)
                for number in range(1, 5):
                    await server.send(publish("still", b"0", 1, number))
                await until(lambda: "'still' has 3 messages" in said.text, 5000)
        assert "for 1 s now" in said.text, said.text
