"""One task of a scenario is cancelled, or timed out, after the k-th step of the scheduler, for every k.

Whatever k is: values in = values out + refused + still held, order is kept, and every other task still gets
what it waits for.
"""

import asyncio

import harness
from aimdb import AimDb, BoundedQueue, BufferClosed, BufferEmpty, Mailbox, SingleLatest, SpmcRing
from aimdb_conformance.support import busy, drain
from harness import equal
from own_buffers import Slots
from stepping import Steps, outcome

LIMIT = 8 if harness.target == "unix" else 60  # Milliseconds: longer than a scenario takes, if the action lets it.


def cancel(task):
    task.cancel()


def time_out(task):
    # The loop is busy for so long that a timed wait of the task, if it is in one, is over.
    busy(LIMIT + 1)


async def sweep(scenario):
    """Run `scenario(steps, victims)` to its end, once for every step and every way to stop the victim."""
    for stop in (cancel, time_out):
        total = at = 1
        while at <= total:
            steps = Steps(at, lambda: [stop(task) for task in victims])
            victims = []
            await scenario(steps, victims, stop)
            if steps.error:
                raise steps.error
            total = steps.count
            at += 1
        assert total > 5


def within(stop):
    return None if stop is cancel else LIMIT


def a_competing_reader_is_stopped(make, count, read):
    async def scenario(steps, victims, stop):
        buffer = make()
        out = []

        async def produce():
            for value in range(count):
                await buffer.push_async(value)
                await asyncio.sleep_ms(0)

        async def consume():
            reader = buffer.subscribe()
            while True:
                out.append(await read(reader, stop))

        victim = steps.task(consume())
        others = [steps.task(consume()), steps.task(consume())]
        victims.append(victim)
        await outcome(steps.task(produce()))
        for _ in range(8):
            await asyncio.sleep_ms(0)
        equal(drain(buffer.subscribe()), [])
        if buffer.metrics().produced_count == len(out):
            equal(sorted(out), list(range(count)))
            equal(out, sorted(out))
        else:
            raise AssertionError("%r of %d" % (out, count))
        for task in [victim] + others:
            task.cancel()
            await outcome(task)

    return scenario


async def by_recv(reader, stop):
    return await reader.recv(timeout_ms=within(stop))


async def by_ready(reader, stop):
    while True:
        await reader.ready()
        try:
            return reader.try_recv()
        except BufferEmpty:
            pass


async def test_stopping_one_of_three_readers_of_a_queue():
    for capacity in (1, 2, 5):
        await sweep(a_competing_reader_is_stopped(lambda: BoundedQueue(capacity), 6, by_recv))
        await sweep(a_competing_reader_is_stopped(lambda: BoundedQueue(capacity), 6, by_ready))


async def test_stopping_one_of_three_readers_of_a_queue_of_ones_own():
    await sweep(a_competing_reader_is_stopped(lambda: Slots(2), 6, by_recv))


async def test_stopping_one_of_three_readers_of_a_mailbox():
    # The mailbox is left alone until its value was taken, so that overwriting is no excuse for a missing value.
    class Waiting(Mailbox):
        async def push_async(self, value):
            while self.held():
                await asyncio.sleep_ms(0)
            self.push(value)

    await sweep(a_competing_reader_is_stopped(Waiting, 6, by_recv))
    await sweep(a_competing_reader_is_stopped(Waiting, 6, by_ready))


def a_producer_is_stopped(make):
    async def scenario(steps, victims, stop):
        buffer = make()
        producer = AimDb().configure("record", buffer)
        stored = []
        out = []

        async def produce(first, limit=None):
            for value in range(first, first + 4):
                await producer.produce_async(value, timeout_ms=limit)
                stored.append(value)

        async def consume():
            async for value in buffer.subscribe():
                out.append(value)
                await asyncio.sleep_ms(0)

        victim = steps.task(produce(0, within(stop)))
        others = [steps.task(produce(10)), steps.task(produce(20))]
        victims.append(victim)
        reader = steps.task(consume())
        for task in others:
            equal(await outcome(task), None)
        ended = await outcome(victim)
        assert ended is None or isinstance(ended, (asyncio.CancelledError, asyncio.TimeoutError)), ended
        buffer.close()
        await outcome(reader)
        equal(sorted(out), sorted(stored))
        for first in (0, 10, 20):
            mine = [value for value in out if first <= value < first + 10]
            equal(mine, list(range(first, first + len(mine))))
            assert first == 0 or len(mine) == 4

    return scenario


