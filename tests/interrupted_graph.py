"""Computed records at which Ctrl-C comes at one jump after the other; see jumping.py."""

from aimdb import AimDb, BoundedQueue, BufferClosed, SpmcRing

COUNT = 4  # Of values.


class Scene:
    """A source, two transforms of which one has a state, a join, and a tap."""

    def __init__(self):
        self.db = AimDb()
        self.buffers = [BoundedQueue(1), SpmcRing(COUNT), BoundedQueue(1), BoundedQueue(1)]
        numbers, ring, sums, last = self.buffers
        self.made = 0
        self.added = []
        self.joined = None
        self.seen = []
        self.db.configure("numbers", numbers).source(self.source)
        self.db.configure("sums", sums).transform("numbers", self.add, self.added)
        self.db.configure("last", last).transform_join(("sums",), self.join).tap(self.tap)
        self.db.configure("copies", ring).transform("last of all", lambda value: value)
        self.db.configure("last of all", BoundedQueue(COUNT))
        self.buffers.append(self.db.producer("last of all").buffer)

    async def source(self, producer):
        while self.made < COUNT:
            await producer.produce_async(self.made)
            self.made += 1
        producer.buffer.close()

    def add(self, value, added):
        added.append(value)
        return 10 * value

    async def join(self, inputs, producer):
        try:
            while True:
                if self.joined is not None:
                    await producer.produce_async(self.joined)
                self.joined = None
                self.joined = await inputs.recv()
        except BufferClosed:
            pass

    async def tap(self, consumer):
        reader = consumer.subscribe()
        copy = self.db.producer("last of all")
        try:
            while True:
                self.seen.append(await reader.recv())
                copy.produce(len(self.seen))
        except BufferClosed:
            while copy.buffer.metrics().produced_count < COUNT:
                copy.produce(0)
            copy.buffer.close()

    async def run(self):
        await self.db.run()

    async def go_on(self):
        await self.db.run()
        values = list(range(COUNT))
        assert self.added == values, self.added
        assert self.seen == [("sums", 10 * value) for value in values], self.seen
        assert self.buffers[1].metrics().produced_count == COUNT, self.buffers[1].metrics()
        assert all([buffer.closed for buffer in self.buffers])
