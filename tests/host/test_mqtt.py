"""aimdb_mqtt with real brokers, on the unix port: mosquitto and amqtt, and faults on the way to them."""

from __future__ import annotations

import os
import subprocess
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fault_proxy import FaultProxy
from mqtt_broker import Listener, LocalBroker, find_mosquitto
from pytest_micropython.files import find_tool

ROOT = Path(__file__).parents[2]

BEGINNING = """
import asyncio, sys, time
from aimdb import AimDb, BoundedQueue, SingleLatest, SpmcRing
from aimdb_mqtt import Broker, MqttError, MqttTopic, Refused, Unreachable
"""

needs_mosquitto = pytest.mark.skipif(not find_mosquitto(), reason="mosquitto is not installed: apt install mosquitto")


class Program:
    """A program that the unix port of MicroPython runs, in the folder that is its flash."""

    def __init__(self, folder: Path, code: str, **values: object) -> None:
        text = BEGINNING + textwrap.dedent(code)
        for name, value in values.items():
            text = text.replace(name, str(value))
        environment = {**os.environ, "MICROPYPATH": f"{ROOT}/lib:.frozen"}
        command = [find_tool("micropython"), "-X", "heapsize=600k", "-c", text]
        self.said = ""  # On stderr, once it has ended.
        # Also its stdin: a program that reads from it is to wait there until we end it.
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            command, env=environment, cwd=folder, stdin=pipe, stdout=pipe, stderr=pipe, text=True
        )

    def output(self, timeout: float = 60) -> str:
        """Wait for its end, and return what it printed."""
        try:
            printed, self.said = self.process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            printed, self.said = self.process.communicate()
            raise AssertionError(f"it did not end: {printed}{self.said}") from None
        assert self.process.returncode == 0, printed + self.said
        return printed

    def cut_power(self) -> str:
        """Stop it in the middle of whatever it does, and return what it had printed that was not read yet."""
        self.process.kill()
        printed = self.process.stdout.read()
        self.process.communicate()
        return printed


def until(condition: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.01)


def firsts(payloads: list[bytes]) -> list[int]:
    """Numbers, in the order in which each arrived first."""
    return list(dict.fromkeys(int(payload) for payload in payloads))


@pytest.fixture(params=[pytest.param("mosquitto", marks=needs_mosquitto), "amqtt"])
def broker(request) -> Iterator[LocalBroker]:
    with LocalBroker(request.param) as broker:
        yield broker


@pytest.fixture
def mosquitto() -> Iterator[LocalBroker]:
    if not find_mosquitto():
        pytest.skip("mosquitto is not installed: apt install mosquitto")
    with LocalBroker("mosquitto") as broker:
        yield broker


PRODUCE = """
async def main():
    topic = MqttTopic("mqtt://127.0.0.1:PORT/house/n", qos=1)
    back = MqttTopic("mqtt://127.0.0.1:PORT/house/+")
    db = AimDb()
    db.configure("n", topic)
    db.configure("back", back)
    run = asyncio.create_task(db.run())
    await asyncio.sleep_ms(0)
    reader = await db.consumer("back").subscribe_async()
    for value in range(200):
        await db.producer("n").produce_async(value)
        assert await reader.recv(timeout_ms=10000) == value
    run.cancel()
    print("done")
asyncio.run(main())
"""


def test_each_value_is_with_the_other_client_when_producing_is_done(broker, tmp_path) -> None:
    with Listener(broker.port) as listener:
        assert Program(tmp_path, PRODUCE, PORT=broker.port).output() == "done\n"
        until(lambda: len(listener.messages) == 200)
        assert firsts(listener.payloads("house/n")) == list(range(200))


KEEP = """
from aimdb_flash import FlashQueue, JsonCodec
queue = FlashQueue("journal", JsonCodec(), flush_ms=5, commit_ms=50)
broker = Broker("mqtt://127.0.0.1:PORT", client_id="node", timeout_ms=500, retry_ms=(50, 400), keepalive_s=2)
db = AimDb()
db.configure("kept", queue).link_to("mqtt://127.0.0.1:PORT/kept")

async def source(producer):
    for value in range(FIRST, LAST):
        await producer.produce_async(value)
        print(value)
        await asyncio.sleep_ms(PAUSE)
    print("produced")
    while queue.held():
        await asyncio.sleep_ms(10)
    await queue.flush()
    raise SystemExit

db.configure("kept").source(source)
asyncio.run(db.run())
"""


