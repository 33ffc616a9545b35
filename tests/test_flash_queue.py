"""What a FlashQueue promises to producers, besides what every buffer does."""

import asyncio

from aimdb import AimDb, BufferClosed, BufferFull
from aimdb_flash import BlockStorage, FlashQueue, StructCodec
from flash_devices import Flash
from flash_support import NEVER, after_restart, drain, opened, settle
from harness import equal, raises
from stepping import Steps, outcome


async def test_push_async_returns_when_the_value_is_on_flash():
    flash = Flash()
    await opened(flash).push_async("kept")
    equal(after_restart(flash), ["kept"])


async def test_a_value_that_was_only_pushed_is_on_flash_after_the_next_flush():
    flash = Flash()
    queue = opened(flash)
    queue.push(1)
    equal(flash.operations, 0)
    await settle()
    equal(after_restart(flash), [1])


async def test_a_flush_never_runs_inside_a_call_of_produce():
    flash = Flash()
    queue = opened(flash, flush_records=1)
    for i in range(80):
        queue.push(i)
    equal(flash.operations, 0)


async def test_a_value_that_cannot_be_staged_is_counted_as_dropped_and_raises_nothing():
    queue = opened(Flash(), StructCodec("<I"), stage=2)
    for value in (1, "no number", 2, 3, None):
        queue.push(value)
    equal(queue.metrics()[:3], (2, 0, 3))


async def test_try_push_raises_what_is_wrong_with_a_value():
    queue = opened(Flash(), StructCodec("<I"))
    with raises(TypeError):
        queue.try_push("no number")
    with raises(ValueError):
        FlashQueue(BlockStorage(Flash())).try_push(bytes(5000))


async def test_try_push_refuses_when_the_stage_is_full_and_accepts_after_a_flush():
    queue = opened(Flash(), stage=2)
    queue.try_push(1)
    queue.try_push(2)
    with raises(BufferFull) as caught:
        queue.try_push(3)
    equal(caught.error.value, 3)
    await settle()
    queue.try_push(3)
    equal(drain(queue.subscribe()), [1, 2, 3])


async def test_waiting_producers_share_one_flush():
    flash = Flash()
    queue = opened(flash, flush_ms=5)
    await asyncio.gather(*[queue.push_async(i) for i in range(8)])
    equal((flash.erased, flash.operations), (1, 2))


async def test_a_flush_comes_when_enough_records_are_staged():
    flash = Flash()
    queue = opened(flash, flush_ms=NEVER, flush_records=3)
    tasks = [asyncio.create_task(queue.push_async(i)) for i in range(2)]
    await settle()
    equal(flash.operations, 0)
    await queue.push_async(2)
    await asyncio.gather(*tasks)


async def test_a_flush_comes_when_enough_bytes_are_staged():
    flash = Flash()
    queue = opened(flash, flush_ms=NEVER, flush_bytes=100)
    queue.push("x" * 60)
    await settle()
    equal(flash.operations, 0)
    await queue.push_async("x" * 60)


async def test_flush_brings_what_is_staged_to_the_flash_at_once():
    flash = Flash()
    queue = opened(flash, flush_ms=NEVER)
    queue.push(1)
    await queue.flush()
    equal(after_restart(flash), [1])


async def test_a_value_that_a_producer_waits_for_cannot_be_read_before_it_is_on_flash():
    queue = opened(Flash(), flush_ms=NEVER)
    task = asyncio.create_task(queue.push_async(1))
    await settle()
    queue.push(2)
    reader = queue.subscribe()
    equal(drain(reader), [])
    await queue.flush()
    await task
    equal(drain(reader), [1, 2])


async def test_values_of_all_calls_come_in_the_order_of_the_calls():
    queue = opened(Flash())
    tasks = []
    for i in range(0, 30, 3):
        tasks.append(asyncio.create_task(queue.push_async(i)))
        await asyncio.sleep_ms(0)
        queue.push(i + 1)
        queue.try_push(i + 2)
    await asyncio.gather(*tasks)
    equal(drain(queue.subscribe()), list(range(30)))


async def test_a_producer_that_is_cancelled_or_timed_out_before_the_flush_has_stored_nothing():
    flash = Flash()
    db = AimDb()
    db.configure("log", opened(flash, flush_ms=NEVER))
    with raises(asyncio.TimeoutError):
        await db.producer("log").produce_async(1, timeout_ms=5)
    task = asyncio.create_task(db.produce_any_async("log", 2))
    await settle()
    task.cancel()
    await outcome(task)
    queue = db.configure("log").buffer
    queue.push(3)
    await queue.flush()
    equal(drain(queue.subscribe()), [3])
    equal(after_restart(flash), [3])


def test_a_producer_that_is_cancelled_after_any_step_has_stored_nothing():
    at = 0
    while True:
        at += 1
        asyncio.new_event_loop()
        flash = Flash(4, 512)
        queue = opened(flash)
        told = []

        async def produce(value):
            await queue.push_async(value)
            told.append(value)

        async def main():
            steps = Steps(at, lambda: tasks[1].cancel())
            tasks = [steps.task(produce(i)) for i in range(3)]
            queue.push(3)
            found = []
            reader = queue.subscribe()
            for _ in range(6):
                found += drain(reader)
                await asyncio.sleep_ms(0)
            for task in tasks:
                await outcome(task)
            found += drain(reader)
            equal(sorted(found), sorted(told + [3]))
            await queue.flush()
            return steps.count

        count = asyncio.run(main())
        equal(sorted(after_restart(flash)), sorted(told + [3]))
        if count < at:
            break
    assert at > 6


async def test_a_producer_of_a_closed_queue_gets_its_value_back():
    queue = opened(Flash())
    queue.close()
    with raises(BufferClosed) as caught:
        queue.try_push(5)
    equal(caught.error.value, 5)
    equal((await outcome(asyncio.create_task(queue.push_async(6)))).value, 6)
