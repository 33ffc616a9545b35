"""Finds stages that wait where nothing wakes them: at a `yield` that is no await, or as a buffer of the program's own
does not; sources that wait for their own record, or return their value; and taps and joins that end before they have
read one.

Loaded for a run, and not kept for longer than it looks. Its functions are called by a task that has just slept.
"""

import sys
from asyncio import Task, current_task
from time import ticks_diff

from micropython import const

from . import kept
from .waiting import due

_INSTEAD = const("producer.produce(value) hands on a value")


def look(stages: list) -> None:
    """Name such stages."""
    for stage in _lost(stages):
        _tell(stage, "waits at a yield, and nothing wakes it; await asyncio.sleep_ms(…) pauses, and " + _INSTEAD)
    for stage in stages:
        record, kind, join, task = stage
        awaits = task.data
        reader = getattr(awaits, "reader", awaits)  # Of an alarm.
        if hasattr(reader, "has_value") and reader.has_value():
            key = reader.buffer.key
            _tell(stage, "waits for a value of record %r, which has one; its push must end with self.wake()" % key)
        if kind == "tap" and isinstance(awaits, StopIteration):
            counts = record.buffer.metrics()
            if counts.produced_count and not counts.consumed_count:
                _tell(stage, "has ended and read nothing; async for value in consumer.subscribe() reads all values")
        if kind == "transform_join" and isinstance(awaits, StopIteration) and not record.buffer.closed:
            if not join._queue.metrics().consumed_count:
                _tell(stage, "has ended and read nothing; async for key, value in inputs reads pairs")
        if kind == "source":
            if getattr(reader, "buffer", None) is record.buffer:
                _tell(stage, "waits for a value of that record; a source produces, and a tap reads")
            value = awaits.value if isinstance(awaits, StopIteration) else None  # What it has returned.
            if value is not None and not record.buffer.metrics().produced_count:
                _tell(stage, "returned %r; %s" % (value, _INSTEAD))


def _tell(stage, what):
    record, kind, function, _ = stage
    name = getattr(function, "__name__", type(function).__name__)
    print("aimdb: %s %s of record %r %s" % (kind, name, record.key, what), file=sys.stderr)


def wake_cancelled(stages: list) -> None:
    """Let such stages run on that were cancelled, so that they end."""
    for stage in _lost(stages):
        kept("loop").resume(stage[3])


def name_lasting(stages: list, milliseconds: int) -> None:
    """Name the stages that were cancelled so long ago and have not ended."""
    for stage in stages:
        if not stage[3].done():
            _tell(stage, "was cancelled and goes on, for %d s now" % (milliseconds // 1000))


def _lost(stages):
    return [stage for stage in stages if _is_lost(stage[3])]


def _is_lost(task):
    # Tasks that were due before the one that has just slept have run since: one that was due earlier is in the loop's
    # queue no more.
    waits = isinstance(task.data, Task) or hasattr(task.data, "remove")
    return not (task.done() or waits) and ticks_diff(due(task), due(current_task())) < 0
