"""Reads that wait, with a time limit: what the limit costs when it does not pass, and when it does."""

from asyncio import TimeoutError, create_task, sleep_ms, wait_for_ms
from time import sleep_us

from aimdb import SpmcRing
from measure import case
from wiring import record


@case("deliver: SpmcRing, wait_for_ms(recv)")
async def delivered_into_wait_for(n, start, stop):
    # As in delivering.py, but wait_for runs recv in a task of its own, whose result reaches the reader only after
    # more switches: the producer waits until the reader says so.
    producer, consumer = record(SpmcRing(16))
    reader = consumer.subscribe()
    got = -1

    async def read():
        nonlocal got
        while True:
            got = await wait_for_ms(reader.recv(), 10000)

    create_task(read())
    for _ in range(4):
        await sleep_ms(0)
    start()
    for i in range(n):
        producer.produce(i)
        while got != i:
            await sleep_ms(0)
    stop()


@case("recv with a timeout that passes: SpmcRing")
async def passed(n, start, stop):
    # Every task is held up, outside of the bracket, until the time is over. Inside of it the reader is told, begins
    # to wait again, and this task runs again: two task switches.
    _, consumer = record(SpmcRing(16))
    reader = consumer.subscribe()
    timeouts = 0

    async def read():
        nonlocal timeouts
        while True:
            try:
                await reader.recv(1)
            except TimeoutError:
                timeouts += 1

    create_task(read())
    await sleep_ms(0)
    for i in range(n):
        sleep_us(2500)
        start()
        while timeouts == i:
            await sleep_ms(0)
        stop()
