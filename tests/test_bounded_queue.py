import asyncio
import gc

from aimdb import BoundedQueue, BufferClosed, BufferEmpty, BufferFull, SelfDeadlock
from aimdb_conformance.support import settle
from harness import equal, heap_locked, raises


def test_what_was_accepted_comes_out_in_order():
    queue = BoundedQueue(3)
    for value in range(5):
        queue.push(value)
    reader = queue.subscribe()
    equal([reader.try_recv() for _ in range(3)], [0, 1, 2])
    equal(queue.metrics().dropped_count, 2)


async def test_counting_goes_round_without_a_lost_value():
    for pushed_before in range(2**29 - 8, 2**29 + 1):
        queue = BoundedQueue(3)
        queue._counts[0] = queue._counts[1] = pushed_before
        reader = queue.subscribe()
        for value in range(12):
            task = asyncio.create_task(reader.recv())
            await asyncio.sleep_ms(0)
            for more in range(4):
                queue.push((value, more))
            equal(await task, (value, 0))
            equal([reader.try_recv() for _ in range(2)], [(value, 1), (value, 2)])
            queue.push(value)
            equal(reader.try_recv(), value)
        equal(queue.metrics().dropped_count, 12)


def test_each_count_goes_round():
    queue = BoundedQueue(1)
    for i in range(3):
        queue._counts[i] = 2**29
    reader = queue.subscribe()
    queue.push(1)
    queue.push(2)
    reader.try_recv()
    equal(queue.metrics()[:3], (1, 1, 1))


def test_peek_shows_the_oldest():
    queue = BoundedQueue(3)
    queue.push(1)
    queue.push(2)
    equal(queue.peek(), 1)


def test_a_refused_value_is_neither_produced_nor_dropped():
    queue = BoundedQueue(1)
    queue.push(1)
    with raises(BufferFull) as caught:
        queue.try_push(2)
    equal((caught.error.value, caught.error.capacity), (2, 1))
    metrics = queue.metrics()
    equal((metrics.produced_count, metrics.dropped_count, metrics.occupancy), (1, 0, (1, 1)))


async def test_capacity_one_hands_over_every_value():
    queue = BoundedQueue(1)

    async def produce():
        for value in range(50):
            await queue.push_async(value)
        queue.close()

    task = asyncio.create_task(produce())
    values = []
    async for value in queue.subscribe():
        values.append(value)
    equal(values, list(range(50)))
    await task


async def test_closing_while_a_granted_producer_has_not_run_hands_its_value_back():
    queue = BoundedQueue(1)
    queue.push(1)
    reader = queue.subscribe()
    task = asyncio.create_task(queue.push_async(2))
    await settle()
    reader.try_recv()
    queue.close()
    with raises(BufferClosed) as caught:
        await task
    equal(caught.error.value, 2)
    equal(queue.metrics().produced_count, 1)


async def test_a_task_that_alone_reads_and_waits_for_space_is_told_so():
    queue = BoundedQueue(2)
    reader = queue.subscribe()
    await queue.push_async(0)
    equal(await reader.recv(), 0)
    await queue.push_async(1)
    await queue.push_async(2)
    with raises(SelfDeadlock) as caught:
        await queue.push_async(3)
    equal(caught.error.value, 3)
    equal([reader.try_recv(), reader.try_recv()], [1, 2])


async def test_no_deadlock_is_claimed_while_a_value_is_kept_for_a_second_task_of_the_only_reader():
    queue = BoundedQueue(1)
    reader = queue.subscribe()
    queue.push(0)
    equal(await reader.recv(), 0)
    other = asyncio.create_task(reader.recv())
    await asyncio.sleep_ms(0)
    queue.push(1)
    await queue.push_async(2)
    equal((await other, reader.try_recv()), (1, 2))


async def test_no_deadlock_is_claimed_before_anybody_has_read():
    queue = BoundedQueue(1)
    queue.push(0)
    task = asyncio.create_task(queue.push_async(1))
    await settle()
    assert not task.done()
    reader = queue.subscribe()
    equal([await reader.recv(), await reader.recv()], [0, 1])
    await task


async def test_no_deadlock_is_claimed_while_another_reader_is_attached():
    queue = BoundedQueue(1)
    reader = queue.subscribe()
    other = queue.subscribe()
    queue.push(0)
    reader.try_recv()
    queue.push(1)
    asyncio.create_task(other.recv())
    await queue.push_async(2)
    equal(reader.try_recv(), 2)


async def test_no_deadlock_is_claimed_when_another_task_has_read():
    queue = BoundedQueue(1)
    reader = queue.subscribe()

    async def read():
        return await reader.recv()

    queue.push(0)
    await asyncio.create_task(read())
    queue.push(1)
    task = asyncio.create_task(read())
    await queue.push_async(2)
    equal(await task, 1)
    equal(reader.try_recv(), 2)


