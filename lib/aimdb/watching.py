"""Finds stages that wait where nothing wakes them, at a `yield` that is no await, and sources that return their value.

Loaded for a look, and not kept.

Its functions are called by a task that has just slept.
"""

import sys

from . import once


def look(stages: list) -> None:
    """Name such stages."""
    for record, kind, function, _ in _lost(stages):
        name = getattr(function, "__name__", type(function).__name__)
        print(
            "aimdb: %s %s of record %r waits at a yield, and nothing wakes it; await asyncio.sleep_ms(…) pauses, and "
            "producer.produce(value) hands on a value" % (kind, name, record.key),
            file=sys.stderr,
        )
    for record, kind, function, task in stages:
        if kind == "source" and task.done() and not record.buffer.metrics().produced_count:
            value = _loop().returned(task)
            if value is not None:
                text = "aimdb: source %s of record %r returned %r; producer.produce(value) hands on a value"
                print(text % (getattr(function, "__name__", ""), record.key, value), file=sys.stderr)


def wake_cancelled(stages: list) -> None:
    """Let such stages run on that were cancelled, so that they end."""
    for stage in _lost(stages):
        _loop().resume(stage[3])


def _lost(stages):
    is_lost = _loop().is_lost
    return [stage for stage in stages if is_lost(stage[3])]


def _loop():
    return sys.modules.get("aimdb.loop") or once("loop")  # Few programs have loaded it.
