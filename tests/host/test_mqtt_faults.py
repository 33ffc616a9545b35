"""What a node with a real broker goes through in the field: unusable values, restarts from inside, refusals."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path

import pytest
from fault_proxy import FaultProxy
from mqtt_broker import Listener, LocalBroker, find_mosquitto
from test_mqtt import Program, firsts, mosquitto, needs_mosquitto, password_file, readable, until

__all__ = ["mosquitto", "readable"]  # Fixtures.

pytestmark = needs_mosquitto

OVERSIZED = """
from aimdb_flash import FlashQueue, BytesCodec
broker = Broker("mqtt://127.0.0.1:PORT", client_id="node", retry_ms=(10, 50))
db = AimDb()
journal = FlashQueue("journal", BytesCodec(), flush_ms=5)
db.configure("journal", journal).link_to("mqtt://127.0.0.1:PORT/journal", codec=BytesCodec())
db.configure("other", BoundedQueue(20)).link_to("mqtt://127.0.0.1:PORT/other")

async def source(producer):
    for value in range(20):
        await producer.produce_async(bytes(3000) if value in (4, 11) else b"%d" % value)
        await db.producer("other").produce_async(value)
    while journal.held() or broker.window.flights:
        await asyncio.sleep_ms(10)
    print(broker.given_up_count)
    await asyncio.sleep_ms(100)
    raise SystemExit

db.configure("journal").source(source)
asyncio.run(db.run())
"""


def test_what_is_larger_than_the_broker_takes_is_given_up_and_everything_else_arrives(tmp_path) -> None:
    with (
        LocalBroker("mosquitto", "allow_anonymous true\nmax_packet_size 2000") as broker,
        Listener(broker.port) as listener,
    ):
        program = Program(tmp_path, OVERSIZED, PORT=broker.port)
        assert program.output() == "2\n"
        assert "given up" in program.said
        until(lambda: 19 in firsts(listener.payloads("other")) and 19 in firsts(listener.payloads("journal")))
        assert firsts(listener.payloads("other")) == list(range(20))
        assert firsts(listener.payloads("journal")) == [value for value in range(20) if value not in (4, 11)]


POISON = """
from aimdb import StructCodec
from aimdb_flash import FlashQueue
broker = Broker("mqtt://127.0.0.1:PORT", client_id="node")
db = AimDb()
queue = FlashQueue("queue", StructCodec("<f"), flush_ms=5)
db.configure("n", queue).link_from("mqtt://127.0.0.1:PORT/n")

async def tap(consumer):
    reader = consumer.subscribe()
    while True:
        value = await reader.recv()
        print(value)
        await reader.commit()
        if value == STOP:
            raise SystemExit

db.configure("n").tap(tap)
asyncio.run(db.run())
"""


def test_a_retained_message_that_the_record_refuses_stops_no_start(mosquitto, tmp_path) -> None:
    with Listener(mosquitto.port) as listener:
        listener.publish("n", b'"abc"', retain=True)
        for start in range(3):
            program = Program(tmp_path, POISON, PORT=mosquitto.port, STOP=float(start))
            until(lambda n=start: mosquitto.log.read_bytes().count(b"as node") == n + 1)
            time.sleep(0.3)
            listener.publish("n", b"%d" % start)
            assert program.output() == f"{float(start)}\n"
            assert "cannot be used" in program.said and "abc" in program.said


LATE_TAP = """
broker = Broker("mqtt://127.0.0.1:PORT", client_id="node")
db = AimDb()
db.configure("n", MqttTopic("mqtt://127.0.0.1:PORT/n"))

async def tap(consumer):
    if FIRST:
        await consumer.subscribe_async()
        raise SystemExit
    await asyncio.sleep_ms(500)
    reader = consumer.subscribe()
    for _ in range(30):
        print(await reader.recv())
    await asyncio.sleep_ms(100)
    raise SystemExit

db.configure("n").tap(tap)
asyncio.run(db.run())
"""


def test_what_the_broker_kept_waits_for_a_tap_that_subscribes_late(mosquitto, tmp_path) -> None:
    with Listener(mosquitto.port) as listener:
        Program(tmp_path, LATE_TAP, PORT=mosquitto.port, FIRST=True).output()
        listener.publish("n", *(b"%d" % value for value in range(30)))
        output = Program(tmp_path, LATE_TAP, PORT=mosquitto.port, FIRST=False).output()
        assert [int(line) for line in output.split()] == list(range(30))


# The end of a program that is restarted from inside.
SIX_RUNS = """
print("ready")
for start in range(6):
    try:
        asyncio.run(asyncio.wait_for(main(), 5))
    except (ZeroDivisionError, asyncio.TimeoutError):
        pass
    asyncio.new_event_loop()
