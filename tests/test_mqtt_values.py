"""Values that cannot be used, in both directions: they end nothing, never come back, and are counted."""

import asyncio

from aimdb import AimDb, BoundedQueue, Buffer, BufferFull, SingleLatest, SpmcRing, StructCodec
from aimdb_conformance.support import drain, raises_async
from harness import equal, skip, target

if target != "unix":
    skip("the broker of these tests needs the loopback of a computer; tests/host has the board's")

from aimdb_mqtt import Broker, BytesCodec, JsonCodec, MqttTopic, Unreachable
from printing import Unspeakable, printing
from scripted_broker import ScriptedBroker, at_once, impatient, publish
from scripted_peer import Kept, running, until


class Choosy(Buffer):
    """Takes what `accept` does not raise at, as a queue on flash or on another broker."""

    def __init__(self, accept):
        super().__init__()
        self._accept = accept
        self.values = []

    async def push_async(self, value):
        self._accept(value)
        self.values.append(value)


async def test_what_a_record_refuses_for_good_is_acknowledged_counted_and_passed_over():
    codec = StructCodec("<f")

    def accept(value):
        if isinstance(value, str):
            raise TypeError("a float is needed")
        codec.encode(value)

    async with ScriptedBroker() as server:
        db = AimDb()
        record = Choosy(accept)
        broker = impatient(server)
        db.configure("n", record).link_from(server.url + "/n", broker=broker)
        async with running(db):
            await until(lambda: server.subscribed)
            for number, payload in enumerate((b"1.5", b'"abc"', b"[1]", b"2.5"), 1):
                await server.send(publish("n", payload, 1, number))
            await until(lambda: server.acknowledged == [1, 2, 3, 4])
        equal(record.values, [1.5, 2.5])
        equal((broker.refused_count, broker.lost_count, record.metrics().dropped_count), (2, 0, 2))


async def test_neither_a_value_nor_an_error_that_cannot_be_shown_ends_a_link():
    class Codec(JsonCodec):
        def decode(self, data):
            value = super().decode(data)
            if value == "codec":
                raise Unspeakable
            return Unspeakable() if value == "value" else value

    def accept(value):
        if isinstance(value, Unspeakable):
            raise TypeError("a number is needed")
        if value == "record":
            raise Unspeakable

    async with ScriptedBroker() as server:
        db = AimDb()
        record = Choosy(accept)
        broker = impatient(server)
        db.configure("n", record).link_from(server.url + "/n", broker=broker, codec=Codec())
        async with running(db):
            await until(lambda: server.subscribed)
            for number, payload in enumerate((b'"value"', b'"record"', b'"codec"', b"5"), 1):
                await server.send(publish("n", payload, 1, number))
            await until(lambda: sorted(server.acknowledged) == [1, 2, 3, 4])
        equal((record.values, broker.refused_count, broker.lost_count), ([5], 3, 0))


async def test_a_topic_that_is_no_utf8_does_not_come_again_and_again():
    async with ScriptedBroker() as server:
        db = AimDb()
        record = Choosy(lambda value: None)
        broker = impatient(server, clean_session=False)
        db.configure("n", record).link_from(server.url + "/a/+", broker=broker)
        async with running(db):
            await until(lambda: server.subscribed)
            await server.send(b"\x32\x08\0\x03a/\xff\0\x011")  # For a link with wildcards,
            await server.send(b"\x32\x08\0\x03b/\xff\0\x022")  # and for nobody.
            await server.send(publish("a/b", b"3", 1, 3))
            await until(lambda: server.acknowledged == [1, 2, 3])
        equal((record.values, broker.lost_count), ([1, 3], 0))


async def test_a_message_without_a_topic_does_not_come_again_and_again():
    async with ScriptedBroker() as server:
        db = AimDb()
        latest = SingleLatest()
        server.session = 1
        server.greeting = publish("", b"1", 1, 1)
        broker = impatient(server, clean_session=False)
        db.configure("n", latest).link_from(server.url + "/n", broker=broker)
        async with running(db):
            await until(lambda: server.acknowledged == [1])
            await server.send(publish("n", b"2", 1, 2))
            await until(lambda: latest.peek() == 2)
        equal((broker.unclaimed_count, broker.lost_count, server.unsubscribed), (1, 0, []))


