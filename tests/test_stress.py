"""Several producers and readers with random timeouts, cancellations and closings, from a seed.

`SOAK=n` in the environment runs n times as many seeds.
"""

import asyncio
import os
import random

import harness
from aimdb import BoundedQueue, BufferClosed, BufferEmpty, BufferFull, BufferLagged, Mailbox, SpmcRing
from aimdb.timeout import timed
from harness import equal
from own_buffers import Slots
from stepping import outcome

SEEDS = (60 if harness.target == "unix" else 1) * int((getattr(os, "getenv", lambda name: None)("SOAK")) or 1)
TIME_LIMIT = 60 + SEEDS


class Account:
    """What was tried, stored, refused and read: every value is a number of its own."""

    def __init__(self):
        self.next = 0
        self.stored = []
        self.refused = []
        self.dropped = []
        self.unknown = []  # In flight when its producer was cancelled: must be nowhere.
        self.read = []

    def new(self):
        self.next += 1
        return self.next - 1


async def pause(choice):
    for _ in range(choice.randrange(3)):
        await asyncio.sleep_ms(choice.randrange(2))


async def produce(buffer, account, count):
    for _ in range(count):
        value = account.new()
        account.unknown.append(value)
        way = random.randrange(4)
        try:
            if way == 0:
                before = buffer.metrics().dropped_count
                buffer.push(value)
                (account.stored if buffer.metrics().dropped_count == before else account.dropped).append(value)
            elif way == 1:
                buffer.try_push(value)
                account.stored.append(value)
            else:
                await (buffer.push_async(value) if way == 2 else timed(buffer.push_async(value), random.randrange(3)))
                account.stored.append(value)
        except (BufferFull, BufferClosed) as er:
            equal(er.value, value)
            account.refused.append(value)
        except asyncio.TimeoutError:
            account.refused.append(value)
        account.unknown.remove(value)
        await pause(random)


async def consume(buffer, account):
    reader = buffer.subscribe()
    try:
        while True:
            way = random.randrange(4)
            try:
                if way == 0:
                    account.read.append(reader.try_recv())
                elif way == 1:
                    await reader.ready()
                    account.read.append(reader.try_recv())
                else:
                    account.read.append(await reader.recv(None if way == 2 else random.randrange(3)))
            except (BufferEmpty, asyncio.TimeoutError):
                await asyncio.sleep_ms(0)
            await pause(random)
            if random.randrange(12) == 0:
                reader.close()
                reader = buffer.subscribe()
    except BufferClosed:
        pass


async def competing_run(make, seed, early_close):
    random.seed(seed)
    buffer = make()
    account = Account()
    producers = [asyncio.create_task(produce(buffer, account, 12)) for _ in range(3)]
    readers = [asyncio.create_task(consume(buffer, account)) for _ in range(3)]
    for _ in range(4):
        await asyncio.sleep_ms(random.randrange(4))
        victim = random.choice(producers + readers)
        victim.cancel()
        if victim in readers:
            readers.append(asyncio.create_task(consume(buffer, account)))
    if early_close:
        buffer.close()
    for task in producers:
        ended = await outcome(task)
        assert ended is None or isinstance(ended, asyncio.CancelledError), ended
    buffer.close()
    for task in readers:
        ended = await outcome(task)
        assert ended is None or isinstance(ended, asyncio.CancelledError), ended
    equal(buffer.held(), 0)
    equal(sorted(account.read), sorted(account.stored))
    everything = account.stored + account.refused + account.dropped + account.unknown
    equal(sorted(everything), list(range(account.next)))
    metrics = buffer.metrics()
    equal(metrics.produced_count, len(account.stored))
    equal(metrics.consumed_count, len(account.read))
    equal(metrics.dropped_count, len(account.dropped))


async def competing(make):
    for seed in range(SEEDS):
        try:
            await competing_run(make, seed, early_close=seed % 3 == 0)
        except Exception:
            print("seed", seed)
            raise


async def test_a_queue_accounts_for_every_value():
    await competing(lambda: BoundedQueue(random.randrange(1, 4)))


async def test_a_queue_of_ones_own_accounts_for_every_value():
    await competing(lambda: Slots(random.randrange(1, 4)))


