"""AimDB's own command line and a node on the emulated Pico W, by its WiFi and by a UART."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator

import pytest
from aimdb_tools import HOW, find_aimdb
from aimx_connection import AimxClient, dial
from emulated_pico import Board

pytestmark = pytest.mark.skipif(not find_aimdb(), reason=HOW)

NODE = """
import asyncio, gc, time
from machine import UART, Pin
from aimdb import AimDb, SingleLatest, SpmcRing
from aimdb_aimx import AimxServer

db = AimDb()

async def count(producer):
    number = 0
    while True:
        number += 1
        producer.produce(number)
        await asyncio.sleep_ms(200)

for number in range(8):
    db.configure("sensors.number%d" % number, SpmcRing(8)).remote()
db.configure("counter", SingleLatest()).source(count).remote()
db.configure("setting", SingleLatest()).remote(write=True)
uart = UART(0, 115200, tx=Pin(0), rx=Pin(1), txbuf=256, rxbuf=256)
server = AimxServer(db, tcp=7433, anyone="write", serial=uart)

async def main():
    task = asyncio.create_task(db.run())
    await asyncio.sleep_ms(300)
    print("serving")
    setting = db.consumer("setting").buffer
    while setting.peek() != "end":
        if setting.peek() == "busy":
            setting.push("idle")
            await asyncio.sleep_ms(100)  # In which the peer gets its reply.
            time.sleep_ms(1500)
        await asyncio.sleep_ms(100)
    gc.collect()
    print("malformed", server.malformed_count, "refused", server.refused_count, "error", server.last_error)
    task.cancel()

asyncio.run(main())
"""

Cli = Callable[..., str]


@pytest.fixture(scope="module")
def story(wifi_board: Board) -> Iterator[tuple[str, dict[str, list[str]]]]:
    """What the board printed, and what the commands did, each of them by both ways."""
    urls = [f"tcp://127.0.0.1:{wifi_board.forward(7433)}", f"serial://{wifi_board.serve_uart(0)}"]
    said: dict[str, list[str]] = {}

    def cli(url: str, *command: str) -> str:
        program = [find_aimdb(), "--connect", url, *command]
        environment = {**os.environ, "NO_COLOR": "1"}
        result = subprocess.run(program, capture_output=True, text=True, timeout=90, env=environment)
        said.setdefault(" ".join(command[:2]), []).append(result.stdout + result.stderr)
        return result.stdout

    def hear(text: str) -> None:
        if "serving" not in text:
            return
        for url in urls:
            for _ in range(2):
                cli(url, "instance", "ping")
                cli(url, "record", "get", "counter")
                cli(url, "watch", "counter", "-c", "3")
            cli(url, "instance", "info")
            cli(url, "record", "list", "-f", "json")
            cli(url, "record", "set", "setting", json.dumps({"by": url[:3]}))
            cli(url, "graph", "nodes")
            cli(url, "graph", "edges")
            cli(url, "graph", "order")
            cli(url, "graph", "dot")
        watchers = [
            subprocess.Popen(
                [find_aimdb(), "--connect", url, "watch", "counter", "-c", "5"], stdout=subprocess.PIPE, text=True
            )
            for url in urls
        ]
        said["both"] = [watcher.communicate(timeout=90)[0] for watcher in watchers]
        said["at once"] = greeted_at_once(urls[0])
        cli(urls[0], "record", "set", "setting", '"end"')

    printed = wifi_board.exec(NODE, 600, on_output=hear)
    yield printed.replace("\r", ""), said


def test_every_command_is_answered_by_wifi_and_by_uart_twice_in_a_row(story) -> None:
    _, said = story
    assert [text.count("Connection successful") for text in said["instance ping"]] == [1, 1, 1, 1]
    assert all(int(text) > 0 for text in said["record get"])
    assert [text.count("seq:") for text in said["watch counter"]] == [3, 3, 3, 3]
    assert all("setting" in text for text in said["instance info"])
    assert [len(json.loads(text)) for text in said["record list"]] == [10, 10]
    assert all("Successfully set" in text for text in said["record set"])
    for command in ("graph nodes", "graph edges", "graph order", "graph dot"):
        assert all("counter" in text for text in said[command]), said[command]


def greeted_at_once(url: str) -> list[str]:
    """By what peers are greeted that have come while the board did something else, so that all wait at its door."""
    peers = [AimxClient(dial(url), 60)]
    peers[0].hello("first")
    peers[0].call("record.set", {"name": "setting", "value": "busy"})
    time.sleep(0.5)
    peers += [AimxClient(dial(url), 60) for _ in range(3)]
    greeted = [peer.hello("other")["server"] for peer in peers]
    for peer in peers:
        peer.close()
    return greeted


def test_as_many_peers_as_there_are_places_may_come_at_once(story) -> None:
    assert story[1]["at once"] == ["aimdb"] * 4


def test_both_ways_are_watched_at_once(story) -> None:
    assert [text.count("seq:") for text in story[1]["both"]] == [5, 5]


def test_nothing_was_refused_or_malformed(story) -> None:
    assert "malformed 0 refused 0 error None" in story[0], story[0]
