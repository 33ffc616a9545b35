import asyncio
import gc
import time

from aimdb import BufferEmpty, BufferLagged, SpmcRing
from harness import equal, raises


def test_lag_is_exact():
    ring = SpmcRing(3)
    reader = ring.subscribe()
    for value in range(10):
        ring.push(value)
    with raises(BufferLagged) as caught:
        reader.try_recv()
    equal(caught.error.count, 7)
    equal([reader.try_recv() for _ in range(3)], [7, 8, 9])
    with raises(BufferEmpty):
        reader.try_recv()


def test_lag_is_reported_once_and_summed_in_lagged():
    ring = SpmcRing(2)
    reader = ring.subscribe()
    for _ in range(2):
        for value in range(5):
            ring.push(value)
        with raises(BufferLagged):
            reader.try_recv()
        equal([reader.try_recv(), reader.try_recv()], [3, 4])
    equal(reader.lagged, 6)


def test_dropped_is_the_sum_of_the_lags_of_all_readers():
    ring = SpmcRing(2)
    readers = [ring.subscribe() for _ in range(3)]
    for value in range(5):
        ring.push(value)
    for reader in readers:
        with raises(BufferLagged):
            reader.try_recv()
    equal(ring.metrics().dropped_count, 9)


def test_a_reader_that_lags_while_it_reads_goes_on_with_the_oldest():
    ring = SpmcRing(4)
    reader = ring.subscribe()
    for value in range(4):
        ring.push(value)
    equal(reader.try_recv(), 0)
    for value in range(4, 7):
        ring.push(value)
    with raises(BufferLagged) as caught:
        reader.try_recv()
    equal(caught.error.count, 2)
    equal(reader.try_recv(), 3)


def test_the_count_of_missed_values_goes_round():
    ring = SpmcRing(3)
    reader = ring.subscribe()
    ring._counts[2] = 2**29
    for value in range(10):
        ring.push(value)
    with raises(BufferLagged):
        reader.try_recv()
    equal(ring.metrics().dropped_count, 7)


async def test_async_for_skips_a_lag_and_counts_it():
    ring = SpmcRing(2)
    reader = ring.subscribe()
    for value in range(5):
        ring.push(value)
    ring.close()
    values = []
    async for value in reader:
        values.append(value)
    equal(values, [3, 4])
    equal(reader.lagged, 3)


async def test_recv_raises_the_lag_and_then_goes_on():
    ring = SpmcRing(2)
    reader = ring.subscribe()
    for value in range(3):
        ring.push(value)
    with raises(BufferLagged):
        await reader.recv()
    equal(await reader.recv(), 1)


def test_peek_is_none():
    ring = SpmcRing(2)
    ring.push(1)
    equal(ring.peek(), None)


def test_occupancy_stops_at_the_capacity():
    ring = SpmcRing(3)
    for value in range(10):
        ring.push(value)
    equal(ring.metrics().occupancy, (3, 3))
    equal(ring.metrics().produced_count, 10)


def test_the_count_of_what_a_reader_has_missed_goes_round():
    ring = SpmcRing(1)
    reader = ring.subscribe()
    reader.lagged = 2**29
    ring.push(1)
    ring.push(2)
    with raises(BufferLagged):
        reader.try_recv()
    equal(reader.lagged, 1)


def test_what_is_read_and_what_comes_after_the_end_is_counted_round():
    ring = SpmcRing(3)
    reader = ring.subscribe()
    ring._counts[1] = ring._counts[2] = 2**29
    ring.push(1)
    reader.try_recv()
    ring.close()
    ring.push(2)
    equal(ring.metrics()[1:3], (1, 1))


def test_counting_goes_round_without_a_false_lag_or_a_lost_one():
    ring = SpmcRing(3)
    ring._counts[0] = 2**29 - 5  # The counter goes from 2**29 on to 1.
    reader = ring.subscribe()
    idle = ring.subscribe()
    for value in range(10):
        ring.push(value)
        equal((reader.try_recv(), reader.has_value()), (value, False))
    with raises(BufferLagged) as caught:
        idle.try_recv()
    equal(caught.error.count, 7)
    equal(idle.try_recv(), 7)
    equal(ring.metrics().produced_count, 5)


