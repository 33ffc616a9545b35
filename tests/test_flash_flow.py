"""Values and commits flow, whatever their order and size, and whoever was left behind."""

import asyncio
import time

from aimdb import BufferFull
from aimdb.timing import timed
from aimdb_flash import (
    BlockStorage,
    BytesCodec,
    FlashQueue,
    JsonCodec,
    StorageError,
)
from flash_devices import Flash
from flash_support import NEVER, Pieces, after_restart, drain, fill, filled, opened, power_cut, settle
from harness import equal, only, raises


@only("unix", reason="needs more memory than a board has")
async def test_commits_end_and_stay_cheap_whatever_their_order():
    flash = Flash(16, 4096)
    queue = opened(flash, BytesCodec())
    for i in range(800):
        queue.push(b"%d" % i)
        if i % 16 == 15:
            await queue.flush()
    first, second = queue.subscribe(), queue.subscribe()
    for i in range(400):
        first.try_recv()
        equal(second.try_recv(), b"%d" % (2 * i + 1))
    written = flash.programmed
    for _ in range(400):
        await timed(second.commit(1), 5000)
    assert flash.programmed - written < 400 * 600
    equal(queue.held(), 400)
    equal(after_restart(flash, BytesCodec()), [b"%d" % i for i in range(0, 800, 2)])


async def test_a_full_queue_takes_more_commits_than_its_free_segments_hold():
    flash = Flash(4, 512)
    queue = opened(flash, BytesCodec())
    tasks = [asyncio.create_task(queue.push_async(b"")) for _ in range(100)]
    await settle()
    first, second = queue.subscribe(), queue.subscribe()
    first.try_recv()
    left = queue.held() - 1
    for _ in range(left):
        second.try_recv()
        await timed(second.commit(), 5000)
    equal(len(after_restart(flash, BytesCodec())), 1)
    for task in tasks:
        task.cancel()


async def test_a_full_queue_that_is_opened_anew_takes_as_many_commits():
    for commits in (10, 45):  # From one restart to the next.
        flash = Flash(4, 512)
        queue = opened(flash, BytesCodec())
        tasks = [asyncio.create_task(queue.push_async(b"")) for _ in range(100)]
        await settle()
        for task in tasks:
            task.cancel()
        left = queue.held()
        while left > 1:
            first, second = queue.subscribe(), queue.subscribe()
            first.try_recv()
            for _ in range(min(commits, left - 1)):
                second.try_recv()
                await timed(second.commit(), 5000)
                left -= 1
            flash = power_cut(flash)
            queue = opened(flash, BytesCodec())
        equal(queue.held(), 1)


@only("unix", reason="needs more memory than a board has")
async def test_a_segment_is_filled_before_the_next_is_begun():
    for size, together in ((32, 48), (128, 16), (100, 1)):
        flash = Flash(6, 4096)
        queue = opened(flash, BytesCodec())
        tasks = []
        while all([task.done() for task in tasks]):
            tasks += [asyncio.create_task(queue.push_async(bytes(size))) for _ in range(together)]
            operations = -1
            while operations != flash.operations:
                operations = flash.operations
                await asyncio.sleep_ms(20)
        count = len([task for task in tasks if task.done()])
        for task in tasks:
            task.cancel()
        assert count >= 0.9 * 4 * 4096 // (size + 12), (size, count)


async def test_a_segment_that_is_read_and_committed_is_no_reason_to_flush_at_once():
    flash = Flash(16, 512)
    queue = await filled(flash, range(40), commit_ms=NEVER)
    reader = queue.subscribe()
    await asyncio.sleep_ms(5)
    written = flash.operations
    for _ in range(39):
        reader.try_recv()
        reader.commit()
    await asyncio.sleep_ms(20)
    equal(flash.operations, written)


async def test_other_tasks_run_between_the_segments_of_a_flush():
    flash = Flash(16, 512)
    queue = opened(flash, stage=40)
    for i in range(40):
        queue.push("x" * 100 + str(i))
    flush = asyncio.create_task(queue.flush())
    before = 0
    while not flush.done():
        await asyncio.sleep_ms(0)
        assert flash.programmed - before <= 1024
        before = flash.programmed


