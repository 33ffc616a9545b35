"""What a FlashQueue promises besides what every buffer does."""

import asyncio

from aimdb import AimDb, BufferClosed, BufferFull, SelfDeadlock
from aimdb.timing import timed
from aimdb_flash import (
    BlockStorage,
    BytesCodec,
    FlashQueue,
    StructCodec,
)
from flash_devices import Flash
from flash_support import NEVER, after_restart, drain, fill, filled, opened, power_cut, settle
from harness import equal, heap_locked, raises
from stepping import Steps, outcome

# produce


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


# reading and committing


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


# room


async def test_a_full_flash_makes_producers_wait_for_commits():
    queue = opened(Flash(4, 512))
    tasks = fill(queue)
    await settle()
    waiting = [task for task in tasks if not task.done()]
    assert 0 < len(waiting) < len(tasks)
    reader = queue.subscribe()
    found = []
    while len(found) < len(tasks):
        found.append(await reader.recv(timeout_ms=5000))
        reader.commit()
        await settle()
    equal(found, list(range(len(tasks))))
    for task in tasks:
        await task


async def full_of_long_values():
    # With room for a short one; and the long ones that wait.
    queue = opened(Flash(), BytesCodec())
    tasks = [asyncio.create_task(queue.push_async(b"x" * 300)) for _ in range(20)]
    await settle()
    return queue, [task for task in tasks if not task.done()]


async def test_a_short_value_goes_to_a_full_flash_when_the_long_one_before_it_is_cancelled():
    queue, waiting = await full_of_long_values()
    short = asyncio.create_task(queue.push_async(b"y"))
    await settle()
    assert not short.done()
    for task in waiting:
        task.cancel()
    await timed(short, 1000)


async def test_a_short_value_goes_to_a_full_flash_when_the_long_one_before_it_is_committed():
    queue, waiting = await full_of_long_values()
    for task in waiting:
        task.cancel()
    await settle()
    queue.push(b"x" * 300)
    short = asyncio.create_task(queue.push_async(b"y"))
    await settle()
    reader = queue.subscribe()
    for _ in range(queue.held() - 1):
        await reader.recv()
    other = queue.subscribe()
    equal(await other.recv(), b"x" * 300)
    assert not short.done()
    other.commit()
    await timed(short, 1000)


async def test_each_commit_reaches_a_full_flash_one_by_one():
    flash = Flash(4, 512)
    queue = opened(flash)
    tasks = fill(queue)
    await settle()
    reader = queue.subscribe()
    for i in range(len(tasks)):
        equal(await reader.recv(timeout_ms=5000), i)
        await reader.commit()
        if not i % 9:  # Each time would take a board minutes.
            rest = after_restart(flash)
            assert rest == [] or rest[0] == i + 1


async def test_a_full_flash_counts_what_is_pushed_as_dropped():
    queue = opened(Flash(4, 512), stage=4)
    for i in range(200):
        queue.push(i)
        await asyncio.sleep_ms(0)
    stored = drain(queue.subscribe())
    equal(stored, list(range(len(stored))))
    equal(queue.dropped_count, 200 - len(stored))
    with raises(BufferFull):
        queue.try_push(1)


async def test_the_oldest_values_are_dropped_and_counted_when_the_user_chose_so():
    flash = Flash(4, 512)
    queue = await filled(flash, range(300), drop_oldest=True)
    left = drain(queue.subscribe())
    equal(left, list(range(300 - len(left), 300)))
    equal((queue.dropped_count, queue.held()), (300 - len(left), len(left)))
    equal(after_restart(flash), left)


async def test_a_burst_larger_than_the_flash_drops_values_only_after_their_producers_were_told():
    queue = opened(Flash(4, 512), stage=64, drop_oldest=True)
    tasks = [asyncio.create_task(queue.push_async("x" * 150 + str(i))) for i in range(40)]
    for task in tasks:
        await task
    left = drain(queue.subscribe())
    equal(left, ["x" * 150 + str(i) for i in range(40 - len(left), 40)])
    equal((queue.dropped_count, queue.held()), (40 - len(left), len(left)))


