"""A queue on flash at which Ctrl-C comes at one jump after the other; see jumping.py."""

import asyncio

from aimdb_flash import BytesCodec
from flash_devices import Flash
from flash_support import drain, opened, power_cut

COUNT = 8  # Of values.


class Scene:
    """Two producers: one awaits each value. Two readers: one commits, and the other gives back what it has read."""

    def __init__(self):
        self.flash = Flash(6, 512)
        self.queue = opened(self.flash, BytesCodec())
        self.made = 0
        self.accepted = []
        self.committed = []  # Perhaps.
        self.tasks = []
        self.readers = []

    async def run(self):
        stages = self.stage(), self.store(), self.commit(), self.give_back()
        self.tasks = [asyncio.create_task(each) for each in stages]
        for task in self.tasks:
            await task

    def new(self):
        self.made += 1
        return b"%d" % self.made

    async def stage(self):
        for _ in range(COUNT // 2):
            value = self.new()
            self.queue.try_push(value)
            self.accepted.append(value)
            await asyncio.sleep_ms(0)

    async def store(self):
        for _ in range(COUNT // 2):
            value = self.new()
            await self.queue.push_async(value)
            self.accepted.append(value)

    async def commit(self):
        reader = self.queue.subscribe()
        self.readers.append(reader)
        for i in range(COUNT // 2):
            self.committed.append(await reader.recv())
            done = reader.commit()
            if i & 1:
                await done

    async def give_back(self):
        for _ in range(2):
            reader = self.queue.subscribe()
            self.readers.append(reader)
            await reader.recv()
            reader.close()

    async def go_on(self):
        """What is held now comes once, in order; so does what is produced now; and so it is after a restart."""
        reader = self.queue.subscribe()
        await self.queue.push_async(b"last")
        held = self.queue.held()
        found = drain(reader)
        assert len(found) == held == len(set(found)), (held, found)
        assert found[-1] == b"last", found
        self.check(found)
        await self.queue.flush()
        again = self.after_restart()
        assert again == found, (found, again)

    def after_restart(self):
        return drain(opened(power_cut(self.flash), BytesCodec()).subscribe())

    async def go_on_in_this_loop(self):
        """What was accepted comes, and what is produced now comes last; nothing comes twice, nor after a restart."""
        for task in self.tasks:
            task.cancel()
        await asyncio.sleep_ms(0)
        for reader in self.readers:
            reader.close()
        reader = self.queue.subscribe()
        await self.queue.push_async(b"last")
        seen = drain(reader)
        assert seen[-1] == b"last" and len(seen) == len(set(seen)), seen
        await self.queue.flush()
        found = self.after_restart()
        assert len(found) == len(set(found)), found
        self.check(found)
        self.check(seen)

    def check(self, found):
        for value in self.accepted:
            assert value in found or value in self.committed, (value, found)
