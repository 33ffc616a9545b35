"""What the loop does for things that are no tasks: it calls them, polls their streams, and tells of its runs.

    core._task_queue, core.Task, core.cur_task
                             see waiting.py
    core._io_queue           what the loop polls: its `map` has [reader, writer, stream] by the stream's id
    core.run_until_complete  runs the loop; `asyncio.run` calls it

IRQ safety: none of it; only for the asyncio thread.
"""

from asyncio import core  # type: ignore[attr-defined]
from time import ticks_add, ticks_ms

import micropython
from micropython import const

_ROOM = const(256)  # Bytes: more than it takes to poll one more stream.


def entry(thing):
    """An entry for the loop's queue: when its time has come, the loop calls `thing.send(None)`."""
    return core.Task(thing)


@micropython.native
def schedule(entry, milliseconds: int):
    """Have the loop call the entry in so many milliseconds, at most 2**28; returns that loop."""
    loop = core._task_queue
    loop.push(entry, ticks_add(ticks_ms(), milliseconds))
    return loop


def poll(stream, places):
    """Have the loop poll `stream` until it can be read; `places` stands in the loop's `map` for the stream."""
    polled = core._io_queue
    key = id(stream)
    if key not in polled.map:
        _find_room(stream)
        polled.map[key] = places
        try:
            polled.poller.register(stream, 1)
        except BaseException:
            del polled.map[key]
            raise


def run_as(entry):
    """Have `core.cur_task` be this entry, and not the task that ran last."""
    core.cur_task = entry


def around_runs(thing):
    """Call `thing.begin()` before each run of the loop, when its main task is made, and `thing.end()` after it."""
    run = core.run_until_complete

    def run_until_complete(main_task=None):
        thing.begin()
        try:
            return run(main_task)
        finally:
            core.cur_task = None  # After Ctrl-C it would be a task that is over.
            thing.end()

    core.run_until_complete = run_until_complete


def readable(stream):
    """What a generator yields to wait until `stream` has something to read."""
    _find_room(stream)
    return core._io_queue.queue_read(stream)


def writable(stream):
    """The same, until it takes something."""
    _find_room(stream)
    return core._io_queue.queue_write(stream)


def _find_room(stream):
    # Raise `MemoryError` now, if at all: `poll.register` would leave a stream behind at which the next poll crashes.
    if id(stream) not in core._io_queue.map:
        bytearray(_ROOM)  # It is free again at once.