@needs_mosquitto
def test_broker_down_and_three_power_cuts_lose_nothing_that_was_accepted(mosquitto, tmp_path) -> None:
    with Listener(mosquitto.port) as listener:
        program = Program(tmp_path, KEEP, PORT=mosquitto.port, FIRST=0, LAST=100000, PAUSE=1)
        until(lambda: len(listener.messages) > 50)
        mosquitto.stop()
        accepted = 0
        for _ in range(3):
            while int(line := program.process.stdout.readline()) < accepted + 60:
                pass
            numbers = (line + program.cut_power()).split()
            accepted = int(numbers[-1]) + 1
            program = Program(tmp_path, KEEP, PORT=mosquitto.port, FIRST=accepted, LAST=100000, PAUSE=1)
        program.cut_power()
        # What was produced last may be on flash though its caller never heard of it.
        mosquitto.start()
        program = Program(tmp_path, KEEP, PORT=mosquitto.port, FIRST=10**6, LAST=10**6 + 5, PAUSE=1)
        assert "produced" in program.output()
        until(lambda: 10**6 + 4 in firsts(listener.payloads("kept")))
        arrived = [value for value in firsts(listener.payloads("kept")) if value < 10**6]
        assert arrived[:accepted] == list(range(accepted))


@needs_mosquitto
def test_faults_on_the_way_lose_nothing_and_block_nothing(mosquitto, tmp_path) -> None:
    with Listener(mosquitto.port) as listener, FaultProxy(mosquitto.port) as proxy:
        program = Program(tmp_path, KEEP, PORT=proxy.port, FIRST=0, LAST=1500, PAUSE=2)

        def go_on() -> None:
            before = len(listener.messages)
            until(lambda: len(listener.messages) > before + 20 or program.process.poll() is not None)

        for _ in range(2):
            go_on()
            proxy.reset()
            go_on()
            proxy.swallow = True
            time.sleep(1.2)
            proxy.swallow = False
            go_on()
            mosquitto.stop()
            time.sleep(0.3)
            mosquitto.start()
            go_on()
            proxy.answer_delay = 0.05
            go_on()
            proxy.answer_delay = 0
            proxy.down()
            time.sleep(0.3)
            proxy.up()
        assert "produced" in program.output(90)
        until(lambda: firsts(listener.payloads("kept"))[-1:] == [1499])
        assert firsts(listener.payloads("kept")) == list(range(1500))
        # Repeats only of what was on its way when a connection ended, at most eight messages on each but the first.
        assert len(listener.payloads("kept")) <= 1500 + 8 * (proxy.made - 1)


SLOW = """
broker = Broker("mqtt://127.0.0.1:PORT", client_id="slow", retry_ms=(50, 400))
db = AimDb()
queue = BoundedQueue(1)
db.configure("n", queue).link_from("mqtt://127.0.0.1:PORT/n", capacity=CAPACITY)

async def tap(consumer):
    got = []
    async for value in consumer.subscribe():
        got.append(value)
        await asyncio.sleep_ms(1)
        if value == 299:
            print(got == list(range(300)), broker.lost_count)
            await asyncio.sleep_ms(100)
            raise SystemExit

db.configure("n").tap(tap)

async def ready(consumer):
    async for state in consumer.subscribe():
        if state.connected:
            await asyncio.sleep_ms(100)
            print("ready")

db.configure("state", broker.state).tap(ready)
asyncio.run(db.run())
"""


@needs_mosquitto
@pytest.mark.parametrize("capacity", [1, 3, 20])
def test_of_a_backlog_every_message_comes_once_by_one_connection(mosquitto, tmp_path, capacity) -> None:
    with Listener(mosquitto.port) as listener:
        program = Program(tmp_path, SLOW, PORT=mosquitto.port, CAPACITY=capacity)
        until(lambda: b"as slow" in mosquitto.log.read_bytes())
        time.sleep(0.3)
        program.cut_power()
        listener.publish("n", *(b"%d" % value for value in range(300)))
        program = Program(tmp_path, SLOW, PORT=mosquitto.port, CAPACITY=capacity)
        assert program.output().endswith("True 0\n")


AWAY = """
broker = Broker("mqtt://127.0.0.1:PORT", client_id="away")
db = AimDb()
db.configure("n", BoundedQueue(10)).link_from("mqtt://127.0.0.1:PORT/n")

async def tap(consumer):
    reader = consumer.subscribe()
    for _ in range(COUNT):
        print(await reader.recv())
    await asyncio.sleep_ms(100)
    raise SystemExit

db.configure("n").tap(tap)
asyncio.run(db.run())
"""


