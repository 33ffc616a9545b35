"""Tells what the import of the whole core keeps of the heap, in a program that does nothing else."""

# Every program that uses the library has imported this already.
import asyncio as asyncio
import gc

gc.collect()
before = gc.mem_alloc()
from aimdb import AimDb, BoundedQueue, Mailbox, SingleLatest, SpmcRing  # noqa: E402, F401

gc.collect()
print('\x1e["imported", %d]' % (gc.mem_alloc() - before))
