"""What a FlashQueue promises to readers, and what their commits do."""

import asyncio

from aimdb.timing import timed
from flash_devices import Flash
from flash_support import NEVER, after_restart, drain, filled, opened, power_cut, settle
from harness import equal, raises


async def test_what_was_read_and_not_committed_comes_again_after_a_restart():
    flash = Flash()
    queue = await filled(flash, range(4))
    reader = queue.subscribe()
    equal(drain(reader), [0, 1, 2, 3])
    await reader.commit(2)
    equal(after_restart(flash), [2, 3])


async def test_a_commit_that_is_not_awaited_goes_to_flash_with_the_next_flush():
    flash = Flash()
    queue = opened(flash)
    await queue.push_async(1)
    reader = queue.subscribe()
    reader.try_recv()
    reader.commit()
    equal(queue.held(), 0)
    await queue.push_async(2)
    equal(after_restart(flash), [2])


async def test_a_commit_that_is_not_awaited_goes_to_flash_in_a_while():
    flash = Flash()
    queue = opened(flash, commit_ms=1)
    await queue.push_async(1)
    reader = queue.subscribe()
    reader.try_recv()
    reader.commit()
    await asyncio.sleep_ms(20)
    equal(after_restart(flash), [])


async def test_flush_brings_an_acknowledgement_to_the_flash_when_nothing_was_staged():
    flash = Flash()
    await opened(flash).push_async(1)
    flash = power_cut(flash)
    queue = opened(flash, flush_ms=NEVER)
    reader = queue.subscribe()
    reader.try_recv()
    reader.commit()
    await timed(queue.flush(), 1000)
    equal(after_restart(flash), [])


async def test_more_than_was_read_cannot_be_committed():
    queue = opened(Flash())
    queue.push(1)
    reader = queue.subscribe()
    for count in (1, -1):
        with raises(ValueError):
            reader.commit(count)
    reader.try_recv()
    await reader.commit(1)
    await reader.commit()
    await reader.commit(0)


async def test_readers_commit_independently_and_each_commit_lasts():
    flash = Flash()
    queue = await filled(flash, range(6))
    first, second = queue.subscribe(), queue.subscribe()
    for _ in range(3):
        first.try_recv()
        second.try_recv()
    await second.commit(2)
    equal(after_restart(flash), [0, 2, 4, 5])


async def test_numbers_of_values_that_were_committed_before_their_flush_are_not_used_again():
    flash = Flash()
    queue = opened(flash, flush_ms=NEVER)
    for i in range(10):
        queue.push(i)
    first, second = queue.subscribe(), queue.subscribe()
    for reader, count in ((first, 2), (second, 8)):
        for _ in range(count):
            reader.try_recv()
    second.commit()
    await queue.flush()
    queue.release()
    queue = await filled(flash, range(10, 20))
    equal(drain(queue.subscribe()), [0, 1] + list(range(10, 20)))


async def test_closing_a_reader_gives_back_what_it_did_not_commit_in_order():
    queue = opened(Flash())
    for i in range(6):
        queue.push(i)
    first, second = queue.subscribe(), queue.subscribe()
    for _ in range(2):
        first.try_recv()
        second.try_recv()
    await first.commit(1)
    first.close()
    equal(drain(second), [2, 4, 5])
    second.close()
    equal(drain(queue.subscribe()), [1, 2, 3, 4, 5])


async def test_values_that_were_given_back_wake_a_waiting_reader():
    queue = opened(Flash())
    queue.push(1)
    first = queue.subscribe()
    first.try_recv()
    task = asyncio.create_task(queue.subscribe().recv())
    await settle()
    first.close()
    equal(await task, 1)


async def test_a_reader_that_is_ready_and_does_not_read_leaves_no_third_one_asleep():
    queue = opened(Flash())
    looking = [asyncio.create_task(queue.subscribe().ready()) for _ in range(2)]
    await settle()
    reading = asyncio.create_task(queue.subscribe().recv())
    await settle()
    queue.push(1)
    for task in looking:
        await task
    equal(await reading, 1)


async def test_what_is_committed_before_its_flush_never_goes_to_flash():
    flash = Flash()
    queue = opened(flash, flush_ms=20, commit_ms=20)
    reader = queue.subscribe()
    for i in range(100):
        queue.push(i)
        equal(reader.try_recv(), i)
        await reader.commit()
        await asyncio.sleep_ms(0)
    await asyncio.sleep_ms(50)
    equal(flash.operations, 0)


async def test_peek_shows_what_comes_next_and_takes_nothing():
    queue = opened(Flash())
    equal(queue.peek(), None)
    await queue.push_async(1)
    queue.push(2)
    equal(queue.peek(), 1)
    equal(drain(queue.subscribe()), [1, 2])
    equal(queue.peek(), None)


async def test_metrics_count_what_is_not_committed_as_held():
    queue = opened(Flash())
    await queue.push_async(1)
    queue.push(2)
    reader = queue.subscribe()
    drain(reader)
    equal(queue.metrics(), (2, 2, 0, (2, queue.capacity)))
    reader.commit(1)
    equal(queue.held(), 1)
