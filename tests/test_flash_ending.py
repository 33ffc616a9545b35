"""How a queue on flash ends, by `close`, `release` or a loop that is left, and what is on flash then."""

import asyncio
import sys

from aimdb import AimDb, BufferClosed, BytesCodec
from flash_devices import Flash
from flash_support import NEVER, after_restart, drain, fill, filled, opened, settle
from harness import equal, raises
from interrupting import Interrupted
from scarce import left_by
from stepping import outcome


def test_values_outlast_an_event_loop_that_ends_before_the_flush():
    flash = Flash()
    queue = opened(flash)

    async def push(value):
        queue.push(value)

    asyncio.run(push(1))
    asyncio.new_event_loop()
    asyncio.run(push(2))
    asyncio.run(queue.flush())
    equal(after_restart(flash), [1, 2])


async def test_release_puts_everything_on_flash_before_it_returns():
    flash = Flash()
    queue = opened(flash, flush_ms=NEVER)
    await asyncio.sleep_ms(0)
    queue.push(1)
    reader = queue.subscribe()
    queue.push(2)
    reader.try_recv()
    queue.release()
    with raises(BufferClosed):
        reader.try_recv()
    with raises(BufferClosed):
        reader.commit()
    equal(after_restart(flash), [1, 2])
    queue.release()


async def test_a_close_that_ctrl_c_ends_leaves_the_queue_open():
    queue = opened(Flash())
    queue._line.close = Interrupted(queue._line.close)
    with raises(KeyboardInterrupt):
        queue.close()
    equal(queue.closed, False)
    queue.close()
    with raises(BufferClosed):
        await queue.subscribe().recv(1000)


async def test_an_open_queue_is_used_and_released_though_no_module_can_be_loaded_any_more():
    flash = Flash()
    queue = await filled(flash, [1, 2])
    path = sys.path[:]
    sys.path.clear()
    try:
        await queue.push_async(3)
        queue.push(4)
        reader = queue.subscribe()
        equal([await reader.recv(), reader.try_recv()], [1, 2])
        await reader.commit(1)
        queue.release()
    finally:
        sys.path.extend(path)
    equal(after_restart(flash), [2, 3, 4])


async def test_a_queue_that_was_released_is_collected_before_the_loop_goes_on():
    flash = Flash()

    def use():
        queue = opened(flash)
        queue.push(1)
        queue.release()

    left = left_by(use, 20)
    assert left < 8000, left


async def test_a_value_during_whose_encoding_the_queue_ends_is_refused():
    class Ending(BytesCodec):
        def encode(self, value):
            queue.release()
            return value

    queue = opened(Flash(), Ending())
    with raises(BufferClosed):
        queue.try_push(b"1")
    queue = opened(Flash(), Ending())
    queue.push(b"1")
    equal((queue.held(), queue.dropped_count), (0, 1))


async def test_release_ends_a_reader_that_waits():
    queue = opened(Flash(), flush_ms=NEVER)
    reader = asyncio.create_task(queue.subscribe().recv())
    await settle()
    queue.release()
    assert isinstance(await outcome(reader), BufferClosed)


async def test_release_hands_producers_that_wait_for_room_their_value_back():
    flash = Flash(4, 512)
    queue = opened(flash)
    tasks = fill(queue)
    await settle()
    waiting = [task for task in tasks if not task.done()]
    queue.release()
    refused = []
    for task in waiting:
        refused.append((await outcome(task)).value)
    assert refused
    equal(after_restart(flash) + refused, list(range(len(tasks))))


async def test_release_ends_a_flush_that_waits_for_room():
    queue = opened(Flash(4, 512), stage=4)
    for i in range(200):
        queue.push(i)
        await asyncio.sleep_ms(0)
    task = asyncio.create_task(queue.flush())
    await settle()
    assert not task.done()
    queue.release()
    assert isinstance(await outcome(task), BufferClosed)


async def test_release_ends_a_reader_that_waits_behind_a_value_without_room():
    queue = opened(Flash(4, 512))
    tasks = fill(queue)
    await settle()
    reader = queue.subscribe()
    drain(reader)
    reading = asyncio.create_task(reader.recv())
    await settle()
    queue.release()
    assert isinstance(await outcome(reading), BufferClosed)
    for task in tasks:
        await outcome(task)


