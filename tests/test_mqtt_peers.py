"""Peers and networks that are slow, silent or half dead, and what is said of them."""

import asyncio
import socket
import sys
import time

from aimdb import AimDb, BoundedQueue, SingleLatest
from aimdb_conformance.support import raises_async, settle
from harness import equal, raises, skip, target

if target != "unix":
    skip("the broker of these tests needs the loopback of a computer; tests/host has the board's")

from aimdb_mqtt import Broker, BytesCodec, ConnectionLost, MqttTopic, NotConnected, Refused, Unreachable
from printing import printing
from scripted_broker import Client, ScriptedBroker, at_once, impatient, late, never, publish
from scripted_peer import Kept, running, until


async def test_a_packet_that_trickles_in_does_not_make_a_broker_look_alive():
    for longest in (1024, 16):
        await trickles_in(longest)


async def trickles_in(longest):
    async with ScriptedBroker() as server:
        broker = impatient(server, keepalive_s=1, timeout_ms=300, max_packet=longest, retry_ms=(60000, 60000))
        async with broker:
            await until(lambda: broker.connected)
            client = server.clients[0]
            packet = publish("n", bytes(100000))
            for at in range(len(packet)):
                await client.write(packet[at : at + 1])
                await asyncio.sleep_ms(10)
                if broker.lost_count:
                    break
            assert "silent" in broker.state.peek().last_error, broker.state.peek()


async def test_a_long_packet_that_comes_slowly_but_steadily_is_skipped():
    async with ScriptedBroker() as server:
        broker = impatient(server, keepalive_s=1, timeout_ms=300, max_packet=64)
        db = AimDb()
        latest = SingleLatest()
        db.configure("n", latest).link_from(server.url + "/n")
        async with running(db):
            await until(lambda: server.subscribed)
            client = server.clients[0]
            answers = []

            async def keep(packet):
                answers.append(packet)

            send, client.send = client.send, keep
            packet = publish("n", bytes(6000), 1, 1)
            for at in range(0, len(packet), 64):
                await client.write(packet[at : at + 64])
                await asyncio.sleep_ms(10)
            assert answers
            client.send = send
            await client.write(b"".join(answers) + publish("n", b"5", 1, 2))
            await until(lambda: latest.peek() == 5)
        equal((broker.lost_count, broker.oversize_count, server.acknowledged), (0, 1, [1, 2]))


async def test_quality_0_is_done_when_the_network_has_taken_it():
    reading = asyncio.Event()

    async def serve(reader, writer):
        await reader.readexactly(2)
        writer.write(b"\x20\2\0\0")
        await writer.drain()
        await reading.wait()
        try:
            while await reader.read(4096):
                pass
        except OSError:
            pass

    port = 31001
    server = await asyncio.start_server(serve, "127.0.0.1", port)
    topic = MqttTopic("mqtt://127.0.0.1:%d/n" % port, qos=0, codec=BytesCodec())
    done = []

    async def produce():
        for number in range(1500):
            await topic.push_async(bytes(8000))
            done.append(number)
        await topic.push_async(b"")

    try:
        async with topic.broker:
            task = asyncio.create_task(produce())
            before = -1
            while len(done) > before:  # Until nothing is taken any more.
                before = len(done)
                await asyncio.sleep_ms(300)
            assert topic.broker.connection.out
            reading.set()
            await task
            equal((len(done), topic.broker.connection.out), (1500, []))
    finally:
        server.close()
        await server.wait_closed()


async def test_a_packet_that_the_network_takes_in_parts_arrives_whole():
    async def serve(reader, writer):
        client = Client(reader, writer)
        await client.packet()
        await client.write(b"\x20\2\0\0")
        await full.wait()
        while True:
            first, body = await client.packet()
            if first >> 4 == 12:
                break
            arrived.append(first == 0x30 and body == b"\0\1n" + bytes((len(arrived) & 0xFF,)) * 8000)

    full = asyncio.Event()
    arrived = []
    port = 31004
    server = await asyncio.start_server(serve, "127.0.0.1", port)
    topic = MqttTopic("mqtt://127.0.0.1:%d/n" % port, qos=0, codec=BytesCodec())
    try:
        async with topic.broker:
            await until(lambda: topic.broker.connected)
            sent = 0
            while not topic.broker.connection.out:
                topic.push(bytes((sent & 0xFF,)) * 8000)
                sent += 1
            full.set()
            await until(lambda: len(arrived) == sent)
        equal(arrived.count(False), 0)
    finally:
        server.close()
        await server.wait_closed()


