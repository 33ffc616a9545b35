"""From `produce` until the waiting reader has the value, waits again, and the producer runs again.

That contains two task switches: `sleep_ms(0)` hands over to the reader, and its wait hands back. The floor is two
tasks that do nothing but `sleep_ms(0)`. Each case ends with a look at whether all the values have arrived.
"""

from asyncio import TimeoutError, create_task, run, sleep_ms

from aimdb import BoundedQueue, Mailbox, SingleLatest, SpmcRing
from measure import case
from wiring import record


async def by_recv(reader):
    while True:
        await reader.recv()


async def by_ready(reader):
    while True:
        await reader.ready()
        reader.try_recv()


async def by_async_for(reader):
    async for _ in reader:
        pass


try:  # What time limits need is loaded now: in a case it would leave gaps in the heap, for which all values pay.
    run(SpmcRing(1).subscribe().recv(0))
except TimeoutError:
    pass


async def by_timed_recv(reader):
    while True:
        await reader.recv(10000)


def delivering(make, read, readers=1, each=True):
    # `each` reader gets every value, or one of them does.
    async def rounds(n, start, stop):
        buffer = make()
        producer, consumer = record(buffer)
        for _ in range(readers):
            create_task(read(consumer.subscribe()))
        await sleep_ms(0)
        producer.produce(-1)
        await sleep_ms(0)
        start()
        for i in range(n):
            producer.produce(i)
            await sleep_ms(0)
        stop()
        if buffer.metrics().consumed_count != (readers if each else 1) * (n + 1):
            raise RuntimeError("not all values have arrived")

    return rounds


BUFFERS = (
    ("SpmcRing", lambda: SpmcRing(16)),
    ("SingleLatest", SingleLatest),
    ("Mailbox", Mailbox),
    ("BoundedQueue", lambda: BoundedQueue(16)),
)

for way, read in (("recv", by_recv), ("ready + try_recv", by_ready), ("async for", by_async_for)):
    for kind, make in BUFFERS:
        case("deliver: %s, %s" % (kind, way))(delivering(make, read))

case("deliver: SpmcRing, recv, 4 readers")(delivering(lambda: SpmcRing(16), by_recv, 4))
case("deliver: BoundedQueue, recv, 2 readers")(delivering(lambda: BoundedQueue(16), by_recv, 2, each=False))
case("deliver: SpmcRing, recv with a timeout")(delivering(lambda: SpmcRing(16), by_timed_recv))
