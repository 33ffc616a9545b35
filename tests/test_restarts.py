"""A run of a database fails, and another begins on the same records, in a new event loop or in the same one."""

import asyncio
import gc

import harness
from aimdb import AimDb, BoundedQueue, BufferClosed, BufferEmpty, InvalidConfiguration, SpmcRing
from harness import equal, only, raises


class Failure(Exception):
    """What ends a run in these tests."""


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


def test_a_program_makes_its_database_anew_in_each_run_and_has_its_buffers_from_the_module():
    queue = BoundedQueue(4)
    got = []

    async def main(number):
        async def source(producer):
            await producer.produce_async(number)
            raise Failure

        async def tap(consumer):
            async for value in consumer.subscribe():
                got.append(value)

        db = AimDb()
        db.configure("n", queue).source(source).tap(tap)
        await db.run()

    for number in range(3):
        with raises(Failure):
            asyncio.run(main(number))
    queue.close()
    got += [queue.subscribe().try_recv() for _ in range(queue.held())]
    equal(got, [0, 1, 2])


class Restarted:
    """A queue that another is computed from, in a database that is made anew in each run."""

    def __init__(self, wire):
        self.wire = wire
        self.source, self.target = BoundedQueue(8), BoundedQueue(1)
        self.reader = self.target.subscribe()
        self.sent = 0

    def started(self):
        db = AimDb()
        db.configure("source", self.source)
        self.wire(db.configure("target", self.target))
        return asyncio.create_task(db.run())

    async def run(self):
        running = self.started()
        for _ in range(3):
            await asyncio.sleep_ms(20)
            while self.source.held() < 8:
                self.source.push(self.sent)
                self.sent += 1
        running.cancel()
        with raises(asyncio.CancelledError):
            await running

    async def run_and_leave(self):
        asyncio.create_task(self.run())
        await asyncio.sleep_ms(50)

    async def rest(self, count):
        running = self.started()
        values = []
        for _ in range(count):
            values.append(await self.reader.recv(5000))
        running.cancel()
        return values


@only("unix", reason="a run of a database takes the emulated chip seconds")
def test_what_a_transform_has_in_hand_is_stored_by_that_of_the_next_database():
    for leaves in (False, True):
        restarted = Restarted(lambda record: record.transform("source", lambda value: value))
        for _ in range(3):
            asyncio.run(restarted.run_and_leave() if leaves else restarted.run())
            if leaves:
                asyncio.new_event_loop()
        sent = restarted.sent
        equal(asyncio.run(restarted.rest(sent)), list(range(sent)))


@only("unix", reason="a run of a database takes the emulated chip seconds")
def test_what_a_join_has_taken_is_read_by_that_of_the_next_database():
    async def first(inputs, producer):
        producer.produce((await inputs.recv())[1])
        await asyncio.sleep(9)

    for leaves in (False, True):
        restarted = Restarted(lambda record: record.transform_join(("source",), first))
        for number in range(3):
            asyncio.run(restarted.run_and_leave() if leaves else restarted.run())
            equal(restarted.reader.try_recv(), number)
            if leaves:
                asyncio.new_event_loop()


async def test_two_records_of_one_database_need_a_buffer_each():
    queue = BoundedQueue(4)
    db = AimDb()
    db.configure("a", queue)
    db.configure("b", queue)
    try:
        await db.run()
        assert False
    except InvalidConfiguration as error:
        equal(error.errors, ["record 'b' shares the buffer of record 'a'; each record needs its own"])


async def test_a_buffer_that_another_database_runs_is_a_mistake_until_that_run_ends():
    ring = SpmcRing(4)
    received = []

    async def tap(consumer):
        reader = consumer.subscribe()
        received.append("begins")
        async for value in reader:
            received.append(value)

    async def begun(db):
        run = asyncio.create_task(db.run())
        while "begins" not in received:
            await asyncio.sleep_ms(1)
        received.clear()
        return run

    first, second = AimDb(), AimDb()
    for db in (first, second):
        db.configure("a", ring).tap(tap)
    run = await begun(first)
    for _ in range(2):  # The refusal leaves the first run its buffer.
        with raises(InvalidConfiguration) as caught:
            await second.run()
        equal(len(caught.error.errors), 1)
        assert "record 'a' has a buffer that another database runs" in caught.error.errors[0], caught.error.errors
    ring.push(1)
    await asyncio.sleep_ms(1)
    run.cancel()
    with raises(asyncio.CancelledError):
        await run
    equal(received, [1])
    run = await begun(second)
    ring.push(2)
    ring.close()
    await run
    equal(received, [2])


def test_a_run_whose_loop_was_left_and_that_ends_later_leaves_the_buffer_to_the_database_that_runs():
    ring = SpmcRing(4)
    runs = []

    async def tap(consumer):
        async for _ in consumer.subscribe():
            pass

    async def begin(db):
        runs.append(asyncio.create_task(db.run()))
        await asyncio.sleep_ms(20)

    async def go_on(second, third):
        await begin(second)
        runs[0].cancel()
        with raises(asyncio.CancelledError):
            await runs[0]
        with raises(InvalidConfiguration):
            await third.run()

    dbs = AimDb(), AimDb(), AimDb()
    for db in dbs:
        db.configure("a", ring).tap(tap)
    asyncio.run(begin(dbs[0]))
    asyncio.new_event_loop()
    asyncio.run(go_on(*dbs[1:]))


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


async def test_running_again_and_again_leaves_nothing_behind():
    async def tap(consumer):
        consumer.subscribe()

    async def run():
        db = AimDb()
        db.configure("x", SpmcRing(4)).tap(tap)
        await db.run()
        await asyncio.sleep_ms(0)

    await run()
    gc.collect()
    before = gc.mem_alloc()
    for _ in range(20 if harness.target == "unix" else 8):
        await run()
    gc.collect()
    left = gc.mem_alloc() - before
    assert left < 5000, left  # The interpreter refers to the callbacks that it has called last.
