"""The newest value only: a fast reader sees each one, a slow one skips to what holds now.

For state and settings: who looks wants what is true now, and not what was true before. What a slow reader skips is no
loss, and is not counted as one. A reader that comes late gets the current value at once.

Wiring: none. It ends by itself after some three seconds.
"""

import asyncio

from aimdb import AimDb, SingleLatest


async def warm_up(producer):
    for celsius in range(20, 30):
        producer.produce(celsius)
        await asyncio.sleep_ms(200)
    target.close()


async def fast(consumer):
    async for celsius in consumer.subscribe():
        print("fast: %d C" % celsius)


async def slow(consumer):
    async for celsius in consumer.subscribe():
        print("slow: %d C" % celsius)
        await asyncio.sleep_ms(700)


async def late(consumer):
    await asyncio.sleep_ms(1000)
    print("late: %d C" % await consumer.subscribe().recv())


target = SingleLatest()
db = AimDb()
db.configure("target", target).source(warm_up).tap(fast).tap(slow).tap(late)
asyncio.run(db.run())
print("the last value stays: %d C" % target.peek())
