"""What the loop does for things that are no tasks: it calls them, and polls streams.

IRQ safety: none of it; only for the asyncio thread.
"""

from asyncio import Task
from time import ticks_add, ticks_ms

import micropython
from micropython import const

from .waiting import current_loop, polled

_HEAP = const(256)  # Bytes: more than it takes to poll one more stream.

watchdog = None  # Once there is one: what has to be fed while a call keeps the loop for long.


def entry(thing):
    """An entry for the loop's queue: when its time has come, the loop calls `thing.send(None)`."""
    return Task(thing)


@micropython.native
def schedule(entry, milliseconds: int):
    """Have the loop call the entry in so many milliseconds, at most 2**28; returns that loop."""
    loop = current_loop()
    loop.push(entry, ticks_add(ticks_ms(), milliseconds))
    return loop


def readable(stream):
    """What a generator yields to wait until `stream` has something to read."""
    find_heap(stream)
    return polled().queue_read(stream)


def writable(stream):
    """The same, until it takes something."""
    find_heap(stream)
    return polled().queue_write(stream)


def find_heap(stream):
    """Raise `MemoryError` now, if at all: `poll.register` would leave a stream at which the next poll crashes."""
    if id(stream) not in polled().map:
        bytearray(_HEAP)  # It is free again at once.
