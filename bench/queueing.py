"""A queue between two tasks that both await: per value, as the reader sees it.

The first values, and with them the ramp, are not measured; after that, the tasks run in step. 32
values are twice what a capacity of 16 holds.
"""

from asyncio import create_task

import aimdb.full_queue  # noqa: F401  Loaded when the first producer waits,
import aimdb.room  # noqa: F401  and so is this.
from aimdb import BoundedQueue
from measure import case
from wiring import record


def queueing(open_queue, capacity):
    # `open_queue(capacity)` gives the functions to put and to get with, each to be awaited.
    async def pump(n, start, stop):
        put, get = open_queue(capacity)

        async def produce():
            while True:
                await put(1)

        create_task(produce())
        for _ in range(2 * capacity):
            await get()
        start()
        for _ in range(n):
            await get()
        stop()

    return pump


def add(name, open_queue):
    case("queue of 1: " + name)(queueing(open_queue, 1))
    case("queue of 16: " + name, 32)(queueing(open_queue, 16))


def open_bounded_queue(capacity):
    producer, consumer = record(BoundedQueue(capacity))
    return producer.produce_async, consumer.subscribe().recv


add("BoundedQueue", open_bounded_queue)