async def test_who_awaits_alone_does_not_wait_for_others():
    flash = Flash()
    queue = FlashQueue(BlockStorage(flash), JsonCodec())
    await timed(queue.push_async(1), 100)
    reader = queue.subscribe()
    reader.try_recv()
    await timed(reader.commit(), 100)
    equal(after_restart(flash), [])


async def test_what_nobody_awaits_is_not_flushed_with_what_was_awaited_before():
    flash = Flash()
    queue = FlashQueue(BlockStorage(flash), JsonCodec())
    await queue.push_async(1)
    queue.push(2)
    await settle()
    equal(after_restart(flash), [1])


async def test_a_flush_that_is_overdue_is_not_put_off_by_a_commit_that_has_days_of_time():
    import aimdb_flash.flusher as module

    def ticks_diff(end, start):  # As on a board, where ticks have 30 bits.
        return ((end - start + 2**29) & (2**30 - 1)) - 2**29

    ticks, module.ticks_diff = module.ticks_diff, ticks_diff
    try:
        queue = opened(Flash(), commit_ms=2**29 - 1)
        await queue.push_async(1)
        reader = queue.subscribe()
        reader.try_recv()
        queue.push(2)
        time.sleep_ms(5)
        reader.commit()
        await settle()
        equal(len(queue._values.entries), 0)
    finally:
        module.ticks_diff = ticks


async def test_an_acknowledgement_in_a_full_queue_takes_no_new_segment_while_the_newest_has_room():
    queue = opened(Flash(4, 512), BytesCodec())
    waiting = [asyncio.create_task(queue.push_async(bytes(130))) for _ in range(10)]
    await settle()
    reader = queue.subscribe()
    segments = queue._values.log.segments
    equal((len(segments), len([task for task in waiting if task.done()])), (2, 6))
    reader.try_recv()
    await reader.commit()
    equal(len(segments), 2)
    for task in waiting:
        task.cancel()


async def test_the_stage_is_bounded_in_bytes():
    queue = opened(Flash(4, 4096), BytesCodec(), stage_bytes=1000)
    count = 0
    with raises(BufferFull):
        while True:
            queue.try_push(bytes(300))
            count += 1
    equal(count, 3)
    await settle()
    queue.try_push(bytes(3000))  # One may be longer.


async def test_bytes_are_counted_as_bytes():
    from array import array

    queue = opened(Flash(), BytesCodec())
    with raises(ValueError):
        queue.try_push(memoryview(array("H", bytes(1600))))
    queue.try_push(memoryview(array("H", (1, 2))))
    equal(queue.subscribe().try_recv(), b"\1\0\2\0")


async def test_the_longest_value_fits_into_a_segment_behind_the_bits_of_256_bytes():
    queue = opened(Flash(6, 1024), BytesCodec())
    equal(queue.largest, 1024 - 16 - 12 - 256 - 12)
    for _ in range(3):
        await queue.push_async(bytes(queue.largest))
    with raises(ValueError):
        queue.try_push(bytes(queue.largest + 1))


@only("unix", reason="needs more memory than a board has")
def test_the_longest_value_has_a_length_of_16_bits():
    storage = Pieces()
    storage.segment_size = 80000
    queue = FlashQueue(storage)
    equal(queue.largest, 65535)
    with raises(ValueError):
        queue.try_push(bytes(65536))
    queue.release()


async def test_a_reader_that_never_commits_keeps_no_more_than_the_queue_holds():
    queue = opened(Flash(4, 512), drop_oldest=True)
    reader = queue.subscribe()
    for i in range(500):
        await queue.push_async(i)
        reader.try_recv()
    assert len(reader._taken) < 100
    with raises(ValueError):
        reader.commit(501)
    reader.commit(490)
    equal(queue.held(), 10)
    await reader.commit()
    equal(queue.held(), 0)


