"""Sizes with which a queue on flash is opened: others than before, and of a device that tells none."""

import aimdb_flash.storage
from aimdb_flash import BlockStorage, BytesCodec, FlashQueue, StorageError
from flash_devices import Flash
from flash_support import Pieces, after_restart, drain, filled, opened, power_cut
from harness import equal


async def test_a_queue_with_less_room_than_the_one_before_writes_acknowledgements_all_the_same():
    storage = Pieces()
    storage.segment_size = 512
    queue = FlashQueue(storage, flush_ms=0)
    for _ in range(88):
        await queue.push_async(bytes(30))  # No segment has room for an acknowledgement then.
    storage.segment_count = 4
    queue = FlashQueue(storage, flush_ms=0)
    reader = queue.subscribe()
    for _ in range(80):
        await reader.recv()
        await reader.commit()
    equal(FlashQueue(storage).held(), 8)


async def test_a_queue_in_a_region_that_has_become_smaller_and_is_full_of_values_goes_on():
    values = [b"%03d" % i + bytes(20) for i in range(300)]
    flash = Flash(16, 1024)
    await filled(flash, values, BytesCodec())
    flash = power_cut(flash)
    flash.blocks = 8
    queue = opened(flash, BytesCodec())
    reader = queue.subscribe()
    refused = 0
    for i in range(queue.held()):
        equal(await reader.recv(), values[i])
        try:
            await reader.commit()
        except StorageError as error:
            equal(error.cause.errno, 28)  # There is no place for an acknowledgement until a segment is committed.
            refused += 1
    assert refused
    await queue.push_async(b"")
    equal(after_restart(flash, BytesCodec()), [b""])


async def test_values_are_read_with_another_write_size_than_they_were_written_with():
    flash = Flash(6, 1024)
    for write_size in (32, 256, 16, 512):
        aimdb_flash.storage.claimed.clear()
        queue = FlashQueue(BlockStorage(flash, write_size=write_size, rewritable=False), flush_ms=0)
        for _ in range(3):
            await queue.push_async(b"%d" % write_size)
    queue = opened(power_cut(flash), BytesCodec())
    equal(drain(queue.subscribe()), [b"32"] * 3 + [b"256"] * 3 + [b"16"] * 3 + [b"512"] * 3)
    equal((queue.damaged_count, queue.dropped_count), (0, 0))


def test_a_device_that_tells_no_block_size_has_blocks_of_512_bytes():
    flash = Flash(8, 512)
    works = flash.ioctl
    flash.ioctl = lambda operation, argument: None if operation == 5 else works(operation, argument)
    queue = opened(flash)
    queue.push(1)
    queue.release()
    equal(opened(flash).peek(), 1)
