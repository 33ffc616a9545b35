"""Random graphs of up to 20 records, each run and compared with what a model says of them.

The model: each reader of a record sees what was produced there, in order (of a small ring a part of it, and the rest is
counted), and what is computed is the function of what was seen. `SOAK=n` in the environment runs n times as many.
"""

import asyncio
import os
import random

import harness
from aimdb import AimDb, BoundedQueue, SpmcRing

GRAPHS = (80 if harness.target == "unix" else 4) * int((getattr(os, "getenv", lambda name: None)("SOAK")) or 1)
TIME_LIMIT = (120 if harness.target == "unix" else 500) + GRAPHS
TURNS = 20000


class Node:
    """A record of the graph, and what its writer has done."""

    def __init__(self, number, kind, inputs, buffer):
        self.key = "r%d" % number
        self.number = number
        self.kind = kind
        self.inputs = inputs
        self.buffer = buffer
        self.readers = 0
        self.seen = []  # By its writer: pairs (node of the input, value).
        self.emitted = []  # What a source has produced.
        self.left = []  # What it has yet to produce.
        self.pending = None  # What a join has computed and not stored.
        self.taps = []  # What each tap has seen.

    def compute(self, value, count):
        """What the writer makes of its value number `count`; None is nothing."""
        if (value + self.number) % 5 == 0:
            return None
        return (value * 3 + self.number + count) % 100003


class Graph:
    def __init__(self, seed, kinds):
        random.seed(seed)
        self.nodes = []
        for number in range(random.randrange(2, 21)):
            free = [node for node in self.nodes if not node.readers or not isinstance(node.buffer, BoundedQueue)]
            kind = random.choice(("source", "transform", "state", "join")) if free else "source"
            count = 0 if kind == "source" else random.randrange(1, 5) if kind == "join" else 1
            inputs = []
            while free and len(inputs) < count:
                inputs.append(free.pop(random.randrange(len(free))))
            buffer = {
                "queue": lambda: BoundedQueue(random.randrange(1, 4)),
                "ring": lambda: SpmcRing(500),
                "small ring": lambda: SpmcRing(random.randrange(1, 4)),
            }[random.choice(kinds)]()
            node = Node(number, kind, inputs, buffer)
            for each in inputs:
                each.readers += 1
            if kind == "source":
                node.left = [1000 * number + i for i in range(random.randrange(12))]
                if isinstance(buffer, BoundedQueue):  # Some values are there before anybody starts.
                    while node.left and buffer.held() < buffer.capacity:
                        buffer.push(node.left[0])
                        node.emitted.append(node.left.pop(0))
            self.nodes.append(node)
        self.db = AimDb()
        wirings = [self.wiring(node) for node in self.nodes]
        while wirings:
            wirings.pop(random.randrange(len(wirings)))()

    def wiring(self, node):
        def wire():
            record = self.db.configure(node.key, node.buffer)
            if node.kind == "source":
                record.source(self.source(node))
            elif node.kind == "join":
                record.transform_join([each.key for each in node.inputs], self.join(node))
            else:
                fn, state = self.function(node)
                record.transform(node.inputs[0].key, fn, state)
            if not node.readers:
                record.tap(self.tap(node))

        return wire

    def source(self, node):
        async def source(producer):
            while node.left:
                await producer.produce_async(node.left[0])
                node.emitted.append(node.left.pop(0))
                await turns(node.number % 3)
            producer.buffer.close()

        return source

    def function(self, node):
        def compute(value):
            node.seen.append((node.inputs[0], value))
            return node.compute(value, 0)

        def count(value, counts):
            counts.append(value)
            node.seen.append((node.inputs[0], value))
            return node.compute(value, len(counts))

        return (count, []) if node.kind == "state" else (compute, None)

    def join(self, node):
        async def join(inputs, producer):
            by_key = {each.key: each for each in node.inputs}
            while True:
                if node.pending is not None:
                    await producer.produce_async(node.pending)
                    node.pending = None
                try:
                    key, value = await inputs.__anext__()
                except StopAsyncIteration:
                    return
                node.seen.append((by_key[key], value))
                node.pending = node.compute(value, len(node.seen))
                await turns(node.number % 4)

        return join

    def tap(self, node):
        node.taps.append([])

        async def tap(consumer):
            async for value in consumer.subscribe():
                node.taps[0].append(value)
                await turns(node.number % 5)

        return tap

    def produced(self, node):
        """By the model, from what its writer has seen."""
        if node.kind == "source":
            return node.emitted
        values = []
        for i, (_, value) in enumerate(node.seen):
            value = node.compute(value, 0 if node.kind == "transform" else i + 1)
            if value is not None:
                values.append(value)
        return values

    def check(self):
        for node in self.nodes:
            assert node.buffer.closed, node.key
            produced = self.produced(node)
            missed = 0
            readers = list(node.taps)
            for other in self.nodes:
                if node in other.inputs:
                    readers.append([value for source, value in other.seen if source is node])
            for seen in readers:
                if isinstance(node.buffer, BoundedQueue) or node.buffer.capacity > 3:
                    assert seen == produced, (node.key, seen, produced)
                else:
                    rest = iter(produced)
                    assert all(value in rest for value in seen), (node.key, seen, produced)
                missed += len(produced) - len(seen)
            metrics = node.buffer.metrics()
            assert metrics[:3] == (len(produced), sum(len(seen) for seen in readers), missed), (
                node.key,
                metrics,
                missed,
            )


async def turns(count):
    for _ in range(count):
        await asyncio.sleep_ms(0)


async def ended(task):
    for _ in range(TURNS):
        if task.done():
            return await task
        await asyncio.sleep_ms(0)
    raise AssertionError("it does not end")


def graphs(*kinds):
    for seed in range(GRAPHS):
        try:
            graph = Graph(seed, kinds)
            yield graph
            graph.check()
        except Exception as error:
            print("seed", seed, kinds)
            raise error
        asyncio.new_event_loop()


def test_a_graph_of_rings_and_queues_computes_what_the_model_does():
    async def run(graph):
        await ended(asyncio.create_task(graph.db.run()))

    for graph in graphs("queue", "ring"):
        asyncio.run(run(graph))


def test_what_small_rings_lose_is_counted_and_the_rest_is_in_order():
    async def run(graph):
        await ended(asyncio.create_task(graph.db.run()))

    for graph in graphs("queue", "ring", "small ring"):
        asyncio.run(run(graph))


def test_a_graph_of_queues_that_is_cancelled_again_and_again_loses_nothing():
    async def run(graph):
        for _ in range(random.randrange(1, 8)):
            task = asyncio.create_task(graph.db.run())
            await turns(random.randrange(30))
            if task.done():
                break
            task.cancel()
            try:
                await task
            except asyncio.CancelledError:
                pass
        await ended(asyncio.create_task(graph.db.run()))

    for graph in graphs("queue"):
        asyncio.run(run(graph))


def test_a_graph_of_queues_whose_loop_is_left_again_and_again_loses_nothing():
    async def leave(graph):
        task = asyncio.create_task(graph.db.run())
        await turns(random.randrange(30))
        if not task.done():
            raise OSError(5)

    async def run(graph):
        await ended(asyncio.create_task(graph.db.run()))

    for graph in graphs("queue"):
        for _ in range(random.randrange(1, 8)):
            try:
                asyncio.run(leave(graph))
            except OSError:
                pass
            asyncio.new_event_loop()
        asyncio.run(run(graph))