@needs_mosquitto
def test_what_comes_while_the_board_is_away_waits_at_the_broker(mosquitto, tmp_path) -> None:
    with Listener(mosquitto.port) as listener:
        program = Program(tmp_path, AWAY, PORT=mosquitto.port, COUNT=1)
        until(lambda: b"as away" in mosquitto.log.read_bytes())
        time.sleep(0.3)
        listener.publish("n", b"0")
        assert program.output() == "0\n"
        listener.publish("n", *(b"%d" % value for value in range(1, 6)))
        assert Program(tmp_path, AWAY, PORT=mosquitto.port, COUNT=5).output() == "1\n2\n3\n4\n5\n"


WILL = """
broker = Broker("mqtt://127.0.0.1:PORT", client_id="mortal", will=("gone", "farewell", 1, True))
async def main():
    async with broker:
        await broker.online()
        print("online")
        await asyncio.sleep(DELAY)
    await asyncio.sleep_ms(100)
asyncio.run(main())
"""


@needs_mosquitto
def test_the_will_is_published_when_the_board_vanishes_and_not_when_it_says_goodbye(mosquitto, tmp_path) -> None:
    with Listener(mosquitto.port) as listener:
        Program(tmp_path, WILL, PORT=mosquitto.port, DELAY=0).output()
        program = Program(tmp_path, WILL, PORT=mosquitto.port, DELAY=60)
        assert program.process.stdout.readline() == "online\n"
        assert listener.messages == []
        program.cut_power()
        until(lambda: listener.messages == [("gone", b"farewell")])
    with Listener(mosquitto.port, "gone") as late:
        until(lambda: late.messages)  # It was retained.


SECRET = """
async def main():
    for url in ("USERS:open%20sesame@127.0.0.1:PORT", "USERS:wrong@127.0.0.1:PORT", "127.0.0.1:PORT"):
        tls = CERTIFICATE and open(CERTIFICATE, "rb").read()
        broker = Broker("SCHEME://" + url, client_id="c", tls=tls or None, retry_ms=(50, 100))
        topic = MqttTopic("SCHEME://127.0.0.1:PORT/n")
        async with broker:
            try:
                await topic.push_async(1)
                print("done")
            except MqttError as er:
                print(type(er).__name__, "not authorized" in str(er), "sesame" in str(er))
asyncio.run(main())
"""


def password_file(folder: Path) -> Path:
    folder.chmod(0o755)
    path = folder / "passwords"
    path.write_text("ali:open sesame\n")
    subprocess.run(["mosquitto_passwd", "-U", path], check=True)
    path.chmod(0o644)
    return path


@pytest.fixture
def readable(tmp_path_factory) -> Iterator[Path]:
    """A folder that mosquitto, which gives up being root, can read."""
    import tempfile

    with tempfile.TemporaryDirectory(prefix="secrets-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@needs_mosquitto
def test_user_and_password(tmp_path, readable) -> None:
    settings = f"allow_anonymous false\npassword_file {password_file(readable)}"
    with LocalBroker("mosquitto", settings) as broker:
        values = {"USERS": "ali", "SCHEME": "mqtt", "CERTIFICATE": None, "PORT": broker.port}
        output = Program(tmp_path, SECRET, **values).output()
        assert output == "done\nRefused True False\nRefused True False\n"


@needs_mosquitto
def test_tls_with_a_certificate_that_is_checked(tmp_path, readable) -> None:
    key, certificate, der = readable / "key.pem", readable / "certificate.pem", readable / "certificate.der"
    make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=127.0.0.1"
    subprocess.run([*make.split(), "-keyout", key, "-out", certificate], check=True, capture_output=True)
    subprocess.run(
        ["openssl", "x509", "-in", certificate, "-outform", "DER", "-out", der], check=True, capture_output=True
    )
    other = readable / "other.der"
    subprocess.run(
        [*make.split(), "-keyout", readable / "k", "-outform", "DER", "-out", other], check=True, capture_output=True
    )
    key.chmod(0o644)
    settings = f"certfile {certificate}\nkeyfile {key}\nallow_anonymous false\npassword_file {password_file(readable)}"
    with LocalBroker("mosquitto", settings) as broker:
        values = {"USERS": "ali", "SCHEME": "mqtts", "PORT": broker.port}
        output = Program(tmp_path, SECRET, CERTIFICATE=repr(str(der)), **values).output()
        assert output == "done\nRefused True False\nRefused True False\n"
        output = Program(tmp_path, SECRET, CERTIFICATE=repr(str(other)), **values).output()
        assert output == "Unreachable False False\n" * 3
