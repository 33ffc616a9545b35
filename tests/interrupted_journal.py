"""A record of a queue on flash at which Ctrl-C comes at one jump after the other; see jumping.py."""

from aimdb import AimDb, BufferClosed
from flash_devices import Flash
from flash_support import opened

COUNT = 3  # Of values.


class Scene:
    """A source that writes in two ways, and a tap that commits each value."""

    def __init__(self):
        self.db = AimDb()
        self.queue = opened(Flash())
        self.made = 0
        self.seen = []
        self.db.configure("journal", self.queue).source(self.source).tap(self.tap)

    async def source(self, producer):
        while self.made < COUNT:
            if self.made % 2:
                producer.try_produce(self.made)
            else:
                await producer.produce_async(self.made)
            self.made += 1
        producer.buffer.close()

    async def tap(self, consumer):
        reader = consumer.subscribe()
        try:
            while True:
                self.seen.append(await reader.recv())
                reader.commit()
        except BufferClosed:
            pass

    async def run(self):
        await self.db.run()

    async def go_on(self):
        await self.db.run()
        # A value comes again when nobody knows whether it was written or committed.
        seen = [value for i, value in enumerate(self.seen) if value not in self.seen[:i]]
        assert seen == list(range(COUNT)), self.seen
        assert self.queue.closed and self.queue.held() == 0, self.queue.held()