async def test_what_a_record_refuses_for_now_is_tried_again_and_not_acknowledged_before():
    tries = []

    def accept(value):
        tries.append(value)
        if len(tries) < 6:
            raise (BufferFull(value, None), Unreachable("down"), OSError(5), MemoryError(), asyncio.TimeoutError())[
                len(tries) - 1
            ]

    async with ScriptedBroker() as server:
        db = AimDb()
        record = Choosy(accept)
        db.configure("n", record).link_from(server.url + "/n", broker=impatient(server))
        async with running(db):
            await until(lambda: server.subscribed)
            await server.send(publish("n", b"1", 1, 1) + publish("n", b"2", 1, 2))
            await until(lambda: len(tries) == 3)
            equal(server.acknowledged, [])
            await until(lambda: server.acknowledged == [1, 2])
        equal(record.values, [1, 2])
        equal(tries, [1] * 6 + [2])


async def test_a_record_that_refuses_every_value_once_is_told_of_once():
    refused = set()

    def accept(value):
        if value not in refused:
            refused.add(value)
            raise OSError(5)

    async with ScriptedBroker() as server:
        db = AimDb()
        db.configure("n", Choosy(accept)).link_from(server.url + "/n", broker=impatient(server))
        with printing() as said:
            async with running(db):
                await until(lambda: server.subscribed)
                await server.send(b"".join([publish("n", b"%d" % number, 1, number) for number in range(1, 11)]))
                await until(lambda: len(server.acknowledged) == 10)
        equal(said.text.count("refuses for now"), 1)


async def test_a_record_on_another_broker_that_is_down_gets_its_values_when_that_is_back():
    async with ScriptedBroker() as here, ScriptedBroker() as there:
        await there.stop()
        db = AimDb()
        db.configure("n", MqttTopic(there.url + "/n", broker=impatient(there))).link_from(
            here.url + "/n", broker=impatient(here)
        )
        async with running(db):
            await until(lambda: here.subscribed)
            await here.send(publish("n", b"1", 1, 1))
            await asyncio.sleep_ms(50)
            equal(here.acknowledged, [])
            await there.start()
            await until(lambda: here.acknowledged == [1])
        equal([payload for _, payload, _, _ in there.published], [b"1"])


async def test_a_record_that_is_subscribed_to_on_a_broker_that_is_down_is_linked_when_that_is_back():
    async with ScriptedBroker() as here, ScriptedBroker() as there:
        await here.stop()
        db = AimDb()
        db.configure("n", MqttTopic(here.url + "/n", broker=impatient(here))).link_to(
            there.url + "/n", broker=impatient(there)
        )
        async with running(db):
            await until(lambda: there.connects)
            await asyncio.sleep_ms(50)
            await here.start()
            await until(lambda: here.subscribed)
            await here.send(publish("n", b"1", 1, 1))
            await until(lambda: there.published)


async def test_payloads_that_do_not_parse_count_in_the_metrics_of_the_record():
    async with ScriptedBroker() as server:
        db = AimDb()
        topic = MqttTopic(server.url + "/topic", broker=impatient(server))
        queue = BoundedQueue(4)
        db.configure("topic", topic)
        db.configure("queue", queue).link_from(server.url + "/queue", broker=topic.broker)
        async with running(db):
            await topic.subscribe_async()
            for name in ("topic", "queue"):
                await server.send(publish(name, b"{", 1, 1) + publish(name, b"{"))
            await until(lambda: len(server.acknowledged) == 2)
            await until(lambda: topic.broker.refused_count == 4)
        equal((topic.metrics().dropped_count, queue.metrics().dropped_count), (2, 2))


async def test_messages_of_quality_0_that_find_no_room_count_in_the_metrics_of_the_record():
    async with ScriptedBroker() as server:
        db = AimDb()
        queue = BoundedQueue(1)
        db.configure("n", queue).link_from(server.url + "/n", capacity=2, broker=impatient(server))
        async with running(db):
            await until(lambda: server.subscribed)
            await server.send(b"".join([publish("n", b"%d" % number) for number in range(10)]))
            await until(lambda: queue.metrics().dropped_count == 8)
            reader = queue.subscribe()
            for number in range(2):
                equal(await reader.recv(), number)