async def test_a_reader_that_is_woken_for_nothing_when_its_time_is_over_is_told_so():
    ring = SpmcRing(3)
    reader = ring.subscribe()
    told = []

    async def read():
        try:
            await reader.recv(5)
        except asyncio.TimeoutError:
            told.append(True)

    asyncio.create_task(read())
    await asyncio.sleep_ms(0)
    time.sleep_ms(10)
    ring.wake()
    await asyncio.sleep_ms(20)
    equal(told, [True])


async def test_two_tasks_on_one_reader_keep_a_time_limit_each():
    ring = SpmcRing(3)
    reader = ring.subscribe()
    told = []

    async def read(limit):
        try:
            await reader.recv(limit)
        except asyncio.TimeoutError:
            told.append(limit)

    async def wait_again():
        await asyncio.sleep_ms(0)
        await read(30)

    asyncio.create_task(read(10))
    asyncio.create_task(wait_again())
    await asyncio.sleep_ms(0)
    ring.wake()  # The first one is woken for nothing, and before it looks the second one begins to wait.
    while len(told) < 2:
        await asyncio.sleep_ms(10)
    equal(told, [10, 30])


async def test_a_reader_that_is_woken_for_nothing_again_and_again_is_told_in_time():
    ring = SpmcRing(3)
    reader = ring.subscribe()

    async def wake():
        while True:
            ring.wake()
            await asyncio.sleep_ms(1)

    waker = asyncio.create_task(wake())
    with raises(asyncio.TimeoutError):
        await asyncio.wait_for_ms(reader.recv(20), 2000)
    waker.cancel()


async def test_a_read_that_ends_in_time_leaves_nothing_in_the_scheduler():
    ring = SpmcRing(3)

    async def read_in_time():
        await ring.subscribe().recv(timeout_ms=1000000)

    async def read(cancelled):
        for value in range(30):
            task = asyncio.create_task(read_in_time())
            await asyncio.sleep_ms(0)
            if cancelled:
                task.cancel()
            ring.push(value)
            try:
                await task
            except asyncio.CancelledError:
                pass
        gc.collect()
        return gc.mem_alloc()

    # What is left on the stack keeps some of the last ones.
    used = []
    for cancelled in (False, True, False, True, False, True):
        used.append(await read(cancelled))
    assert used[5] - used[2] < 2000, used


async def test_a_read_with_a_time_limit_does_not_wake_the_board_before_that():
    # The loop asks for input each time when it has slept, or goes to sleep.
    asked = 0
    wait_io_event = asyncio.core._io_queue.wait_io_event

    def counted(milliseconds):
        nonlocal asked
        asked += 1
        return wait_io_event(milliseconds)

    reader = SpmcRing(3).subscribe()
    task = asyncio.create_task(reader.recv(60000))
    await asyncio.sleep_ms(10)
    asyncio.core._io_queue.wait_io_event = counted
    try:
        await asyncio.sleep_ms(1500)
    finally:
        del asyncio.core._io_queue.wait_io_event
    task.cancel()
    assert asked < 4, asked


async def test_ready_can_be_given_to_the_tools_of_asyncio():
    ring = SpmcRing(3)
    reader = ring.subscribe()
    with raises(asyncio.TimeoutError):
        await asyncio.wait_for_ms(reader.ready(), 1)
    task = asyncio.create_task(reader.ready())
    await asyncio.sleep_ms(0)
    ring.push(1)
    await task
    await asyncio.gather(reader.ready(), reader.ready())
    equal(reader.try_recv(), 1)
    task = asyncio.create_task(reader.ready())
    await asyncio.sleep_ms(0)
    task.cancel()
    with raises(asyncio.CancelledError):
        await task
