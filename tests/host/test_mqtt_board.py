"""A node on the emulated Pico W, its WiFi, and a real broker: whatever happens between them, nothing is lost."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
from board_image import library_image
from emulated_pico import Board
from fault_proxy import FaultProxy
from mqtt_broker import Listener, LocalBroker, Outage, find_mosquitto

COUNT = 110

NODE = """
import asyncio, gc, time, wifi
from aimdb import AimDb
from aimdb_flash import FlashQueue, JsonCodec
from aimdb_mqtt import Broker

URL = "mqtt://10.0.0.1:PORT"
broker = Broker(URL, client_id="node", timeout_ms=800, retry_ms=(100, 400), keepalive_s=4)
queue = FlashQueue("/journal", JsonCodec(), flush_ms=200, flush_records=64)
db = AimDb()

async def rest():
    # Until nothing is held or on its way; then the heap can be compared.
    while queue.held() or not broker.state.peek().connected:
        await asyncio.sleep_ms(50)
    sizes = []
    for _ in range(4):  # What was loaded for a moment may still be there at the first look.
        await asyncio.sleep_ms(300)
        gc.collect()
        sizes.append(gc.mem_alloc())
    print("heap", min(sizes))

async def read(producer):
    for number in range(COUNT):
        if number == 45:  # What faults need is loaded by now.
            await rest()
        while number in FAULTS and not broker.state.peek().connected:
            await asyncio.sleep_ms(20)
        if number % 10 == 0:
            print("value", number)
        producer.produce(number)
        await asyncio.sleep_ms(40)
    await rest()
    raise ZeroDivisionError

async def watch(consumer):
    async for state in consumer.subscribe():
        print("state", state.connected, state.attempts, state.last_error)

db.configure("kept", queue).source(read).link_to(URL + "/kept")
db.configure("broker", broker.state).tap(watch)

async def main():
    keep = asyncio.create_task(wifi.keep_joined("RP2040PY-GUEST", "password", lambda joined: print("joined", joined)))
    try:
        await db.run()
    except ZeroDivisionError:
        print("dropped", queue.metrics().dropped_count)
    keep.cancel()
    queue.release()
    await asyncio.sleep_ms(100)

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def story(wifi_board: Board) -> tuple[str, list[bytes]]:
    """What the node printed, and what arrived, on a day on which everything goes wrong."""
    with LocalBroker() as broker, Listener(broker.port) as listener, FaultProxy(broker.port) as proxy:
        outage = Outage(broker, proxy, listener)
        faults = {
            10: outage.begin,
            30: proxy.reset,
            50: lambda: setattr(proxy, "swallow", True),
            90: wifi_board.drop_wifi,
        }
        happens = {
            **faults,
            20: outage.end,
            80: lambda: setattr(proxy, "swallow", False),
            100: lambda: setattr(proxy, "answer_delay", 0.05),
        }
        printed = ""

        def hear(text: str) -> None:
            nonlocal printed
            printed += text
            for number in [number for number in happens if f"value {number}\n" in printed.replace("\r", "")]:
                happens.pop(number)()

        node = NODE.replace("PORT", str(proxy.port)).replace("COUNT", str(COUNT)).replace("FAULTS", str(tuple(faults)))
        wifi_board.exec(node, 400, on_output=hear)
        assert not happens
        return printed.replace("\r", ""), listener.payloads("kept")


def test_every_value_arrives_in_order_through_all_faults(story) -> None:
    printed, arrived = story
    assert "dropped 0" in printed, printed
    assert [int(payload) for payload in dict.fromkeys(arrived)] == list(range(COUNT)), printed


def test_values_arrive_twice_only_around_a_lost_connection(story) -> None:
    printed, arrived = story
    assert len(arrived) - COUNT <= 8 * printed.count("state False"), printed


def test_the_state_tells_of_each_outage_and_of_its_end(story) -> None:
    printed, _ = story
    states = [line.split()[1] for line in printed.splitlines() if line.startswith("state")]
    assert states[-1] == "True", printed
    lost = sum(states[number : number + 2] == ["True", "False"] for number in range(len(states)))
    assert lost >= 4, printed


def test_the_wifi_is_joined_again(story) -> None:
    printed, _ = story
    assert printed.count("joined True") == 2, printed


def test_the_heap_does_not_grow(story) -> None:
    printed, _ = story
    before, after = [int(line.split()[1]) for line in printed.splitlines() if line.startswith("heap")]
    assert after < before + 2000, printed