print(got)
sys.stdin.readline()
"""


def hundred_values(program: Program, mosquitto: LocalBroker, listener: Listener) -> list[int]:
    """What such a program gets of a hundred values, which it has to send back."""
    assert program.process.stdout.readline() == "ready\n"
    until(lambda: b"as node" in mosquitto.log.read_bytes())
    time.sleep(0.3)
    listener.publish("in", *(b"%d" % value for value in range(100)))
    got = json.loads(program.process.stdout.readline())
    until(lambda: 99 in firsts(listener.payloads("out")))
    assert list(dict.fromkeys(firsts(listener.payloads("out")))) == list(range(100))
    return got


RESTARTS = """
inbound = BoundedQueue(4)
outbound = BoundedQueue(200)
got = []

async def main():
    Broker("mqtt://127.0.0.1:PORT", client_id="node", will=("gone", "1"), retry_ms=(10, 50))
    db = AimDb()
    until = len(got) + 20

    async def tap(consumer):
        async for value in consumer.subscribe():
            got.append(value)
            outbound.push(value)
            if HOW == "a stage dies" and len(got) == until:
                raise ZeroDivisionError

    db.configure("out", outbound).link_to("mqtt://127.0.0.1:PORT/out")
    db.configure("in", inbound).link_from("mqtt://127.0.0.1:PORT/in").tap(tap)
    task = asyncio.create_task(db.run())
    while len(got) < until:
        await asyncio.sleep_ms(1)
        if task.done():
            break
    if HOW == "a stage dies":
        await task
    raise ZeroDivisionError  # The run goes on, in a loop that is left.
"""


@pytest.mark.parametrize("how", ["a stage dies", "the loop is left"])
def test_restarts_from_inside_deliver_everything_in_both_directions(mosquitto, tmp_path, how) -> None:
    with Listener(mosquitto.port) as listener:
        program = Program(tmp_path, RESTARTS + SIX_RUNS, PORT=mosquitto.port, HOW=repr(how))
        assert hundred_values(program, mosquitto, listener) == list(range(100))
        assert sockets_of(program) <= 1
        assert listener.payloads("gone") == []
        program.cut_power()


SAME_DATABASE = """
Broker("mqtt://127.0.0.1:PORT", client_id="node", retry_ms=(10, 50))
outbound = BoundedQueue(200)
got = []

async def tap(consumer):
    async for value in consumer.subscribe():
        got.append(value)
        outbound.push(value)

db = AimDb()
db.configure("out", outbound).link_to("mqtt://127.0.0.1:PORT/out")
db.configure("in", BoundedQueue(4)).link_from("mqtt://127.0.0.1:PORT/in").tap(tap)

async def main():
    until = len(got) + 20
    asyncio.create_task(db.run())
    while len(got) < until:
        await asyncio.sleep_ms(1)
    raise ZeroDivisionError
"""


def test_one_database_runs_again_after_its_loop_was_left(mosquitto, tmp_path) -> None:
    with Listener(mosquitto.port) as listener:
        program = Program(tmp_path, SAME_DATABASE + SIX_RUNS, PORT=mosquitto.port)
        assert hundred_values(program, mosquitto, listener) == list(range(100))
        program.cut_power()


CANCEL = """
async def cancel(task):
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        pass
"""

HEAP = (
    CANCEL
    + """
import gc
outbound = BoundedQueue(50)
used = []

async def main():
    Broker("mqtt://127.0.0.1:PORT", client_id="node", retry_ms=(10, 50))
    db = AimDb()
    db.configure("out", outbound).link_to("mqtt://127.0.0.1:PORT/out")
    db.configure("in", BoundedQueue(4)).link_from("mqtt://127.0.0.1:PORT/in")
    db.configure("topic", MqttTopic("mqtt://127.0.0.1:PORT/topic")).link_to("mqtt://127.0.0.1:PORT/bridge")
    task = asyncio.create_task(db.run())
    outbound.push(1)
    await asyncio.sleep_ms(50)
    if HOW == "is cancelled":
        await cancel(task)
    raise ZeroDivisionError

for start in range(20):
    try:
        asyncio.run(main())
    except ZeroDivisionError:
        pass
    asyncio.new_event_loop()
    gc.collect()
    used.append(gc.mem_alloc())