async def test_messages_that_are_too_long_count_in_the_metrics_of_the_record():
    async with ScriptedBroker() as server:
        db = AimDb()
        queue = BoundedQueue(1)
        broker = impatient(server, max_packet=64)
        db.configure("n", queue).link_from(server.url + "/n", broker=broker)
        async with running(db):
            await until(lambda: server.subscribed)
            await server.send(publish("n", bytes(100), 1, 1))
            await until(lambda: server.acknowledged == [1])
        equal((queue.metrics().dropped_count, broker.oversize_count), (1, 1))


def breaks(*poison):
    """A broker that ends the connection at these payloads, and acknowledges all others."""

    async def acknowledge(server, client, packet_id):
        if server.published[-1][1] in poison:
            raise OSError("it is too large")
        await at_once(server, client, packet_id)

    return acknowledge


async def test_a_message_at_which_the_broker_breaks_the_connection_is_given_up_and_those_behind_it_go_on():
    async with ScriptedBroker() as server:
        server.acknowledge = breaks(b"5", b"12")
        db = AimDb()
        kept, other = Kept(range(20)), Kept(range(100, 120))
        broker = impatient(server, in_flight=4, retry_ms=(1, 2))
        db.configure("kept", kept).link_to(server.url + "/kept", broker=broker)
        db.configure("other", other).link_to(server.url + "/other", broker=broker)
        async with running(db):
            await until(lambda: kept.committed == other.committed == 20)
        sent = [int(payload) for topic, payload, _, _ in server.published if topic == "kept"]
        equal([value for number, value in enumerate(sent) if value not in sent[:number]], list(range(20)))
        equal((sent.count(5), sent.count(12)), (5, 5))
        equal((broker.given_up_count, kept.metrics().dropped_count, other.metrics().dropped_count), (2, 2, 0))


async def test_a_message_that_is_given_up_is_named_with_its_record():
    async with ScriptedBroker() as server:
        server.acknowledge = breaks(b"5")
        db = AimDb()
        kept = Kept([5])
        db.configure("kept", kept).link_to(server.url + "/n", broker=impatient(server, retry_ms=(1, 2)))
        with printing() as said:
            async with running(db):
                await until(lambda: kept.committed)
        assert "record 'kept', %s/n: a message of" % server.url in said.text, said.text


async def test_of_many_messages_that_are_given_up_the_first_and_ever_fewer_are_named():
    async with ScriptedBroker() as server:
        server.acknowledge = breaks(b"5")
        db = AimDb()
        kept = Kept([5] * 5)
        broker = impatient(server, retry_ms=(1, 2), in_flight=1)
        db.configure("kept", kept).link_to(server.url + "/n", broker=broker)
        with printing() as said:
            async with running(db):
                await until(lambda: kept.committed == 5)
        equal((broker.given_up_count, said.text.count("is given up")), (5, 3))


async def test_a_message_that_is_never_acknowledged_by_a_broker_that_answers_is_given_up():
    async def acknowledge(server, client, packet_id):
        if server.published[-1][1] != b"3":
            await at_once(server, client, packet_id)

    async with ScriptedBroker() as server:
        server.acknowledge = acknowledge
        db = AimDb()
        kept = Kept(range(8))
        broker = impatient(server, in_flight=2, retry_ms=(1, 2), keepalive_s=0)
        db.configure("kept", kept).link_to(server.url + "/kept", broker=broker)
        async with running(db):
            await until(lambda: kept.committed == 8)
        equal(broker.given_up_count, 1)


async def test_no_message_is_given_up_for_a_network_that_is_away():
    async with ScriptedBroker() as server:
        server.acknowledge = fall_silent
        db = AimDb()
        kept = Kept(range(3))
        broker = impatient(server, retry_ms=(1, 2), timeout_ms=20)
        db.configure("kept", kept).link_to(server.url + "/kept", broker=broker)
        async with running(db):
            await until(lambda: len(server.connects) == 12)
            equal(broker.given_up_count, 0)
            server.acknowledge = at_once
            await until(lambda: kept.committed == 3)


async def fall_silent(server, client, packet_id):
    async def swallow(packet, pieces=0):
        pass

    client.send = swallow  # Also of the answers to pings.


