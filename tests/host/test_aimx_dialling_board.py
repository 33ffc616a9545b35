"""The emulated Pico W dials to a hub by its WiFi: everything arrives in order while connections break."""

from __future__ import annotations

import threading

import pytest
from bench_dialling import SmallHub
from emulated_pico import Board

NODE = """
import asyncio, gc
from aimdb import AimDb, BoundedQueue, SingleLatest
from aimdb_aimx import AimxRecord, Hub

url = "aimx://10.0.0.1:PORT"
hub = Hub(url, timeout_ms=2000, retry_ms=(100, 500))
queue, mirror, record = BoundedQueue(8), SingleLatest(), AimxRecord(url + "/record")
db = AimDb()
db.configure("queue", queue).link_to(url + "/log")
db.configure("mirror", mirror).link_from(url + "/mirror")
db.configure("record", record)

async def main():
    task = asyncio.create_task(db.run())
    for value in range(40):
        await queue.push_async(value)
    while queue.held() or hub.window.flights:
        await asyncio.sleep_ms(20)
    reader = await record.subscribe_async()
    await record.push_async("from the board")
    print("reads", await reader.recv(timeout_ms=5000))
    print("mirrors", mirror.peek(), "lost", hub.lost_count, "dropped", queue.metrics().dropped_count)
    gc.collect()
    print("heap", gc.mem_alloc())
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        pass
    print("connected", hub.connected)

asyncio.run(main())
"""


class Faulty(SmallHub):
    """Keeps what was set, tells it who watches, and breaks the connection at the 10th, 20th and 30th value."""

    log: list = []

    def set(self, name: str, value: object) -> bool:
        self.log.append((name, value))
        for number, topic in self.topics.items():
            if topic in (name, "mirror"):
                self.tell(number, value)
        return len(self.log) not in (10, 20, 30)


@pytest.fixture(scope="module")
def story(wifi_board: Board) -> str:
    """What the board printed."""
    with Faulty.serve() as port:
        return wifi_board.exec(NODE.replace("PORT", str(port)), 400).replace("\r", "")


def test_every_value_arrives_in_order_through_cuts(story: str) -> None:
    values = [value for name, value in Faulty.log if name == "log"]
    assert list(dict.fromkeys(values)) == list(range(40)), story
    assert all(after <= before + 1 for before, after in zip(values, values[1:]))
    assert "lost 3 dropped 0" in story


def test_records_of_the_hub_are_read_and_mirrored(story: str) -> None:
    assert "reads from the board" in story
    assert "mirrors from the board" in story


def test_the_end_of_the_run_ends_the_connection(story: str) -> None:
    assert "connected False" in story
    assert threading.active_count() < 20