# The clock of a board that has just started says 2021.
HANDSHAKES = """
import asyncio
from aimdb import AimDb, SingleLatest
from aimdb_mqtt import Broker

async def attempts(broker, count):
    db = AimDb()
    db.configure("n", SingleLatest()).link_to(broker.name + "/n", broker=broker)
    run = asyncio.create_task(db.run())
    while broker.state.peek().attempts < count:
        await asyncio.sleep_ms(20)
    print(broker.state.peek().last_error)
    run.cancel()

async def main():
    tls = bytes.fromhex("CERTIFICATE")
    await attempts(Broker("mqtts://10.0.0.1:PLAIN", client_id="a", tls=tls, retry_ms=(10, 20)), 8)
    await attempts(Broker("mqtts://10.0.0.1:SECURE", client_id="b", tls=tls), 1)
    async with Broker("mqtt://10.0.0.1:PLAIN", client_id="c") as broker:
        while not broker.connected:
            await asyncio.sleep_ms(20)
        print("connected")

asyncio.run(main())
"""


def test_eight_failed_handshakes_leave_sockets_for_others_and_an_old_clock_is_told(wifi_board) -> None:
    if not find_mosquitto():
        pytest.skip("mosquitto is not installed: apt install mosquitto")
    with tempfile.TemporaryDirectory(prefix="secrets-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        key, certificate, der = folder / "key.pem", folder / "certificate.pem", folder / "certificate.der"
        make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=10.0.0.1"
        subprocess.run([*make.split(), "-keyout", key, "-out", certificate], check=True, capture_output=True)
        convert = ["openssl", "x509", "-in", certificate, "-outform", "DER", "-out", der]
        subprocess.run(convert, check=True, capture_output=True)
        key.chmod(0o644)
        settings = f"certfile {certificate}\nkeyfile {key}\nallow_anonymous true"
        with LocalBroker("mosquitto", settings) as secure, LocalBroker("mosquitto") as plain:
            code = HANDSHAKES.replace("PLAIN", str(plain.port)).replace("SECURE", str(secure.port))
            printed = wifi_board.exec(code.replace("CERTIFICATE", der.read_bytes().hex()), 400)
    first, second, third = printed.replace("\r", "").splitlines()[-3:]
    assert "the clock says 2021" in second, printed
    assert third == "connected", printed


# Each start of the board keeps its number in a file; a sample is that number and its own.
HOUR = """
import asyncio, os, time, wifi
from aimdb import AimDb
from aimdb_flash import FlashQueue, JsonCodec
from aimdb_mqtt import Broker

start = len([name for name in os.listdir("/") if name.startswith("start")])
open("/start%d" % start, "w").close()
queue = FlashQueue("/queue", JsonCodec(), max_size=131072)
db = AimDb()

async def read(producer):
    number = 0
    while True:
        await producer.produce_async([start, number])
        print("kept", start, number)
        number += 1
        await asyncio.sleep(10)

db.configure("kept", queue).source(read).link_to("mqtt://10.0.0.1:PORT/kept")

async def main():
    asyncio.create_task(wifi.keep_joined("RP2040PY-GUEST", "password", lambda joined: print("joined", joined)))
    await db.run()

asyncio.run(main())
"""


@pytest.mark.skipif(not os.environ.get("SOAK"), reason="minutes long: make soak")
def test_an_hour_without_a_broker_and_three_restarts_lose_nothing_that_was_kept() -> None:
    with LocalBroker() as broker:
        broker.stop()
        image = library_image({"main.py": HOUR.replace("PORT", str(broker.port)).encode()})
        passed = 0
        for start in range(4):
            # Not paced: the time in which the board waits passes in no time.
            with Board(filesystem=image) as board:
                board.wait_for("joined True", 300)
                board.wait_for(f"kept {start} 90\r", 300)
            image = board.filesystem()
            passed += board.nanoseconds
        assert passed > 3600 * 10**9
        broker.start()
        with Listener(broker.port) as listener, Board(filesystem=image, paced=True):
            deadline = time.monotonic() + 300
            while b"[4, 1]" not in listener.payloads("kept") and time.monotonic() < deadline:
                time.sleep(0.1)
            arrived = [tuple(json.loads(payload)) for payload in dict.fromkeys(listener.payloads("kept"))]
        assert arrived == sorted(arrived)
        for start in range(4):
            numbers = [number for at, number in arrived if at == start]
            assert numbers == list(range(len(numbers))) and len(numbers) > 90, (start, len(numbers))