async def test_a_ring_that_is_faster_than_the_broker_is_sent_beside_other_records():
    records = {"a": SingleLatest(), "ring": SpmcRing(4), "b": SingleLatest()}

    async def acknowledge(server, client, packet_id):
        for _ in range(5):  # One more than the ring holds.
            for topic in records:
                records[topic].push(topic)
        await at_once(server, client, packet_id)

    async with ScriptedBroker() as server:
        server.acknowledge = acknowledge
        db = AimDb()
        broker = impatient(server, in_flight=1)
        for topic in records:
            db.configure(topic, records[topic]).link_to(server.url + "/" + topic, broker=broker)
        async with running(db):
            await until(lambda: broker.connected)
            records["a"].push("a")
            await until(lambda: len(server.published) > 30)
        equal({each[0] for each in server.published}, {"a", "b", "ring"})


async def test_a_link_without_heap_for_a_moment_loses_no_value_and_goes_on():
    class Starved(BytesCodec):
        fails = 0

        def encode(self, value):
            self.fails += 1
            if self.fails % 3:
                raise MemoryError
            return b"%d" % value

    async with ScriptedBroker() as server:
        db = AimDb()
        queue = BoundedQueue(20)
        for value in range(10):
            queue.push(value)
        db.configure("n", queue).link_to(server.url + "/n", codec=Starved(), broker=impatient(server, retry_ms=(1, 2)))
        async with running(db):
            await until(lambda: len(server.published) == 10)
        equal([payload for _, payload, _, _ in server.published], [b"%d" % value for value in range(10)])


async def test_a_value_in_hand_for_want_of_heap_when_a_run_ends_is_sent_by_the_next():
    class Starved(BytesCodec):
        starves = True
        tries = 0

        def encode(self, value):
            self.tries += 1
            if self.starves:
                raise MemoryError
            return b"%d" % value

    async with ScriptedBroker() as server:
        codec = Starved()
        db = AimDb()
        queue = BoundedQueue(20)
        for value in range(5):
            queue.push(value)
        broker = impatient(server, retry_ms=(1, 2))
        db.configure("n", queue).link_to(server.url + "/n", codec=codec, broker=broker)
        async with running(db):
            await until(lambda: codec.tries > 2)
            equal(queue.held(), 4)
            await server.stop()
            await until(lambda: not broker.connected)
            codec.starves = False
        equal(queue.metrics().dropped_count, 0)
        await server.start()
        async with running(db):
            await until(lambda: server.published and server.published[-1][1] == b"4")
        equal(sorted(set(int(payload) for _, payload, _, _ in server.published)), list(range(5)))


async def received_by(codec, count):
    """Messages 1 to `count`, all acknowledged by a link with this codec: its broker and its record's queue."""
    async with ScriptedBroker() as server:
        db = AimDb()
        queue = BoundedQueue(20)
        broker = impatient(server)
        db.configure("n", queue).link_from(server.url + "/n", codec=codec, broker=broker)
        async with running(db):
            await until(lambda: server.subscribed)
            for number in range(1, count + 1):
                await server.send(publish("n", b"%d" % number, 1, number))
            await until(lambda: server.acknowledged == list(range(1, count + 1)))
    return broker, queue


async def test_a_topic_without_heap_for_a_moment_ends_no_run():
    from aimdb_net import remote

    calls = []
    once = remote.once

    def hungry(name):
        calls.append(name)
        if len(calls) < 3:
            raise MemoryError
        return once(name)

    async with ScriptedBroker() as server:
        topic = MqttTopic(server.url + "/n", broker=impatient(server))
        db = AimDb()
        db.configure("n", topic)
        remote.once = hungry
        try:
            async with running(db):
                await until(lambda: len(calls) == 3)
                reader = await topic.subscribe_async()
                await topic.push_async(1)
                await server.send(publish("n", b"2"))
                equal(await reader.recv(5000), 2)
        finally:
            remote.once = once


async def test_a_message_for_which_there_is_no_heap_waits():
    class Starved(BytesCodec):
        fails = 0

        def decode(self, data):
            self.fails += 1
            if self.fails % 2:
                raise MemoryError
            return data

    broker, queue = await received_by(Starved(), 5)
    equal(drain(queue.subscribe()), [b"1", b"2", b"3", b"4", b"5"])
    equal((broker.lost_count, broker.refused_count), (0, 0))


class Greedy(BytesCodec):
    """Some values need more memory than there ever is."""

    attempts = 0

    def encode(self, value):
        if value == 2:
            self.attempts += 1
            raise MemoryError
        return b"%d" % value

    def decode(self, data):
        if data == b"2":
            raise MemoryError
        return data