async def test_no_deadlock_is_claimed_when_the_task_has_waited_for_a_value_in_vain():
    queue = BoundedQueue(1)
    reader = queue.subscribe()
    with raises(asyncio.TimeoutError):
        await reader.recv(timeout_ms=1)

    async def read():
        return reader.try_recv()

    queue.push(0)
    task = asyncio.create_task(read())
    await queue.push_async(1)
    equal(await task, 0)


async def test_no_deadlock_is_claimed_when_the_reader_is_another_one_than_the_task_has_read_with():
    queue = BoundedQueue(1)
    first = queue.subscribe()
    queue.push(0)
    first.try_recv()
    first.close()

    async def read(reader):
        return await reader.recv()

    task = asyncio.create_task(read(queue.subscribe()))
    queue.push(1)
    await queue.push_async(2)
    equal(await task, 1)


async def test_a_task_that_alone_reads_with_one_reader_after_another_is_told():
    queue = BoundedQueue(1)
    for value in range(2):
        reader = queue.subscribe()
        queue.push(value)
        equal(await reader.recv(), value)
        queue.push(value)
        with raises(SelfDeadlock):
            await queue.push_async(value)
        reader.try_recv()
        reader.close()


async def test_a_deadlock_that_begins_while_waiting_is_told():
    queue = BoundedQueue(1)
    other = queue.subscribe()

    async def work():
        reader = queue.subscribe()
        queue.push(0)
        reader.try_recv()
        queue.push(1)
        await queue.push_async(2)

    task = asyncio.create_task(work())
    await settle()
    assert not task.done()
    other.close()
    with raises(SelfDeadlock):
        await task


async def test_ready_readers_that_take_their_value_are_served_in_order():
    queue = BoundedQueue(4)
    order = []

    async def read(name):
        reader = queue.subscribe()
        for _ in range(3):
            await reader.ready()
            order.append((name, reader.try_recv()))

    tasks = []
    for name in range(2):
        tasks.append(asyncio.create_task(read(name)))
        await settle()
    for value in range(6):
        queue.push(value)
        await settle()
    equal(order, [(0, 0), (1, 1), (0, 2), (1, 3), (0, 4), (1, 5)])
    for task in tasks:
        await task


async def test_a_reader_told_of_a_value_that_another_left_passes_the_word_on_when_cancelled():
    queue = BoundedQueue(1)

    async def only_look():
        await queue.subscribe().ready()

    looking = asyncio.create_task(only_look())
    await settle()
    second = asyncio.create_task(queue.subscribe().recv())
    await settle()
    third = asyncio.create_task(queue.subscribe().recv())
    await settle()
    queue.push(1)
    await asyncio.sleep_ms(0)
    assert looking.done()
    second.cancel()
    equal(await asyncio.wait_for_ms(third, 100), 1)


async def test_a_newcomer_does_not_overtake_a_woken_reader():
    queue = BoundedQueue(2)
    task = asyncio.create_task(queue.subscribe().recv())
    await settle()
    newcomer = queue.subscribe()
    queue.push(1)
    with raises(BufferEmpty):
        newcomer.try_recv()
    equal(await task, 1)


async def test_a_reader_that_attaches_after_the_push_does_not_overtake_the_one_who_waited():
    queue = BoundedQueue(2)
    task = asyncio.create_task(queue.subscribe().recv())
    await settle()
    queue.push(1)
    newcomer = queue.subscribe()
    with raises(BufferEmpty):
        newcomer.try_recv()
    equal(await task, 1)
    queue.push(2)
    equal(newcomer.try_recv(), 2)


async def test_what_a_cancelled_reader_was_woken_for_is_for_one_that_attaches_before_it_ends():
    queue = BoundedQueue(2)
    task = asyncio.create_task(queue.subscribe().recv())
    await settle()
    queue.push(1)
    newcomer = queue.subscribe()
    other = asyncio.create_task(newcomer.recv())
    task.cancel()
    equal(await asyncio.wait_for_ms(other, 100), 1)


async def test_what_a_cancelled_reader_was_woken_for_is_there_at_once_for_one_that_attaches_later():
    queue = BoundedQueue(2)
    task = asyncio.create_task(queue.subscribe().recv())
    await settle()
    queue.push(1)
    task.cancel()
    equal(queue.subscribe().try_recv(), 1)


async def test_of_two_tasks_that_wait_on_one_reader_the_second_gets_what_the_cancelled_first_was_woken_for():
    queue = BoundedQueue(2)
    reader = queue.subscribe()
    first = asyncio.create_task(reader.recv())
    await settle()
    second = asyncio.create_task(reader.recv())
    await settle()
    queue.push(1)
    first.cancel()
    equal(await asyncio.wait_for_ms(second, 100), 1)