print(min(used[10:]) < min(used[2:10]) + 1000, used)  # The first have loaded more, or had no time to load all.
sys.stdin.readline()
"""
)


@pytest.mark.parametrize("how", ["is cancelled", "is left"])
def test_restarts_from_inside_leave_the_heap_and_the_sockets_as_they_were(mosquitto, tmp_path, how) -> None:
    program = Program(tmp_path, HEAP, PORT=mosquitto.port, HOW=repr(how))
    heap = program.process.stdout.readline()
    assert heap.startswith("True"), heap
    assert sockets_of(program) <= (how == "is left")
    program.cut_power()


def sockets_of(program: Program) -> int:
    files = [os.readlink(file) for file in Path(f"/proc/{program.process.pid}/fd").iterdir()]
    return sum(file.startswith("socket:") for file in files)


JOURNAL = (
    CANCEL
    + """
from aimdb import JsonCodec
from aimdb_flash import FlashQueue
journal = FlashQueue("journal", JsonCodec())
made = 0

async def main():
    global made
    Broker("mqtt://127.0.0.1:PORT", client_id="node", retry_ms=(10, 50))
    db = AimDb()
    db.configure("journal", journal).link_to("mqtt://127.0.0.1:PORT/journal")
    task = asyncio.create_task(db.run())
    for made in range(made, made + 20):
        await journal.push_async(made)
    made += 1
    while made == 120 and journal.held():
        await asyncio.sleep_ms(10)
    await asyncio.sleep_ms(70)
    if HOW == "is cancelled":
        await cancel(task)

for start in range(6):
    asyncio.run(main())
    asyncio.new_event_loop()
"""
)


@pytest.mark.parametrize("how", ["is cancelled", "is left"])
def test_what_the_broker_acknowledges_at_the_end_of_a_run_is_in_no_queue_on_flash_for_the_next(
    mosquitto, tmp_path, how
) -> None:
    with Listener(mosquitto.port) as listener, FaultProxy(mosquitto.port) as proxy:
        proxy.answer_delay = 0.03
        Program(tmp_path, JOURNAL, PORT=proxy.port, HOW=repr(how)).output()
        until(lambda: 119 in firsts(listener.payloads("journal")))
        assert [int(payload) for payload in listener.payloads("journal")] == list(range(120))


SILENCE = """
Broker("mqtt://ali:wrong@127.0.0.1:PORT", client_id="node", retry_ms=(50, 100))
db = AimDb()
db.configure("weather", SingleLatest()).link_to("mqtt://127.0.0.1:PORT/n")
db.configure("nowhere", SingleLatest()).link_to("mqtt://no.such.host.invalid/n")
db.configure("nobody", SingleLatest()).link_to("mqtt://127.0.0.1:1/n")

async def main():
    task = asyncio.create_task(db.run())
    await asyncio.sleep_ms(1000)

asyncio.run(main())
"""


def test_why_there_is_no_connection_is_said_at_once_with_the_record_and_without_the_password(
    tmp_path, readable
) -> None:
    settings = f"allow_anonymous false\npassword_file {password_file(readable)}"
    with LocalBroker("mosquitto", settings) as broker:
        program = Program(tmp_path, SILENCE, PORT=broker.port)
        program.output()
    for record, why in (
        ("weather", "not authorized"),
        ("nowhere", "the host name no.such.host.invalid cannot be looked up"),
        ("nobody", "nobody listens at this port"),
    ):
        assert any(f"record '{record}'" in line and why in line for line in program.said.splitlines()), program.said
    assert "wrong" not in program.said
    assert program.said.count("weather") <= 5  # Less and less often.


DENIED = """
broker = Broker("mqtt://127.0.0.1:PORT", client_id="node", max_packet=256)
db = AimDb()
db.configure("long", SingleLatest()).link_from("mqtt://127.0.0.1:PORT/open/in")
out = BoundedQueue(3)
db.configure("out", out).link_to("mqtt://127.0.0.1:PORT/secret/out")

async def main():
    task = asyncio.create_task(db.run())
    out.push(1)
    while not broker.connected or out.held() or broker.window.flights:
        await asyncio.sleep_ms(5)
    print("acknowledged")
    while not broker.oversize_count:
        await asyncio.sleep_ms(5)
    await asyncio.sleep_ms(100)

