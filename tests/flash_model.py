"""A scenario on a flash queue, and what must be true of the queue after the power went out in the middle of it."""

import asyncio
import random

import aimdb_flash.storage
from aimdb import BufferEmpty, BufferFull
from aimdb_flash import BlockStorage, FileStorage, FlashQueue, StorageError
from flash_devices import Flash, PowerCut
from harness import equal

try:
    import vfs
except ImportError:
    import os as vfs


class Blocks:
    """The queue on a raw device, of six short segments."""

    segments = 6
    segment_size = 512

    def __init__(self, **options):
        aimdb_flash.storage.claimed.clear()
        self.options = options
        self.flash = Flash(self.segments, self.segment_size)

    def storage(self):
        return BlockStorage(self.flash, **self.options)

    def lose_power(self):
        aimdb_flash.storage.claimed.clear()
        self.flash = self.flash.restarted()


class Files(Blocks):
    """The queue in files on littlefs."""

    def __init__(self, blocks=24, block_size=512, program_size=32):
        aimdb_flash.storage.claimed.clear()
        self.program_size = program_size
        self._unmount()  # What was there before takes memory.
        self.flash = Flash(blocks, block_size)
        vfs.VfsLfs2.mkfs(self.flash, progsize=program_size, readsize=program_size, lookahead=32)
        self._mount()

    def _unmount(self):
        try:
            vfs.umount("/flash")
        except OSError:
            pass

    def _mount(self):
        self._unmount()
        filesystem = vfs.VfsLfs2(self.flash, progsize=self.program_size, readsize=self.program_size, lookahead=32)
        vfs.mount(filesystem, "/flash")

    def storage(self):
        return FileStorage("/flash/queue", max_size=self.segments * self.segment_size, segment_size=self.segment_size)

    def lose_power(self):
        super().lose_power()
        self._mount()


class Account:
    """What its users were told about each value. Values are numbers, counted in the order of producing."""

    def __init__(self):
        self.count = 0
        self.accepted = []  # produce_async has returned.
        self.refused = []  # It has raised.
        # Of these, the ones after which no write succeeded: when the power goes out while the flash fails, nothing
        # can be written that says that they do not count.
        self.doubtful = []
        self.committed = []
        self.lasting = []  # Awaiting the commit has returned.

    def new(self):
        self.count += 1
        return self.count - 1


def value_of(number):
    return b"%d" % number + b"." * (number * 7 % 40)


def number_of(value):
    number = int(value.split(b".")[0])
    equal(value, value_of(number))
    return number


class Scenario:
    """Producers and a reader, with what they do taken from a seed."""

    def __init__(self, medium, seed=0, produced=12, **options):
        self.medium = medium
        self.account = Account()
        self.seed = seed
        self.produced = produced
        self.options = {"flush_ms": 0, "commit_ms": 0}
        self.options.update(options)

    def open(self):
        return FlashQueue(self.medium.storage(), **self.options)

    async def produce(self, queue, choice):
        account = self.account
        for _ in range(self.produced):
            number = account.new()
            if choice.randrange(6) == 0:
                try:
                    queue.try_push(value_of(number))
                except BufferFull:
                    account.refused.append(number)
                continue
            try:
                await queue.push_async(value_of(number))
                account.accepted.append(number)
                account.doubtful.clear()
            except StorageError:
                account.refused.append(number)
                account.doubtful.append(number)
        self.producing -= 1

    async def consume(self, queue, choice):
        account = self.account
        reader = queue.subscribe()
        taken = []
        idle = 0
        while self.producing or queue.peek():
            try:
                taken.append(number_of(await reader.recv(timeout_ms=20)))
                idle = 0
                way = choice.randrange(4)
                count = choice.randrange(len(taken) + 1)
            except asyncio.TimeoutError:
                idle += 1
                assert idle < 100, "the queue stands still"
                way = 3
                count = len(taken)  # Producers may wait for room.
            if way < 2:
                continue
            wait = reader.commit(count)
            account.committed += taken[:count]
            if way == 2:
                try:
                    await wait
                    account.lasting += taken[:count]
                except StorageError:
                    pass
            taken = taken[count:]

    async def run(self):
        random.seed(self.seed)
        self.seed += 1
        queue = self.open()
        self.producing = 3
        tasks = [asyncio.create_task(self.produce(queue, random)) for _ in range(3)]
        tasks.append(asyncio.create_task(self.consume(queue, random)))
        await asyncio.gather(*tasks)

    def play(self):
        """Run until all is done; True, or until the power is cut: False."""
        asyncio.new_event_loop()
        try:
            asyncio.run(self.run())
        except PowerCut:
            return False
        return True

    def check(self):
        """What is on the flash after a restart, against the account; and that the queue works on."""
        account = self.account
        self.medium.lose_power()
        asyncio.new_event_loop()
        queue = self.open()
        reader = queue.subscribe()
        held = queue.held()
        found = []
        while True:
            try:
                found.append(number_of(reader.try_recv()))
            except BufferEmpty:
                break
        equal(len(found), held)
        equal(found, sorted(set(found)))
        for number in account.accepted:
            assert number in found or number in account.committed, "lost: %d" % number
        for number in found:
            assert number < account.count, "never produced: %d" % number
            assert number not in account.lasting, "committed for good, and back: %d" % number
            assert number not in account.refused or number in account.doubtful, "refused, and there: %d" % number
        reader.close()
        account.accepted = asyncio.run(self.go_on(queue, found))
        self.medium.lose_power()
        # Who plays on begins with these.
        account.refused = []
        account.doubtful.clear()
        account.committed = []
        account.lasting = []

    async def go_on(self, queue, found):
        reader = queue.subscribe()
        number = self.account.new()
        pushing = asyncio.create_task(queue.push_async(value_of(number)))
        left = found[:]
        while left and (len(left) == len(found) or not pushing.done()):
            equal(number_of(await reader.recv()), left.pop(0))
            await reader.commit()  # It may need the room.
        await pushing
        left.append(number)
        self.medium.lose_power()
        queue = self.open()
        reader = queue.subscribe()
        equal([number_of(reader.try_recv()) for _ in range(queue.held())], left)
        return left
