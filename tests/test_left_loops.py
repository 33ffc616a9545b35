"""A loop is left, and the same buffers go on in the one that asyncio.new_event_loop() makes, or in what was left.

`SOAK=n` in the environment runs n times as many random programs.
"""

import asyncio
import gc
import os

import harness
from aimdb import AimDb, BoundedQueue, BufferEmpty, SelfDeadlock, SpmcRing
from aimdb_conformance.support import settle
from harness import equal, heap_locked, raises
from programs import check
from random_programs import search

PROGRAMS = (800 if harness.target == "unix" else 1) * int((getattr(os, "getenv", lambda name: None)("SOAK")) or 1)
TIME_LIMIT = 120 + PROGRAMS


def test_a_ring_outlives_the_loops_of_its_tasks():
    search("ring", PROGRAMS, restarts=True)


def test_a_single_latest_outlives_the_loops_of_its_tasks():
    search("latest", PROGRAMS, restarts=True)


def test_a_mailbox_outlives_the_loops_of_its_tasks():
    search("mailbox", PROGRAMS, restarts=True)


def test_a_queue_outlives_the_loops_of_its_tasks():
    search("queue", PROGRAMS, restarts=True)


def test_a_value_goes_to_the_new_loop_and_not_to_a_reader_that_waits_in_the_old_one():
    check("queue", 1, "open x | a: recv x | rest | leave | produce | rest | take x")


def test_what_a_reader_was_granted_is_free_when_its_loop_is_left():
    check("queue", 1, "open x | a: recv x | rest | produce | leave | take x")


def test_what_was_free_before_is_there_with_it():
    check("queue", 2, "open x | a: recv x | rest | produce | produce | leave | has x | take x | take x")


def test_a_slot_that_a_producer_was_granted_is_free_when_its_loop_is_left():
    check("queue", 1, "open x | produce | a: put | rest | take x | leave | try")


def test_a_task_that_is_cancelled_after_its_loop_was_left_frees_nothing_twice():
    def cancel_granted(first_taken):
        queue = BoundedQueue(2)
        reader = queue.subscribe()
        tasks = []
        late = []

        async def sleep():
            await asyncio.sleep_ms(30)
            late.append(1)

        async def grant():
            tasks.append(asyncio.create_task(reader.recv()))
            for _ in range(5):
                asyncio.create_task(sleep())
            await settle()
            queue.push(1)

        async def cancel():
            if first_taken:
                equal(reader.try_recv(), 1)
            tasks[0].cancel()
            await asyncio.sleep_ms(60)
            if not first_taken:
                equal(reader.try_recv(), 1)
            with raises(BufferEmpty):
                reader.try_recv()

        asyncio.run(grant())
        asyncio.new_event_loop()
        asyncio.run(cancel())
        return late  # Of the tasks of the loop that was left.

    equal(cancel_granted(True), [])
    equal(cancel_granted(False), [])


def test_a_task_of_a_loop_that_was_left_can_be_cancelled_after_its_reader_is_closed():
    for queue in (BoundedQueue(2), SpmcRing(2)):
        reader = queue.subscribe()
        tasks = []

        async def wait():
            tasks.append(asyncio.create_task(reader.recv()))
            await settle()

        async def cancel():
            reader.close()
            tasks[0].cancel()
            with raises(asyncio.CancelledError):
                await tasks[0]

        asyncio.run(wait())
        asyncio.new_event_loop()
        asyncio.run(cancel())


def test_a_task_that_ctrl_c_ended_as_it_was_woken_frees_nothing_when_it_is_cancelled_in_a_new_loop():
    queue = BoundedQueue(2)
    reader = queue.subscribe()
    tasks = []

    def wait():
        reader.park(reader)
        yield
        raise KeyboardInterrupt

    async def wake():
        tasks.append(asyncio.create_task(wait()))
        await settle()
        queue.push(1)
        await settle()

    async def cancel():
        equal(reader.try_recv(), 1)
        tasks[0].cancel()
        await settle()
        equal(reader.has_value(), False)

    with raises(KeyboardInterrupt):
        asyncio.run(wake())
    asyncio.new_event_loop()
    asyncio.run(cancel())


def test_a_task_that_is_cancelled_after_its_loop_was_left_costs_nobody_the_place_in_the_new_one():
    queue = BoundedQueue(2)
    reader = queue.subscribe()
    tasks = []
    order = []

    async def read(name):
        order.append((name, await reader.recv()))

    async def grant(*names):
        for name in names:
            tasks.append(asyncio.create_task(read(name)))
        await settle()
        queue.push(len(tasks))

    async def cancel():
        equal(reader.try_recv(), 1)
        await grant("first", "second", "third")
        tasks[0].cancel()
        await settle()
        queue.push(5)
        await settle()
        equal(order, [("first", 4), ("second", 5)])

    asyncio.run(grant("left"))
    asyncio.new_event_loop()
    asyncio.run(cancel())


def test_a_task_that_is_cancelled_after_its_loop_was_left_hides_nobody_who_waits():
    for make in (lambda: SpmcRing(2), lambda: BoundedQueue(2)):
        for limits in ((), (1000,)):
            buffer = make()
            reader = buffer.subscribe()
            tasks = []

            async def wait():
                tasks.append(asyncio.create_task(reader.recv(*limits)))
                await settle()

            async def cancel():
                await wait()
                tasks[0].cancel()
                await settle()
                buffer.push(1)
                await settle()
                equal((tasks[0].done(), tasks[1].done()), (True, True))
                buffer.push(2)
                equal(await reader.recv(), 2)

            asyncio.run(wait())
            asyncio.new_event_loop()
            asyncio.run(cancel())