async def test_dropping_the_oldest_leaves_a_reader_that_had_read_them_working():
    queue = await filled(Flash(4, 512), range(10), drop_oldest=True)
    reader = queue.subscribe()
    other = queue.subscribe()
    for _ in range(5):
        reader.try_recv()
        other.try_recv()
    other.close()
    for i in range(10, 300):
        await queue.push_async(i)
    await reader.commit()
    left = drain(reader)
    equal(left, list(range(300 - len(left), 300)))
    equal(queue.held(), len(left))


async def test_a_task_that_waits_for_its_own_commits_is_told_so():
    queue = opened(Flash(4, 512))
    reader = queue.subscribe()
    for i in range(2):
        queue.push(i)
        reader.try_recv()
    with raises(SelfDeadlock) as caught:
        for i in range(2, 200):
            await queue.push_async(i)
    assert caught.error.value < 199
    reader.commit()
    found = drain(reader)
    equal(found, list(range(2, caught.error.value)))


async def test_a_task_that_waits_for_its_own_commits_is_told_so_when_the_last_other_reader_is_closed():
    queue = opened(Flash(4, 512))
    reader = queue.subscribe()
    other = queue.subscribe()

    async def produce():
        queue.push(0)
        reader.try_recv()
        for i in range(1, 200):
            await queue.push_async(i)

    task = asyncio.create_task(produce())
    for _ in range(20):
        await settle()
    assert not task.done()
    other.close()
    await settle()
    assert task.done() and isinstance(await outcome(task), SelfDeadlock)


async def test_a_task_that_shares_its_reader_with_another_waits_for_the_others_commits():
    queue = opened(Flash(4, 512))
    reader = queue.subscribe()
    for i in range(3):
        queue.push(i)

    async def read():
        reader.try_recv()

    async def produce():
        reader.try_recv()
        for i in range(200):
            await queue.push_async(i)

    await asyncio.gather(read(), read())
    task = asyncio.create_task(produce())
    for _ in range(30):
        await settle()
    equal((task.done(), queue._flusher.full), (False, True))
    task.cancel()


async def test_a_task_that_has_just_committed_is_told_of_no_deadlock():
    for everything in (True, False):
        queue = opened(Flash(4, 512), stage=8)
        reader = queue.subscribe()
        for i in range(200):
            queue.push(i)
            await asyncio.sleep_ms(0)
        count = len(drain(reader))
        reader.commit(count if everything else count - 8)  # What is staged, too, or only what is on flash.
        await timed(queue.push_async("next"), 5000)


async def test_a_reader_that_there_was_no_heap_for_is_not_attached():
    queue = opened(Flash(4, 512))
    reader = queue.subscribe()
    with raises(MemoryError), heap_locked():
        queue.subscribe()
    queue.push(0)
    reader.try_recv()
    with raises(SelfDeadlock):  # Not so if another reader were attached.
        for i in range(1, 200):
            await timed(queue.push_async(i), 5000)


async def test_no_deadlock_is_claimed_when_the_reader_is_another_one_than_the_task_has_read_with():
    queue = opened(Flash(4, 512))
    first = queue.subscribe()
    queue.push(0)
    first.try_recv()
    first.close()

    async def consume(reader):
        await asyncio.sleep_ms(50)  # The producer waits for room by then.
        while True:
            await reader.recv()
            await reader.commit()

    task = asyncio.create_task(consume(queue.subscribe()))
    for i in range(1, 200):
        await queue.push_async(i)
    task.cancel()


async def test_closing_hands_producers_that_wait_for_room_their_value_back():
    flash = Flash(4, 512)
    queue = opened(flash, stage=8)
    tasks = fill(queue)
    await settle()
    queue.close()
    refused = []
    for task in tasks:
        ended = await outcome(task)
        if ended:
            refused.append(ended.value)
    stored = drain(queue.subscribe())
    equal(stored + refused, list(range(len(tasks))))
    equal(after_restart(flash), stored)