async def test_the_beginning_of_a_message_that_is_too_long_is_no_value_when_there_is_no_heap_for_a_moment():
    class Starved(Broker):
        starves = True

        def take(self, first, body, whole):
            if first >> 4 == 3 and self.starves:
                self.starves = False
                raise MemoryError
            return super().take(first, body, whole)

    async with ScriptedBroker() as server:
        broker = Starved(server.url, max_packet=64)
        db = AimDb()
        queue = BoundedQueue(20)
        db.configure("n", queue).link_from(server.url + "/n", codec=BytesCodec(), broker=broker)
        async with running(db):
            await until(lambda: server.subscribed)
            await server.send(publish("n", bytes(100), 1, 1))
            await until(lambda: server.acknowledged == [1])
        equal((broker.oversize_count, queue.held()), (1, 0))


async def test_a_message_for_which_there_is_never_heap_is_counted_and_passed_over():
    broker, queue = await received_by(Greedy(), 3)
    equal(drain(queue.subscribe()), [b"1", b"3"])
    equal((broker.lost_count, queue.metrics().dropped_count), (0, 1))


async def test_a_value_for_which_there_is_never_heap_is_counted_and_passed_over():
    async with ScriptedBroker() as server:
        db = AimDb()
        queue = BoundedQueue(20)
        for value in range(1, 4):
            queue.push(value)
        broker = impatient(server, retry_ms=(1, 2))
        codec = Greedy()
        db.configure("n", queue).link_to(server.url + "/n", codec=codec, broker=broker)
        async with running(db):
            await until(lambda: len(server.published) == 2)
        equal(codec.attempts, 10)
        equal([payload for _, payload, _, _ in server.published], [b"1", b"3"])
        equal((broker.lost_count, broker.refused_count), (0, 1))


async def test_a_message_that_a_record_never_has_heap_for_is_counted_and_passed_over():
    def accept(value):
        if value == 2:
            raise MemoryError

    async with ScriptedBroker() as server:
        db = AimDb()
        record = Choosy(accept)
        broker = impatient(server, retry_ms=(1, 2))
        db.configure("n", record).link_from(server.url + "/n", broker=broker)
        async with running(db):
            await until(lambda: server.subscribed)
            for number in range(1, 4):
                await server.send(publish("n", b"%d" % number, 1, number))
            await until(lambda: server.acknowledged == [1, 2, 3])
        equal(record.values, [1, 3])
        equal(broker.refused_count, 1)


async def test_the_message_that_has_waited_longest_is_seen_by_peek():
    async with ScriptedBroker() as server:
        db = AimDb()
        topic = MqttTopic(server.url + "/n", broker=impatient(server))
        db.configure("n", topic)
        async with running(db):
            reader = await topic.subscribe_async()
            equal(topic.peek(), None)
            await server.send(publish("n", b"1", 1, 1) + publish("n", b"2", 1, 2))
            await until(lambda: topic.held() == 2)
            equal((topic.peek(), reader.try_recv(), topic.peek()), (1, 1, 2))


async def test_a_topic_with_wildcards_cannot_be_published_to():
    async with ScriptedBroker() as server:
        topic = MqttTopic(server.url + "/house/+", broker=impatient(server))
        async with topic.broker:
            await until(lambda: topic.broker.connected)
            await raises_async(ValueError, topic.push_async(1))
            topic.push(1)
        equal((topic.metrics().dropped_count, server.published), (1, []))


async def test_a_link_stays_when_its_record_cannot_be_read_for_a_while():
    class Failing(Kept):
        failures = 3

        def take(self, reader):
            if self.failures:
                self.failures -= 1
                raise OSError(5)
            return super().take(reader)

    async with ScriptedBroker() as server:
        db = AimDb()
        kept = Failing(range(3))
        db.configure("n", kept).link_to(server.url + "/n", broker=impatient(server))
        with printing() as said:
            async with running(db):
                await until(lambda: kept.committed == 3)
        equal(said.text.count("record 'n' cannot be read now: OSError"), 2)  # The 1st and the 2nd time.


async def test_a_memoryview_of_words_is_sent_as_its_bytes():
    from array import array

    async with ScriptedBroker() as server:
        db = AimDb()
        latest = SingleLatest()
        db.configure("n", latest).link_to(server.url + "/n", codec=BytesCodec(), broker=impatient(server))
        async with running(db):
            latest.push(memoryview(array("H", [1, 258])))
            await until(lambda: server.published)
        equal(server.published[0][1], b"\1\0\2\1")
