"""What is not used is not loaded, so that it takes no RAM."""

import sys

from aimdb import AimDb, BoundedQueue, Mailbox, SingleLatest, SpmcRing
from harness import equal


async def test_a_program_that_uses_only_records_loads_only_the_core():
    async def source(producer):
        producer.produce(1)
        await producer.produce_async(2)

    async def tap(consumer):
        await consumer.subscribe().recv()

    db = AimDb()
    for buffer in (SpmcRing, BoundedQueue):
        db.configure(buffer.__name__, buffer(4)).source(source).tap(tap)
    for buffer in (SingleLatest, Mailbox):
        db.configure(buffer.__name__, buffer()).source(source).tap(tap)
    await db.run()
    used_later = "loading wiring linking mistakes timing alarm complaint full_queue metrics leaving room"
    used_later += " doorbell sync_producer packed_producer json_codec bytes_codec struct_codec"
    used_later += " registrar record_calls db_calls configuring computing transforming joining graph"
    used_later += " periodic profiling gauge"
    equal([name for name in used_later.split() if "aimdb." + name in sys.modules], [])


async def test_the_calls_that_name_a_record_by_its_key_are_loaded_once():
    db = AimDb()
    db.configure("a", SpmcRing(4))
    db.produce_any("a", 1)
    call = AimDb.produce_any
    equal("aimdb.by_key" in sys.modules, False)
    await db.produce_any_async("a", 2)
    db.consumer("a").produce(3)
    db.produce_any("a", 4)
    assert AimDb.produce_any is call
    equal(db.producer("a").buffer.held(), 4)
