"""A queue on flash in front of a hub: whatever byte is the last of a connection, and whatever operation that of the
flash, every value that was acknowledged arrives, in order.
"""

import asyncio
import random

from aimdb import AimDb, JsonCodec
from aimdb_flash import BlockStorage, FlashQueue
from aimdb_flash.storage import claimed
from flash_devices import Flash, PowerCut
from harness import equal, skip, target

if target != "unix":
    skip("the hub of these tests needs the loopback of a computer")

from os import getenv

from aimdb_aimx import AimxRecord, AimxServer, Hub
from aimdb_aimx.hub import hubs
from scripted_hub import hasty
from scripted_peer import free_port, running, until
from still_hub import StillHub

SOAK = int(getenv("SOAK") or 1)
TIME_LIMIT = 300 + 60 * SOAK
STEP = max(1, 17 // SOAK)  # From one byte to the next that is the last.
SEEDS = 12 * SOAK
IN_FLIGHT = 3


class Account:
    """What a node has been told of the values that it has produced, through all its starts."""

    def __init__(self):
        self.next = 0
        self.acknowledged = []
        self.hub = None

    async def work(self, server, flash, total):
        """A node from its start until all its values have arrived."""
        tending = asyncio.create_task(server.tend())
        self.hub = hasty(server, timeout_ms=40, retry_ms=(1, 3), in_flight=IN_FLIGHT)
        queue = FlashQueue(BlockStorage(flash), JsonCodec(), flush_ms=1, commit_ms=1)
        db = AimDb()
        db.configure("n", queue).link_to(server.url + "/n")
        async with running(db):
            while self.next < total:
                value = self.next
                self.next += 1  # After a power cut nobody knows of this one.
                await queue.push_async(value)
                self.acknowledged.append(value)
            await until(lambda: not queue.held() and not self.hub.window.flights)
        equal(self.hub.given_up_count, 0)
        queue.close()
        claimed.clear()
        tending.cancel()

    def check(self, server):
        """All have arrived and in order, on each connection only once."""
        arrived = []
        for values in server.values:
            equal(values, sorted(set(values)))
            if values and arrived:
                assert values[0] <= self._after(arrived[-1]), server.values
            arrived += values
        equal([value for value in self.acknowledged if value not in arrived], [])
        return arrived

    def _after(self, value):
        # The next one that was acknowledged: those between may be lost, as their producer never heard of them.
        return min([each for each in self.acknowledged if each > value] + [self.next])


async def ended(server, how, at):
    """Whether a connection, or some in a row, have come to that byte, which was their last."""
    server.faults = [(how, at)] * (at % 4 + 1)
    account = Account()
    await account.work(server, Flash(6, 1024), 6)
    arrived = account.check(server)
    equal(sorted(set(arrived)), list(range(6)))
    again = len(arrived) - 6
    assert again <= IN_FLIGHT * (len(server.values) - 1), server.values
    return len(server.values) > 1


async def test_whichever_byte_is_the_last_of_a_connection_all_values_arrive_in_order():
    for how in ("in", "out", "dead"):
        at = random.randint(1, STEP)
        while True:
            with StillHub() as server:
                try:
                    if not await ended(server, how, at):
                        break
                except BaseException:
                    print("at byte", at, how)
                    raise
            at += STEP
        assert at > 300, (how, at)


def faults():
    """What becomes of the next connections. Then one stays whole, as a value at which five end is given up."""
    kinds = ("in", "out", "dead", "full")
    return [(random.choice(kinds), random.randint(1, 400)) for _ in range(random.randint(0, 4))]


def test_a_node_that_loses_its_power_again_and_again_loses_nothing_that_was_acknowledged():
    cuts = 0
    for seed in range(SEEDS):
        random.seed(seed)
        flash = Flash(6, 1024)
        account = Account()
        left = []  # Sockets that nobody has closed.
        with StillHub() as server:
            for start in range(1, 7):
                hubs.clear()
                claimed.clear()
                flash.cut_at = random.randint(1, 20) if start < 6 else 0
                flash.how = random.randrange(3)
                server.faults = faults()
                try:
                    asyncio.run(account.work(server, flash, 8 * start))
                except PowerCut:
                    cuts += 1
                    connection = account.hub and account.hub.connection
                    if connection:
                        left.append(connection.raw)
                    if left and random.randrange(2):
                        left.pop().close()
                except BaseException:
                    print("seed", seed, "start", start)
                    raise
                asyncio.new_event_loop()
                flash = flash.restarted()
            try:
                account.check(server)
            except BaseException:
                print("seed", seed)
                raise
        for raw in left:
            raw.close()
    assert cuts > 2 * SEEDS, cuts


async def serve_and_write(flash, port, acknowledged, first, total):
    """A board that serves a queue on its flash, and one that writes to it: until it has all, or loses its power."""
    queue = FlashQueue(BlockStorage(flash), JsonCodec(), flush_ms=1, commit_ms=1)
    there = AimDb()
    there.configure("queue", queue).remote(write=True)
    AimxServer(there, tcp=port, anyone="write")
    url = "aimx://127.0.0.1:%d" % port
    hub = Hub(url, timeout_ms=250, retry_ms=(1, 3))  # As its good-bye blocks the loop of both, for a quarter of that.
    record = AimxRecord(url + "/queue")
    here = AimDb()
    here.configure("record", record)
    async with running(there):
        async with running(here):
            await until(lambda: hub.connected)
            for value in range(first, total):
                await record.push_async(value)
                acknowledged.append(value)
    reader = queue.subscribe()
    arrived = []
    while reader.has_value():
        arrived.append(reader.try_recv())
    queue.close()
    return arrived


def test_what_a_board_has_acknowledged_is_on_its_flash_whenever_it_loses_its_power():
    cuts = 0
    for seed in range(SEEDS):
        random.seed(1000 + seed)  # So that no other test has had the port just now.
        flash = Flash(6, 1024)
        port = free_port()
        acknowledged = []
        for start in range(1, 7):
            hubs.clear()
            claimed.clear()
            flash.cut_at = random.randint(1, 20) if start < 6 else 0
            flash.how = random.randrange(3)
            first = (start - 1) * 8
            try:
                arrived = asyncio.run(serve_and_write(flash, port, acknowledged, first, first + 8))
            except PowerCut:
                cuts += 1
                arrived = None
            asyncio.new_event_loop()
            flash = flash.restarted()
        equal(arrived, sorted(set(arrived)))
        equal([value for value in acknowledged if value not in arrived], [])
    assert cuts > SEEDS, cuts
