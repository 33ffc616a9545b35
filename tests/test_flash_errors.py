"""What a queue on flash does when the flash, or its filesystem, fails or is full."""

import asyncio
import os

from aimdb import AimDb
from aimdb.timing import timed
from aimdb_flash import FlashQueue, JsonCodec, StorageError
from flash_devices import AFTER, BEFORE, PARTLY, Flash
from flash_folder import vfs
from flash_model import Files
from flash_support import NEVER, Pieces, after_restart, drain, fill, filled, opened, power_cut, settle
from harness import equal, only, raises
from stepping import outcome


async def test_an_error_of_the_flash_is_raised_with_its_cause_and_the_queue_goes_on():
    for how in (BEFORE, PARTLY, AFTER):
        flash = Flash(how=how)
        db = AimDb()
        db.configure("log", opened(flash))
        await db.produce_any_async("log", 0)
        flash.fails = lambda number: number == 3
        with raises(StorageError) as caught:
            await db.produce_any_async("log", 1)
        equal((caught.error.value, caught.error.cause.errno, caught.error.key), (1, 5, "log"))
        assert "'log'" in str(caught.error) and "OSError" in str(caught.error)
        equal(after_restart(flash), [0])
        await db.produce_any_async("log", 2)
        equal(after_restart(flash), [0, 2])


async def test_values_that_nobody_waits_for_outlast_an_error_of_the_flash():
    flash = Flash()
    queue = opened(flash, flush_ms=50)
    queue.push(1)
    flash.fails = lambda number: number == 2
    task = asyncio.create_task(queue.push_async(2))
    queue.push(3)
    assert isinstance(await outcome(task), StorageError)
    await queue.flush()
    equal(drain(queue.subscribe()), [1, 3])
    equal(after_restart(flash), [1, 3])


async def test_a_commit_that_does_not_reach_the_flash_says_so():
    flash = Flash()
    queue = opened(flash)
    await queue.push_async(1)
    reader = queue.subscribe()
    reader.try_recv()
    failing = [True]
    flash.fails = lambda number: failing[0]
    with raises(StorageError):
        await reader.commit()
    failing[0] = False
    await queue.flush()
    equal(after_restart(flash), [])


async def test_a_committed_value_that_a_failed_write_has_left_on_flash_does_not_come_back():
    flash = Flash(how=AFTER)
    queue = await filled(flash, [1])
    reader = queue.subscribe()
    reader.try_recv()
    await reader.commit()
    queue.push(2)
    failing = [True]
    flash.fails = lambda number: failing[0]
    await asyncio.sleep_ms(10)  # The flush fails, and so does the segment that would say so.
    equal(reader.try_recv(), 2)
    with raises(StorageError):
        await reader.commit()
    failing[0] = False
    await queue.flush()
    equal(after_restart(flash), [])


async def test_a_segment_that_cannot_be_removed_keeps_no_other_one():
    class Stuck(Pieces):
        def remove(self, number):
            if number == 1:
                raise OSError(39)
            super().remove(number)

    storage = Stuck()
    queue = FlashQueue(storage, flush_ms=0)
    reader = queue.subscribe()
    for _ in range(80):
        await queue.push_async(bytes(1000))
        await reader.recv()
        await reader.commit()
    assert len(storage.pieces) < 4


async def test_a_segment_that_cannot_be_removed_refuses_no_value_while_there_is_room():
    class Stuck(Pieces):
        def remove(self, number):
            raise OSError(5)

    queue = FlashQueue(Stuck(), flush_ms=0)
    reader = queue.subscribe()
    for _ in range(5):
        await queue.push_async(bytes(1000))
    drain(reader)
    reader.commit()
    queue.flush_ms = 50
    tasks = []
    for _ in range(20):
        tasks.append(asyncio.create_task(queue.push_async(b"")))
        await asyncio.sleep_ms(10)
    for task in tasks:
        equal(await outcome(task), None)