async def test_quality_0_that_was_not_taken_is_told():
    async def serve(reader, writer):
        await reader.readexactly(2)
        writer.write(b"\x20\2\0\0")
        await writer.drain()
        await gone.wait()
        writer.s.close()

    gone = asyncio.Event()
    port = 31002
    server = await asyncio.start_server(serve, "127.0.0.1", port)
    topic = MqttTopic("mqtt://127.0.0.1:%d/n" % port, qos=0, codec=BytesCodec())
    try:
        async with topic.broker:
            await until(lambda: topic.broker.connected)

            async def produce():
                while True:  # More than the network holds.
                    await topic.push_async(bytes(8000))

            task = asyncio.create_task(produce())
            await until(lambda: topic.broker.connection.out)
            gone.set()
            await raises_async(ConnectionLost, task)
    finally:
        server.close()
        await server.wait_closed()


async def test_a_connack_of_a_wrong_kind_or_size_is_no_connack():
    for rubbish in (b"\x20\1\0", b"\x20\3\0\0\0", b"\x21\2\0\0", b"\x30\2\0\0", b"\x20\2\0\6"):
        async with ScriptedBroker() as server:
            server.code = None
            broker = impatient(server, retry_ms=(60000, 60000), timeout_ms=5000)
            async with broker:
                await until(lambda: server.connects)
                await server.send(rubbish)
                await until(lambda: broker.state.peek().attempts)
                assert not broker.connected


async def test_connecting_to_who_does_not_answer_blocks_nobody():
    # The backlog of this listener is full, so that the network never completes a connection.
    listener = socket.socket()
    listener.bind(socket.getaddrinfo("127.0.0.1", 31003)[0][-1])
    listener.listen(0)
    waiting = []
    for _ in range(4):
        one = socket.socket()
        one.setblocking(False)
        try:
            one.connect(socket.getaddrinfo("127.0.0.1", 31003)[0][-1])
        except OSError:
            pass
        waiting.append(one)
    broker = Broker("mqtt://127.0.0.1:31003", timeout_ms=400)
    steps = []

    async def step():
        while True:
            steps.append(broker.state.peek().attempts)
            await asyncio.sleep_ms(10)

    task = asyncio.create_task(step())
    async with broker:
        await until(lambda: broker.state.peek().attempts)
    task.cancel()
    assert steps.count(0) > 5, steps
    for one in waiting + [listener]:
        one.close()


class TwoAddresses:
    """The module `socket`, with a name server that has another address for each name, before the right one."""

    def __getattr__(self, name):
        return getattr(socket, name)

    def getaddrinfo(self, host, port, *others):
        return socket.getaddrinfo(host, 1, *others) + socket.getaddrinfo(host, port, *others)


async def test_of_a_name_with_several_addresses_the_next_one_is_tried_when_one_does_not_answer():
    async with ScriptedBroker() as server:
        broker = impatient(server)
        sys.modules["socket"] = TwoAddresses()
        try:
            async with broker:
                await until(lambda: broker.connected, 2000)
                server.kick()
                await until(lambda: broker.lost_count and broker.connected, 2000)
        finally:
            sys.modules["socket"] = socket


async def test_what_went_wrong_is_said_in_words():
    for url, words in (
        ("mqtt://127.0.0.1:1", "nobody listens at this port"),
        ("mqtt://no.such.host.invalid", "the host name no.such.host.invalid cannot be looked up"),
    ):
        broker = Broker(url, retry_ms=(5, 10))
        topic = MqttTopic(url + "/n", broker=broker)
        async with broker:
            error = await raises_async(Unreachable, topic.push_async(1))
            assert words in str(error), error


async def test_a_message_that_takes_longer_than_the_time_for_an_answer_gets_through():
    async with ScriptedBroker() as server:
        server.acknowledge = late(700)
        broker = impatient(server, timeout_ms=200)
        kept = Kept([1, 2])
        db = AimDb()
        db.configure("kept", kept).link_to(server.url + "/n", broker=broker)
        async with running(db):
            await until(lambda: kept.committed == 2)
        equal(broker.given_up_count, 0)


async def lost_nine_times(longest):
    """What is said when good connections are lost; `longest`: how long one must last for the next to count anew."""
    async with ScriptedBroker() as server:
        broker = impatient(server, client_id="node", retry_ms=(1, longest))
        with printing() as said:
            async with broker:
                for _ in range(9):
                    await until(lambda: broker.connected)
                    await asyncio.sleep_ms(30)
                    server.kick()
                    await until(lambda: not broker.connected)
    return [line for line in said.text.split("\n") if "aimdb:" in line]


