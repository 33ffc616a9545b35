"""What every program configures: its records, and their stages. Loaded for that, and dropped when a run begins."""

import sys

from . import kept, once
from .buffer import Buffer
from .db import Record

if sys.implementation.version < (1, 25):
    once("guide").refuse()


def configure(db, key, buffer, options):
    """What `AimDb.configure` does. It has no `options`, so one is a mistake."""
    if options:
        once("options").check_named("configure", "aimdb", options)
    if not key or not isinstance(key, str) or buffer is not None and not isinstance(buffer, Buffer):
        raise kept("mistakes").refusal("buffer", key, buffer)
    record = db._records.get(key)
    if record is None:
        record = Record(key, db)
    # Nothing to connect, or a mistake: a record has one buffer, and a buffer one record. That another database had the
    # buffer is none: a program that is run again makes its database anew.
    if buffer is None or record.buffer is not None or any([each.buffer is buffer for each in db._records.values()]):
        db._records[key] = record
        if buffer is not None:
            db.mistakes.append((record, "buffer", buffer, None))
        return record
    # The record's calls are the buffer's own. The record becomes known when it has them all.
    record.producer = record.consumer = record
    record.produce = buffer.push
    record.try_produce = buffer.try_push
    record.push_async = buffer.push_async
    record.produce_async = record.produce_async  # The interpreter finds it ten times as fast in the instance.
    record.subscribe = buffer.subscribe
    record.subscribe_async = buffer.subscribe_async
    db._records[key] = record
    buffer.key = key
    record.buffer = buffer
    return record


def add(record, kind, stage, url=None, options=()):
    """Add a stage to the record, and return it. `url`: of a link. No kind has `options`, so one is a mistake."""
    if options:
        once("options").check_named(kind, "aimdb", options)
    if not callable(stage) or kind == "tap" and getattr(type(stage), "source", None) is True:
        raise kept("mistakes").refusal(kind, record.key, stage)
    if record.db._loop:
        once("awaited").tell_late(record, kind)
    record.db._stages.append((record, kind, stage, url))
    return record


def source(record, stage=None, **options):
    return add(record, "source", stage, None, options)


def tap(record, stage=None, **options):
    return add(record, "tap", stage, None, options)


Record.source = source  # type: ignore[assignment]
Record.tap = tap  # type: ignore[assignment]
