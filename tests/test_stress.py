"""Several producers and readers with random timeouts, cancellations and closings, from a seed.

For buffers of one's own as well, of which less is known than tests/test_random_programs.py asks for.

`SOAK=n` in the environment runs n times as many seeds.
"""

import asyncio
import os
import random

import harness
from aimdb import AimDb, BoundedQueue, BufferClosed, BufferEmpty, BufferFull
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


async def produce(record, account, count):
    buffer = record.buffer
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
                await record.produce_async(value, timeout_ms=None if way == 2 else random.randrange(3))
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
    record = AimDb().configure("record", buffer)
    account = Account()
    producers = [asyncio.create_task(produce(record, account, 12)) for _ in range(3)]
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