async def test_values_that_have_no_room_on_flash_are_told_of_until_they_have():
    from aimdb_flash import standstill

    said = []
    standstill.complain = lambda key, what, milliseconds: said.append(what)
    flash = Flash(4, 512)
    queue = opened(flash)
    tasks = fill(queue)
    await settle()
    complaint = queue._flusher._standstill
    assert complaint._timer.runs()
    complaint._due()  # The time has come.
    assert "no room on flash" in said[-1] and "%d more wait" % len([t for t in tasks if not t.done()]) in said[-1]
    reader = queue.subscribe()
    while not all([task.done() for task in tasks]):
        await reader.recv()
        reader.commit()
        await asyncio.sleep_ms(0)
    assert not complaint._timer.runs()
    drain(reader)
    await reader.commit()
    flash.fails = lambda number: True
    queue.push(1)
    await settle()
    complaint._due()
    assert "cannot write" in said[-1] and "OSError" in said[-1] and "1 values wait" in said[-1], said[-1]
    flash.fails = None
    await queue.flush()
    assert not complaint._timer.runs()


async def two_of(queue):
    reader = queue.subscribe()
    return [await reader.recv(timeout_ms=1000), await reader.recv(timeout_ms=1000)]


def test_a_producer_of_a_loop_that_was_left_after_the_flush_holds_up_nobody():
    flash = Flash()
    queue = opened(flash)

    async def begin():
        asyncio.create_task(queue.push_async(1))
        await asyncio.sleep_ms(0)
        queue.push(2)
        while not flash.operations:
            await asyncio.sleep_ms(0)

    asyncio.run(begin())
    asyncio.new_event_loop()
    equal(asyncio.run(two_of(queue)), [1, 2])


def test_a_producer_of_a_loop_that_was_left_before_the_flush_holds_up_nobody():
    queue = opened(Flash(), flush_ms=NEVER)

    async def begin():
        asyncio.create_task(queue.push_async(1))
        await asyncio.sleep_ms(0)
        queue.push(2)

    asyncio.run(begin())
    asyncio.new_event_loop()
    equal(asyncio.run(two_of(queue)), [1, 2])


def test_producers_of_a_loop_that_was_left_at_a_full_flash_hold_up_nobody():
    queue = opened(Flash(4, 512))

    async def begin():
        fill(queue)
        await settle()
        queue.push("behind them")

    asyncio.run(begin())
    asyncio.new_event_loop()

    async def go_on():
        reader = queue.subscribe()
        while await reader.recv(timeout_ms=1000) != "behind them":
            pass

    asyncio.run(go_on())


def test_a_reader_of_a_loop_that_was_left_gets_nothing():
    queue = opened(Flash())
    reader = queue.subscribe()

    async def begin():
        asyncio.create_task(reader.recv())
        await asyncio.sleep_ms(0)

    asyncio.run(begin())
    asyncio.new_event_loop()

    async def go_on():
        await queue.push_async(1)
        return await queue.subscribe().recv(timeout_ms=1000)

    equal(asyncio.run(go_on()), 1)


async def test_a_failed_flush_of_what_nobody_awaits_is_tried_again_by_itself():
    flash = Flash()
    queue = opened(flash)
    flash.fails = lambda number: number <= 3
    queue.push(1)
    for _ in range(100):
        await asyncio.sleep_ms(10)
        if after_restart(flash) == [1]:
            break
    else:
        raise AssertionError("not stored")


async def test_a_failed_flush_is_not_tried_again_before_flush_ms():
    flash = Flash()
    queue = opened(flash, flush_ms=NEVER)
    queue.push(1)
    flash.fails = lambda number: True
    with raises(StorageError):
        await queue.flush()
    operations = flash.operations
    await asyncio.sleep_ms(250)
    equal(flash.operations, operations)


async def test_a_full_stage_is_flushed_though_it_has_fewer_values_than_share_a_flush():
    flash = Flash()
    queue = opened(flash, stage=4, flush_ms=NEVER)
    for i in range(4):
        queue.try_push(i)
    await settle()
    equal(after_restart(flash), [0, 1, 2, 3])


async def test_a_value_that_was_read_from_ram_and_dropped_from_flash_is_not_given_back():
    queue = opened(Flash(4, 512), drop_oldest=True)
    reader = queue.subscribe()
    queue.push(0)
    equal(reader.try_recv(), 0)
    for i in range(1, 100):
        queue.push(i)
        await queue.flush()
    dropped = queue.dropped_count
    reader.close()
    found = drain(queue.subscribe())
    equal((len(found), queue.dropped_count), (99 - dropped, dropped))
