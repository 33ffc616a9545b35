"""A program that Ctrl-C ends again and again, and that goes on in a new loop; tests/host/test_ctrl_c.py runs it."""

import asyncio

from aimdb import AimDb, BoundedQueue, BufferEmpty, SpmcRing
from own_buffers import Log

COUNT = 4  # Of values in a round.
ROUNDS = 100


def rest_of(reader, seen):
    try:
        while True:
            seen.append(reader.try_recv())
    except BufferEmpty:
        pass


class Scene:
    """A queue, a ring and a buffer without readers, each with a SyncProducer; what is read is in `seen`."""

    def __init__(self):
        self.db = AimDb()
        self.queue, self.ring, self.log = BoundedQueue(1), SpmcRing(COUNT), Log()
        self.producers = []
        self.seen = [[], [], self.log.lines]
        for key, buffer in (("queue", self.queue), ("ring", self.ring), ("log", self.log)):
            self.db.configure(key, buffer)
            self.producers.append(self.db.sync_producer(key, COUNT))
        self.readers = [self.queue.subscribe(), self.ring.subscribe()]

    async def read(self, reader, seen):
        while True:
            await reader.ready()
            seen.append(reader.try_recv())
            seen.append(await reader.recv(5000))
            seen.append(await reader.recv())

    async def main(self):
        tasks = [asyncio.create_task(self.read(*each)) for each in zip(self.readers, self.seen)]
        for first in range(0, COUNT * ROUNDS, COUNT):
            for value in range(first, first + COUNT):
                for producer in self.producers:
                    producer.try_send(value)
            while min([len(seen) for seen in self.seen]) < first + COUNT:
                await asyncio.sleep_ms(0)
        for task in tasks:
            task.cancel()

    async def end(self):
        # What was accepted arrives, however the run before was ended.
        for _ in range(4 * COUNT):
            for reader, seen in zip(self.readers, self.seen):
                rest_of(reader, seen)
            await asyncio.sleep_ms(0)

    def check(self):
        asyncio.run(self.end())
        for seen in self.seen:
            # `main` may have been ended before it has sent all.
            assert seen == list(range(len(seen))), seen
        lengths = [len(seen) for seen in self.seen]
        assert max(lengths) - min(lengths) <= 1, lengths
        assert self.queue.held() == 0 and asyncio.run(self.goes_on()) == 7

    async def goes_on(self):
        self.queue.try_push(7)
        return await self.readers[0].recv(1000)


def end_and_go_on(choose, times):
    """End the program so often; `choose()` has Ctrl-C come soon. Says how often it was ended."""
    ended = 0
    for _ in range(times):
        asyncio.new_event_loop()
        scene = Scene()
        try:
            choose()
            asyncio.run(scene.main())
        except KeyboardInterrupt:
            ended += 1
        asyncio.new_event_loop()
        scene.check()
    print("ended", ended, "times")
