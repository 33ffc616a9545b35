"""What a program with one record takes from its first import to its first value, and keeps of the heap then."""

import asyncio
import gc

import measure
import table_of_names


def run(clock, strangers):
    """`strangers`: so many names are made known before, as the interpreter's table of names grows by leaps."""
    for number in range(strangers):
        table_of_names.add(number)
    clock = getattr(measure, clock)()
    read = clock.read
    gc.collect()
    before = gc.mem_alloc()
    began = read()
    from aimdb import AimDb, SpmcRing

    async def sensor(producer):
        producer.produce(21)

    async def display(consumer):
        await consumer.subscribe().recv()
        took = clock.difference(read(), began)
        gc.collect()
        measure.report("start", took, gc.mem_alloc() - before)

    db = AimDb()
    db.configure("temperature", SpmcRing(16)).source(sensor).tap(display)
    asyncio.run(db.run())
