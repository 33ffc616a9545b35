"""A run fails, and another begins on the same buffers and records: in a new event loop, or in the one that was left.

`SOAK=n` in the environment runs n times as many random programs.
"""

import asyncio
import os

import harness
from aimdb import AimDb, BoundedQueue, BufferClosed, BufferEmpty, SpmcRing
from aimdb_conformance.support import settle
from harness import equal, heap_locked, raises
from programs import check
from random_programs import search

PROGRAMS = (800 if harness.target == "unix" else 6) * int((getattr(os, "getenv", lambda name: None)("SOAK")) or 1)
TIME_LIMIT = 120 + PROGRAMS


class Failure(Exception):
    """What ends a run in these tests."""


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

    cancel_granted(True)
    equal(cancel_granted(False), [])


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


def test_a_time_limit_of_a_loop_that_was_left_does_nothing():
    check("ring", 1, "open x | a: recv x 1 | turn | leave | sleep 2 | rest")


def test_without_a_new_loop_the_tasks_that_were_left_are_served():
    check("queue", 1, "open x | a: recv x | rest | stop | produce | rest")


def test_no_task_comes_along_with_what_is_scheduled_again():
    left = "open x | open y | f: ready x; take x | turn | d: recv y | stop | outside try | leave | outside try"
    check("queue", 3, left + " | take y | c: ready x | a: put; ready y | rest")


def run_until_failure(coroutine):
    with raises(Failure):
        asyncio.run(coroutine)


class TwoRuns:
    """A source and a tap on a buffer of the program, and two runs of it: the first one is left after some turns."""

    def __init__(self, buffer, turns):
        self.run = 1
        self.received = {1: [], 2: []}  # By the run whose tap has received it: (run of the source, value).
        self.late = []  # Stages that took a step after their run.
        run_until_failure(self.fail_after(turns, self.wired(buffer)))
        asyncio.new_event_loop()
        self.run = 2
        buffer.key = None
        asyncio.run(self.wired(buffer).run())

    def wired(self, buffer):
        db = AimDb()
        db.configure("record", buffer).source(self.source).tap(self.tap)
        return db

    async def fail_after(self, turns, db):
        asyncio.create_task(db.run())
        for _ in range(turns):
            await asyncio.sleep_ms(0)
        raise Failure

    async def source(self, producer):
        run = self.run
        for value in range(10):
            if run != self.run:
                self.late.append("source")
            await producer.produce_async((run, value))
            for _ in range(value % 3):
                await asyncio.sleep_ms(0)
        producer.buffer.close()

    async def tap(self, consumer):
        run = self.run
        async for value in consumer.subscribe():
            self.received[run].append(value)
            if run != self.run:
                self.late.append("tap")


def test_a_ring_is_processed_once_in_the_second_run():
    for turns in range(3, 9):
        runs = TwoRuns(SpmcRing(4), turns)
        equal(runs.late, [])
        equal(runs.received[2], [(2, value) for value in range(10)])


def test_all_values_of_a_queue_reach_the_tap_of_the_second_run():
    for turns in range(3, 9):
        runs = TwoRuns(BoundedQueue(2), turns)
        equal(runs.late, [])
        equal([value for run, value in runs.received[2] if run == 2], list(range(10)))
        first = [value for received in (1, 2) for run, value in runs.received[received] if run == 1]
        equal(first, list(range(len(first))))


class Stages:
    """A source that a full queue makes wait and two taps that compete, whose n-th step fails."""

    def __init__(self, make):
        self.db = AimDb()
        self.record = self.db.configure("record", make()).source(self.source).tap(self.tap).tap(self.tap)
        self.next = 0
        self.received = []
        self.running = False
        self.steps_left = 0

    def step(self):
        assert self.running, "a stage goes on after the end of its run"
        self.steps_left -= 1
        if self.steps_left == 0:
            raise Failure

    async def source(self, producer):
        while self.next < 8:
            self.step()
            await producer.produce_async(self.next)
            self.next += 1
            self.step()
            await asyncio.sleep_ms(0)
        producer.buffer.close()

    async def tap(self, consumer):
        reader = consumer.subscribe()
        try:
            while True:
                self.step()
                await reader.ready()
                self.step()
                try:
                    self.received.append(reader.try_recv())
                except BufferEmpty:
                    pass
        except BufferClosed:
            pass
        finally:
            reader.close()

    async def run(self, steps):
        self.steps_left = steps
        self.running = True
        try:
            await self.db.run()
        finally:
            self.running = False

    async def run_again(self):
        """After a run that failed: the rest arrives, and nothing of the first run is alive."""
        for _ in range(5):
            await asyncio.sleep_ms(0)
        metrics = self.record.buffer.metrics()
        equal(metrics.produced_count, len(self.received) + self.record.buffer.held())
        await self.run(0)
        equal(self.received, list(range(8)))


async def test_a_run_that_failed_leaves_nothing():
    steps = 1
    while True:
        stages = Stages(lambda: BoundedQueue(2))
        try:
            await stages.run(steps)
        except Failure:
            await stages.run_again()
        else:
            break
        steps += 1
    assert steps > 20


async def test_a_run_that_was_cancelled_leaves_nothing():
    turns = 1
    while True:
        stages = Stages(lambda: BoundedQueue(2))
        task = asyncio.create_task(stages.run(0))
        for _ in range(turns):
            await asyncio.sleep_ms(0)
        if task.done():
            break
        task.cancel()
        with raises(asyncio.CancelledError):
            await task
        await stages.run_again()
        turns += 1
    assert turns > 5


def test_a_run_that_was_left_leaves_nothing_in_a_new_loop():
    for steps in range(1, 25):
        stages = Stages(lambda: BoundedQueue(2))

        async def interrupted():
            task = asyncio.create_task(stages.run(0))
            for _ in range(steps):
                await asyncio.sleep_ms(0)
                if task.done():
                    break
            raise Failure

        run_until_failure(interrupted())
        asyncio.new_event_loop()
        stages.running = False
        if stages.record.buffer.closed:
            break
        accepted = stages.record.buffer.metrics().produced_count
        equal(accepted, len(stages.received) + stages.record.buffer.held())
        asyncio.run(stages.run_again())
    assert steps > 5
