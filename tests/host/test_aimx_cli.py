"""AimDB's own command line and a node on the unix port, by TCP and by a serial line."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator

import pytest
from aimdb_tools import HOW, find_aimdb
from unix_node import serving_node

pytestmark = pytest.mark.skipif(not find_aimdb(), reason=HOW)

NODE = """
import asyncio
from aimdb import AimDb, Mailbox, SingleLatest, SpmcRing
from aimdb_aimx import AimxServer

db = AimDb(profile=True)

async def count(producer):
    number = 0
    while True:
        number += 1
        producer.produce({"value": number})
        await asyncio.sleep_ms(50)

async def tap(consumer):
    async for _ in consumer.subscribe():
        pass

db.configure("counter", SingleLatest()).source(count).tap(tap).remote(write=True)
db.configure("sensors.temp", SpmcRing(16)).transform("counter", lambda value: 20 + value["value"] % 5).remote()
db.configure("station.\u00e9lan", SingleLatest()).remote(write=True)
db.configure("setting", SingleLatest()).remote(write=True)
db.configure("command", Mailbox()).remote(write=True)
db.configure("private", SingleLatest())
db.configure("counter").signal_gauge("count").update(float("nan"))
db.configure("setting").signal_gauge("level", "m").update(True)
serial = open(NEAR, "r+b", buffering=0)
AimxServer(db, tcp=PORT, anyone="write", serial=serial)
asyncio.run(db.run())
"""

Cli = Callable[..., str]


@pytest.fixture(scope="module")
def node() -> Iterator[dict[str, str]]:
    """The URLs at which a node is reached."""
    with serving_node(NODE) as (port, line):
        yield {"tcp": f"tcp://127.0.0.1:{port}", "serial": f"serial://{line}"}


@pytest.fixture(params=["tcp", "serial"])
def cli(node: dict[str, str], request: pytest.FixtureRequest) -> Cli:
    """Runs a command, and returns what it prints; an error is returned, too."""

    def run(*command: str) -> str:
        result = subprocess.run(
            [find_aimdb(), "--connect", node[request.param], *command],
            capture_output=True,
            text=True,
            timeout=20,
            env={**os.environ, "NO_COLOR": "1"},
        )
        return result.stdout if not result.returncode else result.stderr

    return run


def test_it_is_an_instance_of_aimdb(cli: Cli) -> None:
    assert "Connection successful" in cli("instance", "ping")
    info = cli("instance", "info")
    assert "Server: aimdb" in info and "Protocol: 3.0" in info and "setting" in info and "counter" not in info


def test_records_are_listed_with_what_they_are(cli: Cli) -> None:
    listed = {record["record_key"]: record for record in json.loads(cli("record", "list", "-f", "json"))}
    assert sorted(listed) == ["command", "counter", "sensors.temp", "setting", "station.élan"]
    assert listed["counter"]["origin"] == "source" and listed["counter"]["consumer_count"] == 1
    assert listed["counter"]["produced_count"] > 0 and not listed["counter"]["writable"]
    assert listed["sensors.temp"]["origin"] == {"transform": {"input": "counter"}}
    assert "sensors.temp" in cli("record", "list")
    assert "counter" not in cli("record", "list", "--writable")


def test_records_are_read_and_written(cli: Cli) -> None:
    for number in range(3):
        value = {"level": number, "text": 'é"\\'}
        assert "Successfully set" in cli("record", "set", "setting", json.dumps(value))
        assert json.loads(cli("record", "get", "setting")) == value
    assert json.loads(cli("record", "get", "counter"))["value"] > 0
    assert "Successfully set" in cli("record", "set", "station.élan", "[1, 2.5]")
    assert json.loads(cli("record", "get", "station.élan")) == [1, 2.5]
    assert "not_found" in cli("record", "get", "private")
    for key in ("counter", "sensors.temp", "private", "nosuch"):
        assert "denied" in cli("record", "set", key, "5")
    assert "internal" in cli("record", "set", "setting", "null")
    assert "internal" in cli("record", "set", "setting", json.dumps("x" * 3000))


def test_every_watch_shows_values(cli: Cli) -> None:
    for _ in range(3):  # Its ids are the same each time.
        seen = [line for line in cli("watch", "counter", "-c", "3").splitlines() if "seq:" in line]
        assert [line.split("seq:")[1].split()[0] for line in seen] == ["1", "2", "3"]
    assert "gap" not in cli("watch", "sensors.#", "-c", "3")
    everything = cli("watch", "#", "-c", "4", "--full")
    assert "snapshot complete" in everything and "private" not in everything


def test_the_wiring_is_shown(cli: Cli) -> None:
    assert "sensors.temp" in cli("graph", "nodes")
    assert "transform" in cli("graph", "edges")
    order = cli("graph", "order")
    assert order.index("counter") < order.index("sensors.temp")
    assert "counter -> sensors_temp" in cli("graph", "dot")


def test_two_watch_at_once_beside_one_on_the_serial_line(node: dict[str, str]) -> None:
    watchers = [
        subprocess.Popen(
            [find_aimdb(), "--connect", url, "watch", "counter", "-c", "10"], stdout=subprocess.PIPE, text=True
        )
        for url in (node["tcp"], node["tcp"], node["serial"])
    ]
    for watcher in watchers:
        assert watcher.communicate(timeout=20)[0].count("seq:") == 10


def test_what_a_client_that_died_has_left_on_the_line_costs_no_command(node: dict[str, str]) -> None:
    for part in (b'\x57{"t":"req","id":1,"met', b"\x87" + b"x" * 134):
        line = node["serial"].removeprefix("serial://")
        with open(line, "wb", buffering=0) as port:
            port.write(part)
        ping = subprocess.run([find_aimdb(), "--connect", node["serial"], "instance", "ping"], timeout=20)
        assert not ping.returncode, part


MANY = """
import asyncio
from aimdb import AimDb, SingleLatest
from aimdb_aimx import AimxServer

db = AimDb()
for number in range(60):
    db.configure("sensors.number%d" % number, SingleLatest()).remote()
AimxServer(db, tcp=PORT, anyone="read", serial=open(NEAR, "r+b", buffering=0))
asyncio.run(db.run())
"""


def test_of_more_records_than_a_line_carries_it_shows_the_first_and_how_many_more_there_are() -> None:
    with serving_node(MANY) as (port, line):
        shown = {}
        for name, url in (("tcp", f"tcp://127.0.0.1:{port}"), ("serial", f"serial://{line}")):
            for command in (("record", "list"), ("graph", "nodes"), ("graph", "dot")):
                result = subprocess.run(
                    [find_aimdb(), "--connect", url, *command], capture_output=True, text=True, timeout=30
                )
                shown[name, command[1]] = result.stdout + result.stderr
    assert "sensors.number59" in shown["tcp", "list"] and " more, as" not in shown["tcp", "list"]
    assert shown["serial", "list"].count("sensors.number") == 35
    assert "and 25 more, as a frame has 8192 bytes" in shown["serial", "list"]
    for name, graph in shown.items():
        assert "sensors.number59" in graph or name == ("serial", "list"), graph