asyncio.run(main())
"""


def test_mosquitto_acknowledges_what_it_denies_and_what_is_too_long_for_us_is_said(tmp_path, readable) -> None:
    acl = readable / "acl"
    acl.write_text("topic readwrite open/#\n")
    acl.chmod(0o644)
    with LocalBroker("mosquitto", f"allow_anonymous true\nacl_file {acl}") as broker:
        with Listener(broker.port, "open/#") as listener:
            program = Program(tmp_path, DENIED, PORT=broker.port)
            assert program.process.stdout.readline() == "acknowledged\n"  # So docs/mqtt.md warns of it.
            listener.publish("open/in", bytes(1000))
            program.output()
    assert "a message on 'open/in' is longer than max_packet=256" in program.said


TLS = """
tls = open("CERTIFICATE", "rb").read()
async def main():
    topic = MqttTopic("mqtts://127.0.0.1:PORT/n", broker=Broker("mqtts://127.0.0.1:PORT", client_id="c", tls=tls))
    async with topic.broker:
        await topic.push_async(1)
        print("done")
asyncio.run(main())
"""


def test_a_certificate_may_be_pem(tmp_path, readable) -> None:
    key, certificate = readable / "key.pem", readable / "certificate.pem"
    make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=127.0.0.1"
    subprocess.run([*make.split(), "-keyout", key, "-out", certificate], check=True, capture_output=True)
    key.chmod(0o644)
    with LocalBroker("mosquitto", f"certfile {certificate}\nkeyfile {key}\nallow_anonymous true") as broker:
        assert Program(tmp_path, TLS, PORT=broker.port, CERTIFICATE=certificate).output() == "done\n"


TOGETHER = """
broker = Broker("mqtt://127.0.0.1:PORT", client_id="together", timeout_ms=500)
db = AimDb()
for name in ("a", "b", "other"):
    db.configure(name, BoundedQueue(1)).link_from("mqtt://127.0.0.1:PORT/" + name)

async def main():
    run = asyncio.create_task(db.run())
    await asyncio.sleep(3)
    print(db.consumer("other").subscribe().buffer.held())
    readers = [db.consumer(name).subscribe() for name in ("a", "b")]
    for _ in range(11):
        for reader in readers:
            await reader.recv(timeout_ms=5000)
    print(await db.consumer("other").subscribe().recv(timeout_ms=5000))
    run.cancel()

asyncio.run(main())
"""


def test_records_that_together_hold_what_mosquitto_has_on_its_way_at_most_are_named(mosquitto, tmp_path) -> None:
    with Listener(mosquitto.port) as listener:
        program = Program(tmp_path, TOGETHER, PORT=mosquitto.port)
        until(lambda: b"as together" in mosquitto.log.read_bytes())
        time.sleep(0.3)
        for value in range(11):
            listener.publish("a", b"%d" % value)
            listener.publish("b", b"%d" % value)
        listener.publish("other", b"7")
        assert program.output() == "0\n7\n"
    for name in "ab":
        assert f"record '{name}' has 10 messages of mqtt://127.0.0.1:{mosquitto.port}/{name}" in program.said


AT_ONCE = """
async def main():
    broker = Broker("mqtts://127.0.0.1:PORT", tls=open("CERTIFICATE", "rb").read())
    topic = MqttTopic("mqtts://127.0.0.1:PORT/n")
    async with broker:
        try:
            await topic.push_async(1)
        except Unreachable as er:
            print(er)
asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ("", ""),  # mqtts:// to the port of mqtt://.
        ("certfile {0}.pem\nkeyfile {0}.key\ntls_version tlsv1.3", "MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE"),
        ("certfile {0}.pem\nkeyfile {0}.key\nrequire_certificate true\ncafile {0}.pem", ""),
    ],
    ids=["no TLS", "TLS 1.3 only", "client certificate"],
)
def test_a_broker_that_ends_the_handshake_of_tls_is_told_as_such(tmp_path, readable, settings, reason) -> None:
    name = readable / "broker"
    make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=127.0.0.1"
    run = {"check": True, "capture_output": True}
    subprocess.run([*make.split(), "-keyout", f"{name}.key", "-out", f"{name}.pem"], **run)
    Path(f"{name}.key").chmod(0o644)
    with LocalBroker("mosquitto", "allow_anonymous true\n" + settings.format(name)) as broker:
        said = Program(tmp_path, AT_ONCE, PORT=broker.port, CERTIFICATE=f"{name}.pem").output()
    assert "ended the connection at once; perhaps it has no TLS at this port" in said and reason in said, said


def test_mosquitto_is_there() -> None:
    assert find_mosquitto()