async def test_a_segment_that_cannot_be_removed_stops_no_queue_that_drops_its_oldest_values():
    storage = Pieces()
    storage.segment_size, storage.segment_count = 512, 5
    queue = FlashQueue(storage, flush_ms=0, drop_oldest=True)
    works = storage.remove

    def fails(number):
        if number == 1:
            raise OSError(5)
        works(number)

    storage.remove = fails
    for i in range(300):
        await queue.push_async(b"%d" % i)
    left = drain(queue.subscribe())
    equal(left, [b"%d" % i for i in range(300 - len(left), 300)])
    equal((queue.dropped_count, queue.held()), (300 - len(left), len(left)))


async def test_a_producer_behind_a_full_stage_learns_that_the_flash_fails():
    flash = Flash()
    queue = opened(flash, stage=1)
    queue.push(1)
    flash.fails = lambda number: True
    with raises(StorageError) as caught:
        await queue.push_async(2)
    equal(caught.error.value, 2)
    flash.fails = None
    await queue.flush()
    equal(after_restart(flash), [1])


async def test_a_file_of_which_nobody_can_tell_whether_it_is_there_is_not_written_over():
    files = Files()
    queue = FlashQueue(files.storage(), flush_ms=0)
    await queue.push_async(b"kept")
    queue.release()
    storage = files.storage()
    files.flash.unreadable = range(files.flash.blocks)
    with raises(OSError):
        storage.is_taken(1)


async def test_a_full_filesystem_is_told_and_the_queue_goes_on_when_there_is_room():
    files = Files()
    queue = FlashQueue(files.storage(), JsonCodec(), flush_ms=0)
    with open("/flash/other", "wb") as file:
        with raises(OSError):
            while True:
                file.write(bytes(512))
                file.flush()
    told = None
    count = 0
    while not told:
        told = await outcome(asyncio.create_task(queue.push_async("x" * 150)))
        count += 1
    equal((type(told), told.cause.errno), (StorageError, 28))
    os.remove("/flash/other")
    await queue.push_async("last")
    files.lose_power()
    queue = FlashQueue(files.storage(), JsonCodec())
    equal(drain(queue.subscribe()), ["x" * 150] * (count - 1) + ["last"])


async def test_a_filesystem_that_others_have_filled_gets_room_from_what_is_committed():
    class Small(Pieces):
        segment_count = 60
        room = 5000

        def create(self, number, data):
            self.take(data)
            super().create(number, data)

        def append(self, number, offset, data):
            self.take(data)
            super().append(number, offset, data)

        def take(self, data):
            if sum([len(piece) for piece in self.pieces.values()]) + len(data) > self.room:
                raise OSError(28)

    storage = Small()
    queue = FlashQueue(storage, flush_ms=0)
    for _ in range(45):
        await queue.push_async(bytes(90))
    await settle()
    storage.room = sum([len(piece) for piece in storage.pieces.values()])
    reader = queue.subscribe()
    drain(reader)
    reader.commit()
    await queue.push_async(b"there is some")
    equal(drain(reader), [b"there is some"])


async def test_a_read_that_fails_once_loses_nothing_neither_when_a_queue_opens_nor_later():
    flash = Flash(6, 512)
    queue = await filled(flash, ["%02d" % i for i in range(40)])
    whole = after_restart(flash)
    works = flash.readblocks
    reads = 1
    failing = 0
    while reads > failing:
        failing += 1
        reads = 0

        def readblocks(*arguments):
            nonlocal reads
            reads += 1
            return -5 if reads == failing else works(*arguments)

        again = power_cut(flash)
        again.readblocks = readblocks
        queue = opened(again)
        equal((failing, drain(queue.subscribe()), queue.damaged_count), (failing, whole, 0))


