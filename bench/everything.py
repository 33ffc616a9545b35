"""What a program keeps of the heap that uses nearly all: the core, an interrupt, a queue on flash, MQTT in and out.

bench_everything.py calls it on the board, which needs no network for it: the run stays without a connection.
"""

import asyncio
import gc
import sys

before = 0


def report(name):
    gc.collect()
    print("RESULT heap: %s: 0, %d" % (name, gc.mem_alloc() - before))


async def main():
    global before
    gc.collect()
    before = gc.mem_alloc()
    from aimdb import AimDb, JsonCodec, Mailbox, SpmcRing

    db = AimDb()
    db.configure("wind", SpmcRing(4))
    report("the core, with a record")
    producer = db.sync_producer("wind")
    report("and a SyncProducer")
    from aimdb_flash import FlashQueue

    queue = FlashQueue("/everything", JsonCodec())
    queue.push(1)
    report("and an open FlashQueue")
    db.configure("queue", queue).link_to("mqtt://10.0.0.1/out")
    db.configure("command", Mailbox()).link_from("mqtt://10.0.0.1/in")
    task = asyncio.create_task(db.run())
    await asyncio.sleep(12)  # What looks after a run that begins is gone by then.
    await queue.push_async(2)
    producer.try_send(3)
    report("and MQTT in and out, while it runs")
    print("MODULES", *[name for name in sys.modules if name.startswith("aimdb")])
    task.cancel()


def run():
    """Measure everything and print a line for each step, and which modules are loaded at last."""
    gc.threshold(8192)
    asyncio.run(main())


def load(modules):
    """Print what the modules take, on a board on which nothing else has run."""
    global before
    gc.collect()
    before = gc.mem_alloc()
    for name in modules:
        __import__(name)
    report("the modules that it has loaded then, without what it has made")