def test_a_slot_of_a_loop_that_was_left_is_filled_without_heap():
    queue = BoundedQueue(1)
    reader = queue.subscribe()

    async def grant():
        queue.push(1)
        asyncio.create_task(queue.push_async(2))
        await settle()
        reader.try_recv()

    async def produce():
        with heap_locked():
            queue.push(3)
        equal(reader.try_recv(), 3)

    asyncio.run(grant())
    asyncio.new_event_loop()
    asyncio.run(produce())


def test_a_reader_with_a_time_limit_in_a_loop_that_was_left_costs_a_producer_no_heap():
    for make in (lambda: SpmcRing(2), lambda: BoundedQueue(2)):
        buffer = make()
        reader = buffer.subscribe()

        async def wait():
            asyncio.create_task(reader.recv(1000))
            await settle()

        async def produce():
            with heap_locked():
                buffer.push(1)
            equal(await reader.recv(1000), 1)

        asyncio.run(wait())
        asyncio.new_event_loop()
        asyncio.run(produce())


def test_a_time_limit_of_a_loop_that_was_left_does_nothing():
    check("ring", 1, "open x | a: recv x 1 | turn | leave | sleep 2 | rest")


def test_without_a_new_loop_the_tasks_that_were_left_are_served():
    check("queue", 1, "open x | a: recv x | rest | stop | produce | rest")


def test_no_task_comes_along_with_what_is_scheduled_again():
    left = "open x | open y | f: ready x; take x | turn | d: recv y | stop | outside try | leave | outside try"
    check("queue", 3, left + " | take y | c: ready x | a: put; ready y | rest")


def test_no_task_comes_along_with_what_was_lent_when_its_loop_was_left():
    queue = BoundedQueue(1)
    readers = [queue.subscribe() for _ in range(2)]
    late = []

    async def sleep():
        await asyncio.sleep_ms(30)
        late.append(1)

    async def take(reader, leave):
        await reader.ready()  # The value is lent, for another reader waits.
        if leave:
            raise SystemExit
        reader.try_recv()

    async def lend(leave):
        if leave:
            asyncio.create_task(sleep())
        for reader in readers:
            asyncio.create_task(take(reader, leave))
        await settle()
        queue.push(1)
        await asyncio.sleep_ms(90)

    with raises(SystemExit):
        asyncio.run(lend(leave=True))
    asyncio.new_event_loop()
    equal(readers[0].try_recv(), 1)
    asyncio.run(lend(leave=False))
    equal(late, [])  # Of the tasks of the loop that was left.


def test_a_loop_that_was_left_is_collected_when_the_next_run_of_its_queue_begins():
    queue = BoundedQueue(1)

    def run(wait):
        async def stage(record):
            size = bytearray(20000 if wait else 1)
            if wait:
                await wait(record)
            return size

        async def main():
            db = AimDb()
            db.configure("n", queue).source(stage)
            task = asyncio.create_task(db.run())
            await settle()
            del task

        asyncio.run(main())
        asyncio.new_event_loop()
        gc.collect()
        return gc.mem_alloc()

    async def read(record):
        async for _ in record.consumer.subscribe():
            pass

    async def write(record):
        while True:
            await record.produce_async(1)

    run(None)
    before = run(None)
    for wait in (read, write):
        run(wait)
        assert run(None) - before < 10000


def test_a_program_that_starts_itself_again_delivers_each_value_once():
    # The densest form of test_restarts.py, for the emulated chip.
    queue = BoundedQueue(2)
    got = []
    sent = 0
    run = 0

    async def source(producer):
        nonlocal sent
        while sent < 4 * run:
            await producer.produce_async(sent)
            sent += 1
        if run == 1:
            raise ValueError("the first run")
        await asyncio.sleep_ms(100000 if run < 4 else 0)

    async def tap(consumer):
        of = run
        async for value in consumer.subscribe():
            got.append(value)
            equal(of, run)
            if value == 15:
                queue.close()

    async def main():
        db = AimDb()
        db.configure("queue", queue).source(source).tap(tap)
        task = asyncio.create_task(db.run())
        while sent < 4 * run and not task.done():
            await asyncio.sleep_ms(0)
        if run == 2:
            task.cancel()
        if run == 3:
            raise KeyboardInterrupt
        await task

    for error in (ValueError, asyncio.CancelledError, KeyboardInterrupt):
        run += 1
        with raises(error):
            asyncio.run(main())
    asyncio.new_event_loop()
    run += 1
    asyncio.run(main())
    equal(got, list(range(16)))


def test_a_task_that_alone_reads_in_a_new_loop_is_told_of_its_deadlock():
    queue = BoundedQueue(1)
    reader = queue.subscribe()

    async def read():
        queue.push(0)
        await reader.recv()

    async def read_and_wait():
        await read()
        queue.push(1)
        await queue.push_async(2)

    asyncio.run(read())
    asyncio.new_event_loop()
    with raises(SelfDeadlock):
        asyncio.run(read_and_wait())