@only("unix", reason="needs more memory than a board has")
async def test_a_read_of_a_card_with_fat_that_fails_twice_loses_nothing_either():
    card = Flash(100, 512)

    def writeblocks(block, data):
        card.data[block * 512 : block * 512 + len(data)] = data

    def readblocks(block, buffer):
        nonlocal reads
        reads += 1
        return -5 if failing <= reads < failing + 2 else Flash.readblocks(card, block, buffer)

    reads, failing = 0, NEVER
    card.writeblocks, card.readblocks = writeblocks, readblocks
    vfs.VfsFat.mkfs(card)
    vfs.mount(vfs.VfsFat(card), "/fat")
    try:
        queue = FlashQueue("/fat/queue", flush_ms=0)
        values = [b"%02d" % i + bytes(1000) for i in range(10)]
        for value in values:
            await queue.push_async(value)
        queue.release()
        at = 0
        while reads >= at:
            vfs.umount("/fat")
            failing = NEVER
            vfs.mount(vfs.VfsFat(card), "/fat")
            at += 1
            reads, failing = 0, at
            queue = FlashQueue("/fat/queue")
            equal((at, drain(queue.subscribe()) == values, queue.damaged_count), (at, True, 0))
            queue.release()
    finally:
        vfs.umount("/fat")


async def test_a_queue_opens_though_its_storage_cannot_be_listed_at_first():
    class Listed(Pieces):
        failing = 0

        def numbers(self):
            self.failing -= 1
            if self.failing >= 0:
                raise OSError(5)
            return super().numbers()

    storage = Listed()
    await FlashQueue(storage).push_async(b"1")
    storage.failing = 2
    equal(drain(FlashQueue(storage).subscribe()), [b"1"])


async def test_a_storage_is_never_asked_for_more_segments_than_it_has():
    class Failing(Pieces):
        most = 0
        fails = False

        def append(self, number, offset, data):
            if self.fails:
                raise OSError(5)
            super().append(number, offset, data)

        def remove(self, number):
            if self.fails:
                raise OSError(5)
            super().remove(number)

        def create(self, number, data):
            super().create(number, data)
            self.most = max(self.most, len(self.pieces))

    storage = Failing()
    storage.segment_size = 512
    storage.segment_count = 6
    queue = FlashQueue(storage, JsonCodec(), flush_ms=0)
    producers = fill(queue)
    await settle()
    reader, other = queue.subscribe(), queue.subscribe()
    reader.try_recv()  # And is not committed, so that no segment is free.
    storage.fails = True
    errors = []
    for _ in range(6):
        other.try_recv()
        errors.append(await outcome(asyncio.create_task(other.commit())))
    equal((storage.most, errors[-1].cause.errno), (6, 28))
    storage.fails = False
    reader.commit()
    await timed(queue.flush(), 5000)
    for producer in producers:
        producer.cancel()


async def complains(flash):
    """Whether a queue that has just tried to write will say that values wait."""
    queue = opened(flash)
    queue.push(1)
    await asyncio.sleep_ms(5)
    standstill = queue._flusher._standstill
    flash.fails = None
    return standstill is not None and standstill._timer.runs()


async def test_a_flash_that_fails_is_complained_of_and_one_that_works_or_lacks_memory_is_not():
    def no_memory(number):
        raise MemoryError

    for fails, expected in ((lambda number: True, True), (None, False), (no_memory, False)):
        flash = Flash()
        flash.fails = fails
        equal(await complains(flash), expected)


async def test_release_on_a_flash_that_fails_says_so_and_gives_the_storage_back():
    flash = Flash()
    queue = opened(flash, flush_ms=NEVER)
    queue.push(1)
    flash.fails = lambda number: True
    with raises(StorageError):
        queue.release()
    flash.fails = None
    opened(flash).release()


async def test_a_flash_that_wrote_something_else_counts_as_failed():
    flash = Flash()
    queue = opened(flash)
    await queue.push_async(1)
    flash.data[400] = 0  # A bit that is stuck.
    with raises(StorageError):
        await queue.push_async("x" * 400)
    equal(after_restart(flash), [1])
