"""What a SyncProducer takes of the heap: a module of its own, so that its names move no other figure."""

import gc

from aimdb import AimDb, SpmcRing
from footprint import kept_by
from measure import report


def used():
    """Bytes that stay for the first of its kind, and for each further one."""
    db = AimDb()
    db.configure("values", SpmcRing(1))
    for name, make in (
        ("SyncProducer", lambda: db.sync_producer("values", 16)),
        ("PackedProducer", lambda: db.sync_producer("values", 16, "<Ihhh")),
    ):
        gc.collect()
        before = gc.mem_alloc()
        made = make()
        gc.collect()
        report("used", name, gc.mem_alloc() - before, kept_by(make))
        del made
