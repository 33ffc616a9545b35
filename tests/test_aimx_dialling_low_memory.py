"""Dialling on a full heap: while there is ever more memory, the node goes on, and then delivers what it has."""

import asyncio
import gc

from aimdb import AimDb, BoundedQueue, once
from harness import equal, skip, target
from scarce import Scarce, make_with_little

if target != "unix":
    skip("the hub of these tests needs the loopback of a computer")

from os import getenv

from aimdb_aimx import AimxRecord, Hub
from aimdb_aimx.hub import hubs
from scripted_hub import hasty
from scripted_peer import Kept, until
from still_hub import StillHub

STEP = 1 if int(getenv("SOAK") or 1) > 1 else 2
TIME_LIMIT = 600
TURNS = 12  # Of the loop in which there is little memory, at a time.
# Blocks that are free then.
ROOMS = list(range(0, 20, STEP)) + list(range(20, 160, 11 * STEP)) + list(range(160, 700, 60 * STEP))


class Node:
    """A record that goes to a hub, one that comes from it, and one that lives there."""

    def __init__(self, server):
        self.server = server
        self.hub = hasty(server, retry_ms=(20, 40), in_flight=3, timeout_ms=400)
        self.kept = Kept(range(4))
        self.queue = BoundedQueue(50)
        self.record = AimxRecord(server.url + "/n", hub=self.hub)
        self.db = AimDb()
        self.db.configure("kept", self.kept).link_to(server.url + "/kept")
        self.db.configure("queue", self.queue).link_from(server.url + "/queue")
        self.db.configure("n", self.record)
        self.reader = self.record.subscribe()

    async def begin(self):
        """Run until all is connected."""
        self.tending = asyncio.create_task(self.server.tend())
        self.task = asyncio.create_task(self.db.run())
        await self.is_quiet()
        self.tending.cancel()
        await asyncio.sleep_ms(0)

    async def is_quiet(self):
        """Until all that is to be sent has been, and both records of the hub are watched."""
        await until(lambda: self.kept.committed == len(self.kept.values) and not self.hub.window.flights)
        await until(lambda: sorted(self.watched()) == ["n", "queue"])

    def watched(self):
        return [topic for client in self.server.clients for topic in client.topics.values()]

    async def go_on(self, *sets):
        """What was sent with little memory has come or comes, and what is new as well."""
        self.tending = asyncio.create_task(self.server.tend())
        self.kept.push(len(self.kept.values))
        await self.is_quiet()
        assert not self.task.done()
        values = [value for key, value in self.server.sets if key == "kept"]
        equal(sorted(set(values)), list(range(len(self.kept.values))))
        await self.record.push_async(100)
        await asyncio.wait_for(self.hears_what_is_said(), 20)
        equal(self.hub.given_up_count, 0)
        self.task.cancel()
        try:
            await self.task
        except asyncio.CancelledError:
            pass
        self.tending.cancel()
        equal((self.hub.users, self.hub.connection), ([], None))

    async def hears_what_is_said(self):
        # Of a connection that had no memory, some milliseconds pass before another takes its place: what is said to it
        # then is lost.
        value = None
        while value != 9 or not self.queue.held():
            self.server.say("queue", 8)
            self.server.say("n", 9)
            try:
                value = await self.reader.recv(timeout_ms=300)
            except asyncio.TimeoutError:
                pass


async def with_little(blocks, turns=TURNS):
    gc.collect()
    with Scarce(blocks):
        for _ in range(turns):
            await asyncio.sleep_ms(0)


async def sweep(scene):
    """`scene(node, blocks)` with ever more free blocks."""
    for blocks in ROOMS:
        try:
            with StillHub() as server:
                await scene(Node(server), blocks)
        except BaseException:
            print("with", blocks, "blocks")
            raise


async def test_a_node_that_connects_on_a_full_heap_delivers_when_there_is_some():
    async def scene(node, blocks):
        node.task = asyncio.create_task(node.db.run())
        await asyncio.sleep_ms(0)
        await asyncio.sleep_ms(0)
        for _ in range(3):
            if not node.task.done():
                await with_little(blocks)
                node.server.look()
        if node.task.done():
            # There was no memory even to begin.
            try:
                await node.task
            except MemoryError:
                pass
            node.task = asyncio.create_task(node.db.run())
        await node.go_on()

    await sweep(scene)


async def test_values_that_go_out_on_a_full_heap_are_all_set_and_in_the_end_committed():
    async def scene(node, blocks):
        await node.begin()
        for value in (4, 5, 6, 7):
            node.kept.push(value)
        await with_little(blocks)
        node.server.look()
        await with_little(blocks)
        await node.go_on()

    await sweep(scene)


async def test_values_that_come_on_a_full_heap_are_delivered_or_counted():
    async def scene(node, blocks):
        await node.begin()
        for value in range(3):
            node.server.say("queue", value)
            node.server.say("n", value)
        node.server.look()
        await with_little(blocks)
        await node.go_on()

    await sweep(scene)


async def test_calls_on_a_full_heap_do_all_or_nothing():
    async def scene(node, blocks):
        await node.begin()
        ended = [None, None, None]

        async def call(number, coroutine):
            try:
                await coroutine
            except Exception as error:
                ended[number] = error

        calls = [
            asyncio.create_task(call(0, node.record.push_async(1))),
            asyncio.create_task(call(1, node.record.subscribe_async())),
            asyncio.create_task(call(2, node.db.produce_any_async("n", 2))),
        ]
        await with_little(blocks)
        node.server.look()
        await with_little(blocks)
        tending = asyncio.create_task(node.server.tend())
        for task in calls:
            try:
                await task
            except MemoryError:
                pass  # The interpreter had none for the StopIteration with which a task ends.
        tending.cancel()
        done = [value for key, value in node.server.sets if key == "n"]
        for value, error in ((1, ended[0]), (2, ended[2])):
            assert done.count(value) == 1 or error and not done.count(value), (done, ended)
        await node.go_on()

    await sweep(scene)


async def test_a_connection_that_ends_on_a_full_heap_is_made_anew():
    async def scene(node, blocks):
        await node.begin()
        node.kept.push(4)
        await asyncio.sleep_ms(0)
        node.server.kick()
        await with_little(blocks)
        await node.go_on()

    await sweep(scene)


def test_a_hub_or_record_that_there_was_no_memory_to_make_can_be_made_then():
    url = "aimx://127.0.0.1:7433"

    def forget():
        hubs.clear()
        once("loading").forget(*Hub.made_by)
        once("loading").forget("aimdb_net", "checks", "address")

    for make in (lambda: Hub(url), lambda: AimxRecord(url + "/n")):
        make_with_little(make, forget, STEP)
    hubs.clear()


async def test_a_hub_that_greets_on_a_full_heap_is_connected_to_anew_at_once():
    def subscribe(inbox):
        calls.append(inbox)
        if len(calls) == 1:
            raise MemoryError
        return Hub.subscribe(node.hub, inbox)

    calls = []
    with StillHub() as server:
        node = Node(server)
        node.hub.subscribe = subscribe
        await node.begin()
        await node.go_on()
    equal(node.hub.lost_count, 0)
