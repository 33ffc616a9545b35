import asyncio
import gc
import time

import aimdb.timeout as timeout
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


def test_counting_goes_round_without_a_false_lag_or_a_lost_one():
    ring = SpmcRing(3)
    ring._counts[0] = 2**29 - 5  # The counter goes from 2**29 on to 1.
    reader = ring.subscribe()
    idle = ring.subscribe()
    for value in range(10):
        ring.push(value)
        equal(reader.try_recv(), value)
    with raises(BufferLagged) as caught:
        idle.try_recv()
    equal(caught.error.count, 7)
    equal(idle.try_recv(), 7)
    equal(ring.metrics().produced_count, 5)


async def test_a_time_limit_for_which_there_is_no_memory_leaves_no_task_parked():
    def no_memory(reader):
        raise MemoryError

    ring = SpmcRing(2)
    ordinary, timeout.Alarm = timeout.Alarm, no_memory
    try:
        with raises(MemoryError):
            await ring.subscribe().recv(timeout_ms=1)
    finally:
        timeout.Alarm = ordinary
    assert not ring._waiting.peek()


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
    await asyncio.sleep_ms(60)
    equal(told, [10, 30])


async def test_a_reader_that_is_handed_to_another_task_needs_one_more_alarm_and_no_more():
    made = 0

    class Counted(timeout.Alarm):
        def __init__(self, *arguments):
            nonlocal made
            made += 1
            super().__init__(*arguments)

    ring = SpmcRing(3)
    reader = ring.subscribe()

    async def read():
        for _ in range(50):
            await reader.recv(10000)

    ordinary, timeout.Alarm = timeout.Alarm, Counted
    try:
        with raises(asyncio.TimeoutError):
            await reader.recv(1)
        task = asyncio.create_task(read())
        for value in range(50):
            await asyncio.sleep_ms(0)
            ring.push(value)
        await task
    finally:
        timeout.Alarm = ordinary
    equal(made, 2)


async def test_readers_that_are_forgotten_with_time_left_are_collected_within_a_second():
    ring = SpmcRing(3)

    async def read_in_time():
        await ring.subscribe().recv(timeout_ms=1000000)

    async def forget():
        for value in range(30):
            task = asyncio.create_task(read_in_time())
            await asyncio.sleep_ms(0)
            ring.push(value)
            await task
        await asyncio.sleep_ms(1100)
        gc.collect()
        return gc.mem_alloc()

    # A task that was on the scheduler's queue keeps those that stood below it there, so the last ones are still held.
    used = (await forget(), await forget(), await forget())
    assert used[2] - used[1] < 2000, used