async def test_a_reader_closed_while_it_waits_in_ready_leaves_another_waiting():
    queue = BoundedQueue(2)
    reader = queue.subscribe()

    async def look():
        await reader.ready()

    looking = asyncio.create_task(look())
    await settle()
    reader.close()
    other = asyncio.create_task(queue.subscribe().recv())
    await looking
    queue.push(1)
    equal(await asyncio.wait_for_ms(other, 100), 1)


async def test_ready_of_a_closed_reader_returns_while_another_waits():
    queue = BoundedQueue(2)
    reader = queue.subscribe()
    reader.close()
    other = asyncio.create_task(queue.subscribe().recv())
    await settle()
    await reader.ready()
    queue.push(1)
    equal(await asyncio.wait_for_ms(other, 100), 1)


def test_a_read_value_is_not_kept_alive():
    queues = [BoundedQueue(1) for _ in range(10)]
    gc.collect()
    before = gc.mem_alloc()
    for queue in queues:
        queue.push(bytearray(4000))
        queue.subscribe().try_recv()
    gc.collect()
    # One may still be seen on the C stack, which the collector scans as it is.
    assert gc.mem_alloc() - before < 20000


async def test_a_reader_that_there_was_no_heap_for_is_not_attached():
    queue = BoundedQueue(1)
    reader = queue.subscribe()
    queue.subscribe().close()
    with raises(MemoryError), heap_locked():
        queue.subscribe()
    queue.push(1)
    equal(await reader.recv(), 1)
    queue.push(2)
    with raises(SelfDeadlock):  # Not so if another reader were attached.
        await queue.push_async(3)


async def test_ready_lends_without_heap():
    queue = BoundedQueue(3)
    readers = [queue.subscribe(), queue.subscribe()]

    async def look():
        await readers[0].ready()  # While the other waits behind it.

    task = asyncio.create_task(look())
    other = asyncio.create_task(readers[1].recv())
    await settle()
    queue.push(1)
    with heap_locked():
        await asyncio.sleep_ms(0)
    await task
    equal(await other, 1)


async def test_ready_that_cannot_lend_leaves_the_value_to_who_waits():
    queue = BoundedQueue(3)
    reader = queue.subscribe()
    task = asyncio.create_task(reader.ready())
    other = asyncio.create_task(reader.recv())
    await settle()
    queue.push(1)
    with heap_locked():
        await asyncio.sleep_ms(0)
    with raises(MemoryError):
        await task
    equal(await other, 1)


async def read_once_and_fill(queue, reader, turn):
    # The task of `reader`: its second value finds a queue of 1 full.
    queue.push(0)
    reader.try_recv()
    await turn.wait()
    queue.push(1)
    await queue.push_async(2)


async def test_a_deadlock_is_named_when_the_other_reader_is_closed_while_a_value_is_kept_for_it():
    queue = BoundedQueue(1)
    reader = queue.subscribe()
    other = queue.subscribe()

    turn = asyncio.Event()
    task = asyncio.create_task(read_once_and_fill(queue, reader, turn))
    await settle()
    waiting = asyncio.create_task(other.recv())
    await settle()
    turn.set()
    await asyncio.sleep_ms(0)
    other.close()
    with raises(BufferClosed):
        await waiting
    with raises(SelfDeadlock):
        await asyncio.wait_for_ms(task, 1000)


async def test_a_producer_that_alone_has_read_keeps_its_place_when_one_of_two_other_readers_is_closed():
    queue = BoundedQueue(1)
    reader, other, third = [queue.subscribe() for _ in range(3)]
    queue.push(0)

    async def read_once_and_fill():
        reader.try_recv()
        queue.push(1)
        await queue.push_async(2)

    asyncio.create_task(read_once_and_fill())
    await settle()
    asyncio.create_task(queue.push_async(3))
    await settle()
    third.close()
    await settle()
    read = []
    for _ in range(3):
        read.append(await other.recv())
    equal(read, [1, 2, 3])


async def test_a_deadlock_is_named_when_the_task_for_which_a_value_is_kept_is_cancelled():
    queue = BoundedQueue(1)
    reader = queue.subscribe()

    async def cancel():
        await turn.wait()
        waiting.cancel()

    turn = asyncio.Event()
    task = asyncio.create_task(read_once_and_fill(queue, reader, turn))
    asyncio.create_task(cancel())
    await settle()
    waiting = asyncio.create_task(reader.recv())
    await settle()
    turn.set()  # The producer runs first, then who cancels, and then whoever the value was kept for.
    with raises(asyncio.CancelledError):
        await waiting
    with raises(SelfDeadlock):
        await asyncio.wait_for_ms(task, 1000)
