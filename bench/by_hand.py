"""What people write by hand today: a container, and an Event that wakes the task which waits for it."""

from asyncio import Event, create_task, sleep_ms
from collections import deque

from measure import case


@case("put: deque + Event")
def put_into_deque(n, start, stop):
    values = deque((), 16)
    event = Event()
    start()
    for i in range(n):
        values.append(i)
        event.set()
    stop()


@case("put: list + Event")
def put_into_list(n, start, stop):
    # A list keeps no limit by itself.
    values = [0] * 16
    event = Event()
    start()
    for i in range(n):
        if len(values) >= 16:
            values.pop(0)
        values.append(i)
        event.set()
    stop()


@case("deliver: deque + Event")
async def deliver_by_deque(n, start, stop):
    values = deque((), 16)
    event = Event()

    async def read():
        while True:
            await event.wait()
            event.clear()
            while values:
                values.popleft()

    create_task(read())
    await sleep_ms(0)
    start()
    for i in range(n):
        values.append(i)
        event.set()
        await sleep_ms(0)
    stop()


@case("deliver: list + Event")
async def deliver_by_list(n, start, stop):
    values = []
    event = Event()

    async def read():
        while True:
            await event.wait()
            event.clear()
            while values:
                values.pop(0)

    create_task(read())
    await sleep_ms(0)
    start()
    for i in range(n):
        values.append(i)
        event.set()
        await sleep_ms(0)
    stop()