async def test_connections_that_are_lost_again_and_again_are_told_of_though_each_was_good():
    lines = await lost_nine_times(5)
    equal([line[-8:] for line in lines], ["4 in all", "8 in all"])
    for line in lines:
        assert "is lost again and again: the peer closed the connection; perhaps another client has its" in line, line


async def test_connections_that_are_lost_soon_are_told_of_ever_less_often():
    lines = await lost_nine_times(10000)
    equal([line[-8:] for line in lines], ["1 in all", "2 in all", "4 in all", "8 in all"])
    equal(["perhaps another client has its client_id" in line for line in lines], [False, False, True, True])


async def test_a_broker_that_never_acknowledges_is_told_of():
    for acknowledge, granted in ((never, 1), (at_once, None)):
        async with ScriptedBroker() as server:
            server.acknowledge, server.granted = acknowledge, granted
            db = AimDb()
            broker = impatient(server, timeout_ms=50)
            db.configure("n", Kept((1,))).link_to(server.url + "/n", broker=broker).link_from(server.url + "/m")
            with printing() as said:
                async with running(db):
                    await until(lambda: broker.lost_count == 4)
            equal(said.text.count("record 'n'"), 3)  # The 1st, 2nd and 4th time.
            assert "owed an acknowledgement" in said.text, said.text


class Days:
    """`with Days() as days:` gives the network a clock of the test's own. Each `days.pass_by()` puts it forward by an
    eighth of the range of ticks: 1.5 days on a board.
    """

    def __init__(self):
        from aimdb_net import connection, keeper, window

        self._modules = connection, keeper, window
        self._steps = 0

    def _ticks_ms(self):
        now = time.ticks_ms()
        for _ in range(self._steps):
            now = time.ticks_add(now, (time.ticks_add(0, -1) >> 3) + 1)
        return now

    def __enter__(self):
        for module in self._modules:
            module.ticks_ms = self._ticks_ms
        return self

    def __exit__(self, *_):
        for module in self._modules:
            module.ticks_ms = time.ticks_ms

    async def pass_by(self):
        await asyncio.sleep_ms(10)
        self._steps += 1
        await asyncio.sleep_ms(60)


async def test_a_broker_that_stops_to_acknowledge_after_a_week_is_found_out():
    with Days() as days:
        async with ScriptedBroker() as server:
            db = AimDb()
            kept = Kept((1,))
            broker = impatient(server, timeout_ms=50, keepalive_s=0)
            db.configure("n", kept).link_to(server.url + "/n", broker=broker)
            async with running(db):
                await until(lambda: kept.committed == 1)
                for _ in range(5):
                    await days.pass_by()
                server.acknowledge = never
                kept.push(2)
                await until(lambda: broker.lost_count == 1, 3000)


async def test_a_connection_that_has_lasted_for_a_week_is_a_good_one_when_it_is_lost():
    for steps in range(1, 8):
        with Days() as days:
            async with ScriptedBroker() as server:
                broker = impatient(server, timeout_ms=50, keepalive_s=0, retry_ms=(1, 10000))
                with printing() as said:
                    async with broker:
                        await until(lambda: broker.connected)
                        for _ in range(steps):
                            await days.pass_by()
                        server.kick()
                        await until(lambda: broker.lost_count)
                        await until(lambda: broker.connected)
        equal((steps, said.text), (steps, ""))


async def test_two_names_of_one_broker_with_one_client_id_are_found_out():
    async with ScriptedBroker() as server:
        first = impatient(server, client_id="node")
        second = Broker("mqtts://127.0.0.1:%d" % server.port, client_id="node", tls=server_certificate())
        async with first:
            await until(lambda: first.connected)
            topic = MqttTopic("mqtts://127.0.0.1:%d/n" % server.port, broker=second)
            async with second:
                error = await raises_async(Refused, topic.push_async(1))
                assert "one broker" in str(error), error
            assert first.connected


def server_certificate():
    import ssl

    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


async def test_a_failed_handshake_leaves_no_socket_open():
    from os import listdir

    async with ScriptedBroker() as server:  # Which is no TLS.
        broker = Broker("mqtts://127.0.0.1:%d" % server.port, tls=server_certificate(), retry_ms=(1, 2), timeout_ms=300)
        async with broker:
            await until(lambda: broker.state.peek().attempts == 2)
            await settle()
            before = len(listdir("/proc/self/fd"))
            await until(lambda: broker.state.peek().attempts == 8)
            await settle()
            assert len(listdir("/proc/self/fd")) <= before + 2, listdir("/proc/self/fd")