async def test_a_mailbox_gives_a_value_to_at_most_one_reader_and_the_newest_to_one():
    for seed in range(SEEDS):
        random.seed(seed)
        mailbox = Mailbox()
        account = Account()
        readers = [asyncio.create_task(consume(mailbox, account)) for _ in range(3)]
        for value in range(20):
            mailbox.push(value)
            await pause(random)
            if random.randrange(5) == 0:
                random.choice(readers).cancel()
                readers.append(asyncio.create_task(consume(mailbox, account)))
        mailbox.close()
        for task in readers:
            await outcome(task)
        equal(account.read, sorted(set(account.read)))
        equal(account.read[-1], 19)


async def look(reader, account, takes):
    await reader.ready()
    if takes:
        account.read.append(reader.try_recv())


async def receive(reader, account, timeout_ms):
    account.read.append(await reader.recv(timeout_ms))


async def readers_come_and_go(make, seed):
    # At first one reader, alone. Now and then two tasks share one.
    random.seed(seed)
    queue = make()
    account = Account()
    readers = [queue.subscribe()]
    tasks = []
    for _ in range(16):
        way = random.randrange(10)
        if way < 3:
            queue.push(account.new())
        elif way < 5:
            reader = random.choice(readers)
            tasks.append(asyncio.create_task(look(reader, account, way == 3)))
        elif way < 7:
            reader = random.choice(readers)
            tasks.append(asyncio.create_task(receive(reader, account, None if way == 5 else random.randrange(1, 3))))
        elif way < 8 and tasks:
            random.choice(tasks).cancel()
        elif way < 9 and len(readers) < 3:
            readers.append(queue.subscribe())
            try:
                account.read.append(readers[-1].try_recv())
            except BufferEmpty:
                pass
        elif len(readers) > 1 or random.randrange(3) == 0:
            readers.pop(random.randrange(len(readers))).close()
            if not readers:
                readers.append(queue.subscribe())
        for _ in range(random.randrange(3)):
            await asyncio.sleep_ms(0)
    await asyncio.sleep_ms(5)
    waiting = [task for task in tasks if not task.done()]
    if queue.held():
        equal(waiting, [])
    for task in waiting:
        queue.push(account.new())
        await asyncio.sleep_ms(0)
        await asyncio.sleep_ms(0)
    for task in tasks:
        assert task.done()
        ended = await outcome(task)
        assert ended is None or isinstance(
            ended, (asyncio.CancelledError, asyncio.TimeoutError, BufferClosed, BufferEmpty)
        ), ended
    metrics = queue.metrics()
    equal(metrics.consumed_count, len(account.read))
    return metrics.produced_count - len(account.read) - queue.held()


async def test_no_reader_of_a_queue_waits_beside_a_value():
    for seed in range(20 * SEEDS):
        equal(await readers_come_and_go(lambda: BoundedQueue(32), seed), 0)


async def test_no_reader_of_a_mailbox_waits_beside_a_value():
    for seed in range(20 * SEEDS):
        await readers_come_and_go(Mailbox, seed)


async def follow(ring, events):
    # Notes every value, and every lag as a negative number.
    reader = ring.subscribe()
    while True:
        way = random.randrange(3)
        try:
            await pause(random)
            if way == 0:
                await reader.ready()
                events.append(reader.try_recv())
            else:
                events.append(await reader.recv(None if way == 1 else random.randrange(3)))
        except (asyncio.TimeoutError, asyncio.CancelledError):
            pass  # The reader goes on: nothing may be missing.
        except BufferLagged as er:
            events.append(-er.count)
        except BufferClosed:
            return reader.lagged


async def test_a_ring_accounts_for_every_value_of_every_reader():
    for seed in range(SEEDS):
        random.seed(seed)
        ring = SpmcRing(random.randrange(1, 6))
        logs = [[], [], []]
        tasks = [asyncio.create_task(follow(ring, events)) for events in logs]
        await asyncio.sleep_ms(0)
        await asyncio.sleep_ms(0)
        await asyncio.sleep_ms(0)
        for value in range(40):
            ring.push(value)
            await pause(random)
            if random.randrange(4) == 0:
                random.choice(tasks).cancel()
        ring.close()
        lagged = 0
        for task, events in zip(tasks, logs):
            lagged += await task
            position = 0
            for event in events:
                if event < 0:
                    position -= event
                else:
                    equal(event, position)
                    position += 1
            equal(position, 40)
        equal(ring.metrics().dropped_count, lagged)
