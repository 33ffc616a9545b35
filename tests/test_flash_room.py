"""What a full flash does: to producers, to readers, and to a task that waits for itself."""

import asyncio

from aimdb import BufferFull, SelfDeadlock
from aimdb.timing import timed
from aimdb_flash import BytesCodec
from flash_devices import Flash
from flash_support import after_restart, drain, fill, filled, opened, settle
from harness import equal, heap_locked, raises
from stepping import outcome


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
