"""From `produce` until the value that is computed from it is in the other record and was read there."""

from asyncio import create_task, sleep_ms

from aimdb import AimDb, BoundedQueue, SpmcRing
from measure import case, fill_gaps


def double(value):
    return 2 * value


async def by_hand(consumer):
    computed = consumer.db.producer("computed")
    async for value in consumer.subscribe():
        await computed.produce_async(double(value))


async def joined(inputs, producer):
    async for _, value in inputs:
        await producer.produce_async(double(value))


def by_tap(record, computed):
    record.tap(by_hand)


def by_transform(record, computed):
    computed.transform("record", double)


def by_join(record, computed):
    computed.transform_join(("record",), joined)


def computing(make, wire, turns=1, profile=False):
    # A value needs so many `turns` of all tasks.
    async def rounds(n, start, stop):
        db = AimDb(profile)
        record = db.configure("record", make())
        computed = db.configure("computed", make())
        wire(record, computed)
        run = create_task(db.run())
        reader = computed.subscribe()
        for _ in range(2):  # What is loaded when it is used is loaded now.
            for _ in range(8):
                await sleep_ms(0)
            record.produce(1)
        for _ in range(8):
            await sleep_ms(0)
        reader.try_recv()
        reader.try_recv()
        filling = fill_gaps()  # Those that loading has left.
        start()
        for i in range(n):
            record.produce(i)
            for _ in range(turns):
                await sleep_ms(0)
            reader.try_recv()  # It raises when there is none.
        stop()
        del filling
        run.cancel()

    return rounds


for kind, make in (("SpmcRing", lambda: SpmcRing(16)), ("BoundedQueue", lambda: BoundedQueue(16))):
    case("compute: %s, a tap by hand" % kind)(computing(make, by_tap))
    case("compute: %s, transform" % kind)(computing(make, by_transform))
    case("compute: %s, transform_join" % kind)(computing(make, by_join, 2))

case("compute: SpmcRing, a tap by hand, profiled")(computing(lambda: SpmcRing(16), by_tap, profile=True))
case("compute: SpmcRing, transform, profiled")(computing(lambda: SpmcRing(16), by_transform, profile=True))
