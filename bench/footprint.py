"""What the library takes of the heap: imported, and for each object that stays."""

# Every program that uses the library has imported this already.
import asyncio as asyncio
import gc
import sys

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


async def stage(*_):
    pass


def source():
    from aimdb import every

    return every(10, len)


def used(strangers):
    """What is loaded when a program uses it: bytes that stay for the first of its kind, and for each further one.

    So many names are made known before, as the interpreter's table of names grows by leaps.
    """
    for i in range(strangers):
        setattr(sys.modules[__name__], "stranger%d" % i, None)
    from aimdb import AimDb, BoundedQueue, SpmcRing  # noqa: F401

    db = AimDb()
    records = [db.configure(str(i), SpmcRing(1)) for i in range(2)]
    profiled = []
    cases = (
        ("transform", lambda: records[1].transform("0", len)),
        ("transform_join", lambda: records[1].transform_join(("0", "1"), stage)),
        ("every", source),
        ("AimDb(profile=True)", lambda: AimDb(profile=True)),
        ("signal_gauge", lambda: profiled[0].signal_gauge("a")),
    )
    for name, make in cases:
        gc.collect()
        before = gc.mem_alloc()
        made = make()
        gc.collect()
        report("used", name, gc.mem_alloc() - before, kept_by(make))
        if name.startswith("AimDb"):
            profiled.append(made.configure("a", SpmcRing(1)))
        del made