async def test_a_broker_is_asked_if_it_is_there_only_when_nothing_was_heard():
    async with ScriptedBroker() as server:
        queue = BoundedQueue(2)
        db = AimDb()
        impatient(server, keepalive_s=1, timeout_ms=1000)
        db.configure("n", queue).link_to(server.url + "/n")
        async with running(db):
            began = time.ticks_ms()
            while time.ticks_diff(time.ticks_ms(), began) < 800:
                await queue.push_async(1)
                await asyncio.sleep_ms(5)
            equal(server.pings, 0)
            await until(lambda: server.pings == 2)


async def test_a_broker_that_answers_late_and_then_hangs_up_is_told_of_and_asked_ever_less_often():
    async with ScriptedBroker() as server:

        async def hang_up(client):
            await client.packet()
            await asyncio.sleep_ms(60)  # As a handshake of TLS takes on a board, or a long way.
            server.connects.append(time.ticks_ms())
            await client.send(b"\x20\2\0\0")

        server.talk = hang_up
        db = AimDb()
        broker = impatient(server, timeout_ms=1000, retry_ms=(20, 2000))
        db.configure("n", Kept(())).link_to(server.url + "/n", broker=broker)
        with printing() as said:
            async with running(db):
                await until(lambda: broker.lost_count == 5)
        assert "4 in all" in said.text, said.text
        first, last = server.connects[1], server.connects[4]
        assert time.ticks_diff(last, first) > 3 * 60 + (40 + 80 + 160) // 2, server.connects


async def test_a_ready_that_raises_is_an_attempt_that_failed():
    class Unready(Broker):
        calls = 0

        async def ready(self):
            self.calls += 1
            if self.calls < 6:
                raise OSError("the modem sleeps")

    async with ScriptedBroker() as server:
        broker = Unready(server.url, retry_ms=(2, 20))
        with printing() as said:
            async with broker:
                await until(lambda: broker.state.peek().attempts == 5)
                assert "the modem sleeps" in broker.state.peek().last_error, broker.state.peek()
                await until(lambda: broker.connected)
        equal([number for number in range(1, 9) if "; %d in all" % number in said.text], [1, 2, 4])


async def test_a_flash_from_which_no_module_can_be_read_is_told_ever_less_often():
    from aimdb_net import keeper

    def unreadable(name):
        raise OSError(5)

    once, keeper.once = keeper.once, unreadable
    try:
        async with ScriptedBroker() as server:
            broker = Broker(server.url, retry_ms=(2, 2))
            with printing() as said:
                async with broker:
                    await until(lambda: said.text.count("OSError(5") == 3)
                    keeper.once = once
                    await until(lambda: broker.connected)
            equal([number for number in range(1, 9) if "; %d in all" % number in said.text], [1, 2, 4])
    finally:
        keeper.once = once


async def test_quality_0_that_the_network_refuses_at_once_is_told():
    async with ScriptedBroker() as server:
        broker = impatient(server)
        topic = MqttTopic(server.url + "/n", qos=0, broker=broker)
        async with broker:
            for produce in (topic.push_async, None):
                await until(lambda: broker.connected)
                topic.push(1)
                server.clients[0].writer.s.close()  # With something unread, that breaks the connection.
                if produce:
                    await raises_async(ConnectionLost, produce(2))
                else:
                    with raises(NotConnected):
                        topic.try_push(2)
                await until(lambda: not broker.connected)
        equal(topic.metrics().produced_count, 2)


async def test_a_message_of_quality_0_at_which_the_broker_breaks_every_connection_is_given_up():
    async def serve(reader, writer):
        await reader.readexactly(2)
        writer.write(b"\x20\2\0\0")
        await writer.drain()
        try:
            while True:
                if b"xxx" in await reader.read(200):
                    break
        except OSError:
            pass
        await asyncio.sleep_ms(10)
        writer.s.close()

    class Narrow(Broker):
        def receiver(self):
            self.raw.setsockopt(socket.SOL_SOCKET, 7, 4096)  # SO_SNDBUF: the network takes little at once.
            return super().receiver()

    port = 31005
    server = await asyncio.start_server(serve, "127.0.0.1", port)
    broker = Narrow("mqtt://127.0.0.1:%d" % port, retry_ms=(1, 5))
    db = AimDb()
    kept = Kept((b"a", b"x" * 150000, b"b"))
    db.configure("kept", kept).link_to("mqtt://127.0.0.1:%d/n" % port, qos=0, codec=BytesCodec())
    try:
        with printing() as said:
            async with running(db):
                await until(lambda: kept.committed == 3)
        equal((broker.given_up_count, broker.lost_count, kept.metrics().dropped_count), (1, 5, 1))
        assert "record 'kept'" in said.text and "given up" in said.text, said.text
    finally:
        server.close()
        await server.wait_closed()
