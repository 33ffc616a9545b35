"""A board on the unix port and a real AimDB: the board dials to it, and it dials to the board."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from aimdb_tools import HOW, find_hub
from unix_node import any_port, start_node

pytestmark = pytest.mark.skipif(not find_hub(), reason=HOW)


class Hub:
    """The program of tools/aimdb-hub; `lines` is what it has printed."""

    def __init__(self, *arguments: str) -> None:
        self.arguments = arguments
        self.lines: list[str] = []
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen([str(find_hub()), *self.arguments], stdout=subprocess.PIPE, text=True)
        reader = threading.Thread(target=self._read, args=(self.process.stdout,), daemon=True)
        reader.start()

    def _read(self, output) -> None:
        for line in output:
            self.lines.append(line.strip())

    def values(self, key: str) -> list[int]:
        return [json.loads(line.partition(" ")[2])["n"] for line in self.lines if line.startswith(key + " ")]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


def until(condition, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.02)


@pytest.fixture
def port() -> int:
    return any_port()


@pytest.fixture
def hub(port: int) -> Iterator[Hub]:
    hub = Hub("serve", f"127.0.0.1:{port}")
    until(lambda: "up" in hub.lines)
    try:
        yield hub
    finally:
        hub.kill()


def board(code: str, port: int) -> subprocess.Popen:
    """A node on the unix port that runs `code`; URL stands for that of the hub."""
    code = code.replace("URL", f"aimx://127.0.0.1:{port}").replace("PORT", str(port))
    return start_node(code, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def result_of(node: subprocess.Popen) -> str:
    output, errors = node.communicate(timeout=60)
    assert node.returncode == 0, errors
    return output


START = """
import asyncio
from aimdb import AimDb, BoundedQueue, JsonCodec, SingleLatest
from aimdb_aimx import AimxRecord, Hub, Refused

hub = Hub("URL", timeout_ms=1000, retry_ms=(20, 200), keepalive_s=2)
db = AimDb()

async def main():
    task = asyncio.create_task(db.run())
    await work()
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        pass
"""


def test_a_board_writes_to_a_hub_in_order_and_reads_from_it(hub: Hub, port: int) -> None:
    node = board(
        START
        + """
queue, counter, setting, closed = BoundedQueue(8), SingleLatest(), AimxRecord("URL/setting"), AimxRecord("URL/closed")
db.configure("log", queue).link_to("URL/log")
db.configure("counter", counter).link_from("URL/counter")
db.configure("setting", setting)
db.configure("closed", closed)

async def work():
    for n in range(100):
        await queue.push_async({"n": n})
    await setting.push_async({"n": 5})
    reader = await setting.subscribe_async()
    print(await reader.recv(timeout_ms=5000))
    for record, value in ((closed, {"n": 1}), (setting, {"level": 1}), (setting, "five")):
        try:
            await record.push_async(value)
        except Refused as er:
            print(er)
    first = counter.peek()
    while counter.peek() == first or queue.held() or hub.window.flights:
        await asyncio.sleep_ms(10)
    print(hub.lost_count, hub.lagged_count)

asyncio.run(main())
""",
        port,
    )
    lines = result_of(node).splitlines()
    assert lines[0] == "{'n': 5}"
    assert [line.rpartition(" ")[2] for line in lines[1:4]] == ["denied", "internal", "internal"]
    assert lines[4] == "0 0"
    assert hub.values("log") == list(range(100))
    until(lambda: hub.values("setting") == [5])


@pytest.mark.parametrize("how", ["killed", "frozen"])
def test_a_hub_that_goes_and_comes_gets_every_value_in_order(hub: Hub, port: int, how: str, tmp_path: Path) -> None:
    node = board(
        START
        + """
from aimdb_flash import FlashQueue
queue = FlashQueue("FOLDER", JsonCodec(), flush_ms=1, commit_ms=1)
db.configure("log", queue).link_to("URL/log")

async def work():
    for n in range(300):
        await queue.push_async({"n": n})
        await asyncio.sleep_ms(5)
    while queue.held() or hub.window.flights:
        await asyncio.sleep_ms(10)
    print(hub.lost_count, hub.given_up_count)

asyncio.run(main())
""".replace("FOLDER", str(tmp_path / "queue")),
        port,
    )
    for _ in range(2):
        seen = len(hub.lines)
        until(lambda seen=seen: len(hub.lines) > seen + 20)
        if how == "killed":
            hub.kill()
            time.sleep(0.2)
            hub.start()
        else:
            hub.process.send_signal(signal.SIGSTOP)
            time.sleep(1.5)
            hub.process.send_signal(signal.SIGCONT)
    lost, given_up = result_of(node).split()
    assert int(lost) >= 1 and given_up == "0"
    until(lambda: hub.values("log")[-1] == 299)
    values = hub.values("log")
    assert all(after <= before + 1 for before, after in zip(values, values[1:]))
    assert sorted(set(values)) == list(range(300))


def test_a_board_waits_for_a_place_on_a_hub_that_is_full(port: int) -> None:
    hub = Hub("serve", f"127.0.0.1:{port}", "2")
    until(lambda: "up" in hub.lines)
    others = [socket.create_connection(("127.0.0.1", port)) for _ in range(2)]
    node = board(
        START
        + """
queue = BoundedQueue(8)
db.configure("log", queue).link_to("URL/log")
queue.push({"n": 1})

async def work():
    while hub.state.peek().attempts < 3:
        await asyncio.sleep_ms(10)
    print(hub.state.peek().last_error)
    while queue.held() or hub.window.flights:
        await asyncio.sleep_ms(10)

asyncio.run(main())
""",
        port,
    )
    try:
        time.sleep(1)
        assert node.poll() is None and hub.values("log") == []
        others.pop().close()
        assert "perhaps it has as many as it takes" in result_of(node)
        until(lambda: hub.values("log") == [1])
    finally:
        hub.kill()


def test_an_aimdb_mirrors_a_record_of_the_board_and_writes_one_of_it(port: int) -> None:
    node = board(
        """
import asyncio
from aimdb import AimDb, SingleLatest
from aimdb_aimx import AimxServer

db = AimDb()

async def count(producer):
    n = 0
    while True:
        n += 1
        producer.produce({"n": n})
        await asyncio.sleep_ms(20)

async def show(consumer):
    async for value in consumer.subscribe():
        print(value["n"])
        if value["n"] > 10:
            raise SystemExit

db.configure("counter", SingleLatest()).source(count).remote()
db.configure("setting", SingleLatest()).tap(show).remote(write=True)
AimxServer(db, tcp=PORT, anyone="write")
asyncio.run(db.run())
""",
        port,
    )
    until(lambda: not socket.socket().connect_ex(("127.0.0.1", port)))
    dialler = Hub("dial", f"127.0.0.1:{port}")
    try:
        assert len(result_of(node).split()) > 3
        until(lambda: len(dialler.values("counter")) > 3)
    finally:
        dialler.kill()
