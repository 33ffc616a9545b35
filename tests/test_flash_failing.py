"""What was committed, when a flash fails for long, and the power goes out then."""

import asyncio

from aimdb_flash import FlashQueue, StorageError
from flash_devices import Flash
from flash_support import NEVER, Pieces, drain, filled, opened, power_cut
from harness import equal, raises


async def test_values_that_were_committed_do_not_count_as_dropped_when_all_writes_fail_that_would_say_so():
    flash = Flash(6, 512)
    queue = await filled(flash, range(90), commit_ms=NEVER)
    reader = queue.subscribe()
    drain(reader)
    reader.commit(60)  # Several segments of them.
    flash.writeblocks = lambda block, buffer, offset: -5  # What is erased stays so.
    for _ in range(8):
        with raises(StorageError):
            await queue.push_async(90)
    queue = opened(power_cut(flash))
    equal((drain(queue.subscribe())[-30:], queue.dropped_count), (list(range(60, 90)), 0))


class Failing(Pieces):
    """The first segment cannot be removed, and nothing be written from some time on."""

    segment_size = 512
    fails = False

    def create(self, number, data):
        if self.fails:
            raise OSError(5)
        super().create(number, data)

    def append(self, number, offset, data):
        if self.fails:
            raise OSError(5)
        super().append(number, offset, data)

    def remove(self, number):
        if number == 1:
            raise OSError(5)
        super().remove(number)


async def opened_after_failures(awaited):
    storage = Failing()
    queue = FlashQueue(storage, flush_ms=0, commit_ms=NEVER)
    for _ in range(7):  # In three segments.
        await queue.push_async(bytes(110))
    reader = queue.subscribe()
    drain(reader)
    done = reader.commit()
    if awaited:
        await done
    storage.fails = True
    for _ in range(4):
        with raises(StorageError):
            await queue.push_async(b"")
        await asyncio.sleep_ms(110)
    restarted = Pieces()
    restarted.pieces = storage.pieces
    return FlashQueue(restarted)


async def test_committed_values_of_a_segment_that_cannot_be_removed_do_not_come_back_when_writes_fail_too():
    queue = await opened_after_failures(True)
    equal((drain(queue.subscribe()), queue.dropped_count), ([], 0))


async def test_committed_values_behind_a_segment_that_cannot_be_removed_do_not_count_as_dropped():
    queue = await opened_after_failures(False)
    equal((len(drain(queue.subscribe())), queue.dropped_count), (7, 0))