async def test_stopping_one_of_three_producers_of_a_queue():
    for capacity in (1, 2):
        await sweep(a_producer_is_stopped(lambda: BoundedQueue(capacity)))


async def test_stopping_one_of_three_producers_of_a_queue_of_ones_own():
    await sweep(a_producer_is_stopped(lambda: Slots(1)))


def a_fan_out_reader_is_stopped(make):
    async def scenario(steps, victims, stop):
        buffer = make()
        seen = {}

        async def produce():
            for value in range(4):
                buffer.push(value)
                await asyncio.sleep_ms(0)
                await asyncio.sleep_ms(0)
            buffer.close()

        async def consume(name):
            seen[name] = []
            reader = buffer.subscribe()
            try:
                while True:
                    try:
                        seen[name].append(await reader.recv(timeout_ms=within(stop)))
                    except (asyncio.CancelledError, asyncio.TimeoutError):
                        pass  # The same reader goes on, and must have lost nothing.
            except BufferClosed:
                pass

        tasks = [steps.task(consume(name)) for name in "ab"]
        victims.append(tasks[0])
        await outcome(steps.task(produce()))
        for task in tasks:
            equal(await outcome(task), None)
        equal(seen["b"], [0, 1, 2, 3])
        # Cancelled before its first step it has not begun; in any other case it goes on.
        assert seen.get("a", []) in ([], [0, 1, 2, 3]), seen

    return scenario


async def test_stopping_one_of_two_readers_of_a_ring():
    await sweep(a_fan_out_reader_is_stopped(lambda: SpmcRing(4)))


async def test_stopping_one_of_two_readers_of_a_single_latest():
    await sweep(a_fan_out_reader_is_stopped(SingleLatest))


async def test_closing_a_queue_at_every_step():
    def scenario(at):
        queue = BoundedQueue(2)
        stored = []
        refused = []
        out = []

        async def produce(first):
            for value in range(first, first + 4):
                try:
                    await queue.push_async(value)
                    stored.append(value)
                except BufferClosed as er:
                    refused.append(er.value)

        async def consume():
            async for value in queue.subscribe():
                out.append(value)

        steps = Steps(at, queue.close)
        tasks = [steps.task(produce(0)), steps.task(produce(10)), steps.task(consume()), steps.task(consume())]
        return steps, tasks, stored, refused, out, queue

    at = total = 1
    while at <= total:
        steps, tasks, stored, refused, out, queue = scenario(at)
        for task in tasks[:2]:
            await task
        queue.close()
        for task in tasks[2:]:
            await task
        equal(sorted(out), sorted(stored))
        equal(sorted(stored + refused), [0, 1, 2, 3, 10, 11, 12, 13])
        total = steps.count
        at += 1
    assert total > 5


async def test_closing_a_reader_at_every_step():
    at = total = 1
    while at <= total:
        queue = BoundedQueue(2)
        out = []
        leaving = queue.subscribe()
        staying = queue.subscribe()

        async def produce():
            for value in range(6):
                await queue.push_async(value)

        async def consume(reader):
            async for value in reader:
                out.append(value)

        steps = Steps(at, leaving.close)
        consumers = [steps.task(consume(leaving)), steps.task(consume(staying))]
        await steps.task(produce())
        queue.close()
        for task in consumers:
            await task
        equal(out, [0, 1, 2, 3, 4, 5])
        total = steps.count
        at += 1
    assert total > 5
