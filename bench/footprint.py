"""What the library takes of the heap: imported, and for each object that stays."""

# Every program that uses the library has imported this already.
import asyncio as asyncio
import gc

from measure import report


def importing(clock):
    """The import, from a heap that has not seen the library yet: time, and bytes that stay."""
    gc.collect()
    before = gc.mem_alloc()
    start = clock.read()
    from aimdb import AimDb, BoundedQueue, Mailbox, SingleLatest, SpmcRing  # noqa: F401

    stop = clock.read()
    gc.collect()
    kept = gc.mem_alloc() - before
    report("case", "import: the whole core", 1, 0, clock.difference(stop, start), kept)
    report("heap", "after import", kept)


def kept_by(make):
    """Bytes that stay for each thing that `make` gives."""
    things = [None] * 8
    for _ in range(2):  # What the first ones load stays.
        make()
    gc.collect()
    before = gc.mem_alloc()
    for i in range(len(things)):
        things[i] = make()
    gc.collect()
    return (gc.mem_alloc() - before) // len(things)


def objects():
    from aimdb import BoundedQueue, Mailbox, SingleLatest, SpmcRing

    for name, make in (
        ("SpmcRing(1)", lambda: SpmcRing(1)),
        ("SpmcRing(16)", lambda: SpmcRing(16)),
        ("SingleLatest()", SingleLatest),
        ("Mailbox()", Mailbox),
        ("BoundedQueue(1)", lambda: BoundedQueue(1)),
        ("BoundedQueue(16)", lambda: BoundedQueue(16)),
    ):
        report("heap", name, kept_by(make))
        buffer = make()
        report("heap", "a reader of " + name, kept_by(buffer.subscribe))

    # Small ints need no heap of their own, so that this is what the buffer adds to its slots.
    for name, buffer in (("SpmcRing", SpmcRing(16)), ("BoundedQueue", BoundedQueue(16))):
        report("heap", "a held value of " + name, kept_by(lambda: buffer.push(1)))