async def test_a_flush_after_release_of_what_there_was_no_room_for_is_refused():
    queue = opened(Flash(4, 512), stage=4)
    for i in range(200):
        queue.push(i)
        await asyncio.sleep_ms(0)
    queue.release()
    task = asyncio.create_task(queue.flush())
    await settle()
    assert task.done()
    assert isinstance(await outcome(task), BufferClosed)


async def test_a_producer_that_is_cancelled_when_the_queue_was_released_meanwhile_is_just_cancelled():
    queue = opened(Flash(), flush_ms=NEVER)
    task = asyncio.create_task(queue.push_async(1))
    await settle()
    queue.release()
    task.cancel()
    assert isinstance(await outcome(task), asyncio.CancelledError)


async def test_close_lets_readers_finish_and_commit():
    flash = Flash()
    queue = opened(flash, flush_ms=NEVER)
    task = asyncio.create_task(queue.push_async(1))
    await settle()
    queue.close()
    reader = queue.subscribe()
    equal(await reader.recv(), 1)
    await task
    await reader.commit()
    with raises(BufferClosed):
        await reader.recv()
    equal(after_restart(flash), [])


def test_a_reader_in_a_new_loop_is_enough_for_what_was_staged_in_the_one_before_to_go_to_flash():
    flash = Flash()
    queue = opened(flash, flush_ms=NEVER)

    async def push():
        queue.push(1)

    asyncio.run(push())
    asyncio.new_event_loop()

    async def subscribe():
        queue.subscribe()
        await settle()

    asyncio.run(subscribe())
    equal(after_restart(flash), [1])


async def test_a_commit_after_close_goes_to_flash_at_once():
    flash = Flash()
    queue = opened(flash, commit_ms=NEVER)
    await queue.push_async(1)
    queue.close()
    await settle()
    reader = queue.subscribe()
    equal(await reader.recv(), 1)
    reader.commit()
    await settle()
    equal(after_restart(flash), [])


def test_release_ends_a_reader_that_waits_behind_a_producer_of_a_loop_that_was_left():
    queue = opened(Flash(4, 512))

    async def begin():
        fill(queue)
        await settle()

    asyncio.run(begin())
    asyncio.new_event_loop()

    async def go_on():
        reader = queue.subscribe()
        for _ in range(200):
            drain(reader)
            await asyncio.sleep_ms(0)
        reading = asyncio.create_task(reader.recv())
        await settle()
        queue.release()
        await settle()
        assert reading.done() and isinstance(await outcome(reading), BufferClosed)

    asyncio.run(go_on())


def test_what_a_tap_had_read_and_not_committed_when_its_loop_was_left_comes_again_in_the_next():
    queue = opened(Flash())
    seen = []

    async def run():
        async def tap(consumer):
            reader = consumer.subscribe()
            async for value in reader:
                seen.append(value)
                if value != 2 or len(seen) > 3:
                    await reader.commit(1 if value < 2 else None)
                await asyncio.sleep_ms(0)

        db = AimDb()
        db.configure("n", queue).tap(tap)
        asyncio.create_task(db.run())
        for value in range(len(seen), 3 + len(seen)):
            await queue.push_async(value)
        await asyncio.sleep_ms(20)

    asyncio.run(run())
    asyncio.new_event_loop()
    asyncio.run(run())
    asyncio.new_event_loop()
    equal(seen, [0, 1, 2, 2, 3, 4, 5])
    equal(queue.held(), 0)


def test_a_reader_that_outlives_its_loop_may_commit_what_comes_again_for_another():
    queue = opened(Flash())
    reader = queue.subscribe()

    async def read():
        for value in range(3):
            await queue.push_async(value)
            equal(await reader.recv(), value)

    async def commit():
        other = queue.subscribe()
        reader.commit(2)
        equal(drain(other), [0, 1, 2])
        with raises(ValueError):
            reader.commit(2)
        other.commit()
        equal(queue.held(), 0)

    asyncio.run(read())
    asyncio.new_event_loop()
    asyncio.run(commit())
    asyncio.new_event_loop()
