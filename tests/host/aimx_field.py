"""A node with AimX in the field: peers of all manners come to it, and its hub does what hubs do, from a seed."""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from aimx_connection import AimxError
from aimx_peers import VALUES, Peers
from fault_proxy import FaultProxy
from lying_hub import LyingHub
from unix_node import any_port, start_node, wait_until_served

CONNECTIONS = 4
SILENCE_SECONDS = 2.0
PATIENCE_SECONDS = 60.0  # Until it answers, on a machine that does something else as well.

NODE = """
import asyncio, gc
from aimdb import AimDb, BoundedQueue, Mailbox, SingleLatest, SpmcRing, every
from aimdb_aimx import AimxRecord, AimxServer, Hub

URL = "aimx://127.0.0.1:HUB"
number = -1

def heap():
    gc.collect()
    return gc.mem_alloc()

def count():
    global number
    number += 1
    return number

async def account(producer):
    number = 0
    while True:
        await producer.produce_async(number)
        number += 1
        await asyncio.sleep_ms(10)

async def work(consumer):
    async for value in consumer.subscribe():
        await asyncio.sleep_ms(20)

hub = Hub(URL, timeout_ms=1000, retry_ms=(20, 500), keepalive_s=2, max_frame=512)
db = AimDb(profile=True)
db.configure("heap", SingleLatest()).source(every(500, heap)).remote()
db.configure("ring", SpmcRing(16)).source(every(10, count)).remote()
db.configure("setting", SingleLatest()).remote(write=True)
db.configure("work", BoundedQueue(4)).tap(work).remote(write=True)
db.configure("command", Mailbox()).remote(write=True)
db.configure("log", BoundedQueue(16)).source(account).link_to(URL + "/log").remote()
db.configure("orders", SpmcRing(8)).link_from(URL + "/orders").remote()
db.configure("echo", AimxRecord(URL + "/echo"))
db.configure("given up", SingleLatest()).source(every(500, lambda: hub.given_up_count)).remote()
db.configure("hub", hub.state)
AimxServer(db, tcp=PORT, anyone="write", timeout_ms=1000, silence_ms=SILENCE, connections=CONNECTIONS)
db.configure("aimx").remote()
asyncio.run(db.run())
"""


class Field:
    """From `with` to its end. `say` gets a line for each thing that happens."""

    def __init__(self, seed: int, say: Callable[[str], object]) -> None:
        self._say = say
        self._random = random.Random(seed)
        self._hub = LyingHub(seed)
        self._proxy = FaultProxy(self._hub.port)
        self._port = any_port()
        self._peers = Peers(self._port, CONNECTIONS, self._random)
        names = {"PORT": self._port, "HUB": self._proxy.port, "CONNECTIONS": CONNECTIONS}
        code = NODE.replace("SILENCE", str(int(SILENCE_SECONDS * 1000)))
        for name, number in names.items():
            code = code.replace(name, str(number))
        self._errors = Path(f"/tmp/aimx-field-{os.getpid()}.log").open("w+")
        self._node = start_node(code, stdout=self._errors, stderr=subprocess.STDOUT)
        self.counts: dict[str, int] = {}

    def __enter__(self) -> Field:
        wait_until_served(self._node, self._port)
        return self

    def __exit__(self, *exception: object) -> None:
        self._node.kill()
        self._node.wait()
        self._peers.leave()
        self._proxy.down()
        self._hub.close()
        self._errors.close()
        Path(self._errors.name).unlink()

    # What is seen of the node

    @property
    def console(self) -> str:
        return Path(self._errors.name).read_text()

    def value(self, key: str) -> int:
        """Of a record: asked for until there is a place for one more peer. Raises AssertionError."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                with contextlib.closing(self._peers.client()) as client:
                    return client.call("record.get", {"name": key})
            except AimxError as error:
                assert self._node.poll() is None, self.console[-3000:]
                assert time.monotonic() < deadline, f"{key} is not answered: {error}"
                time.sleep(0.1)

    def open_sockets(self) -> int:
        count = 0
        for name in Path(f"/proc/{self._node.pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):  # It was closed just now.
                count += "socket" in os.readlink(name)
        return count

    def settle(self) -> tuple[int, int]:
        """Wait until all peers are gone, and the hub is there: (bytes of heap, open sockets)."""
        self._peers.leave()
        self._wait(lambda: self.value("aimx") == 1, "alone with its peer")
        logged = len(self._hub.log)
        self._wait(lambda: len(self._hub.log) > logged + 50, "sending to its hub")
        heaps, sockets = [], []
        for _ in range(5):
            heaps.append(self.value("heap"))
            time.sleep(0.6)  # The node closes the connection by which it was asked.
            sockets.append(self.open_sockets())
        return min(heaps), min(sockets)

    def given_up(self) -> int:
        """How many values the node itself has counted as such that the hub will never get."""
        return self.value("given up")

    def missing(self) -> int:
        """How many values of the log have never come to the hub, though later ones have."""
        return max(self._hub.log) + 1 - len(set(self._hub.log)) if self._hub.log else 0

    def _wait(self, condition: Callable[[], object], what: str) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            assert time.monotonic() < deadline, f"not {what}"
            time.sleep(0.1)

    def _pause(self, seconds: float) -> None:
        time.sleep(self._random.uniform(0, seconds))

    # What its hub does. Each takes a second or two, and is over when it returns.

    def kill_hub(self) -> None:
        self._proxy.down()
        self._pause(2)
        self._proxy.up()

    def cut_hub(self) -> None:
        self._proxy.reset()
        self._pause(0.5)

    def freeze_hub(self) -> None:
        """All looks well, and nothing arrives."""
        self._proxy.swallow = True
        self._pause(3)
        self._proxy.swallow = False
        self._proxy.reset()

    def have_the_hub_lie(self) -> None:
        self._hub.lies = True
        self._pause(2)
        self._hub.lies = False
        self._hub.kick()  # It may have been told that something is acknowledged which is not.

    def order(self) -> None:
        for _ in range(100):
            self._hub.order(self._random.choice(VALUES))

    def _all(self) -> list[Callable[[], None]]:
        peers = self._peers
        of_peers = [peers.ask, peers.watch, peers.cut, peers.babble, peers.read_slowly, peers.crowd]
        return [*of_peers, self.kill_hub, self.cut_hub, self.freeze_hub, self.have_the_hub_lie, self.order]

    def suffer(self, until: float = 0) -> None:
        """Each of them once; or until then."""
        faults = self._all()
        self._random.shuffle(faults)
        while faults if not until else time.monotonic() < until:
            fault = self._random.choice(self._all()) if until else faults.pop()
            self.counts[fault.__name__] = self.counts.get(fault.__name__, 0) + 1
            try:
                fault()
            except AimxError as error:
                # Others have taken all places, or it was too slow for one who takes nothing.
                assert "ended" in str(error) or "closed" in str(error) or "broken" in str(error), error
            assert self._node.poll() is None, self.console[-3000:]
        self._say(f"{sum(self.counts.values())} faults; {len(self._hub.log)} values have come to the hub")
