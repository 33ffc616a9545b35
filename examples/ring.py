"""A slow reader of a ring: it misses values, and is told how many.

One source makes 40 values. Both readers see the same stream, each at its own pace: the fast one gets every value, the
slow one falls behind. The ring holds the last 10 values; what it overwrites before a reader has come to it is that
reader's loss, and its alone.

Wiring: none. It ends by itself after some six seconds.
"""

import asyncio

from aimdb import AimDb, BufferClosed, BufferLagged, SpmcRing


async def count(producer):
    for number in range(40):
        producer.produce(number)  # Never waits, however slow a reader is.
        await asyncio.sleep_ms(50)
    ring.close()  # So that the readers end when they have read what is left.


async def fast(consumer):
    values = []
    async for number in consumer.subscribe():
        await asyncio.sleep_ms(40)
        values.append(number)
    print("fast: %d values, %d to %d" % (len(values), values[0], values[-1]))


async def slow(consumer):
    reader = consumer.subscribe()
    while True:
        try:
            print("slow:", await reader.recv())
        except BufferLagged as lag:
            print("slow: missed %d values" % lag.count)
        except BufferClosed:
            break
        await asyncio.sleep_ms(150)
    print("slow: missed %d values in all" % reader.lagged)


ring = SpmcRing(10)
db = AimDb()
db.configure("numbers", ring).source(count).tap(fast).tap(slow)
asyncio.run(db.run())
