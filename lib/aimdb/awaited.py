"""Reminds of a `produce_async` that is not awaited, and of a stage that comes too late.

Loaded for each run, and not kept for longer than it listens.
"""

import sys

from .waiting import current_loop


def may_begin(coroutine) -> bool:
    """Whether it has yet to take its first step. Not if it was cancelled before, or closed."""
    try:
        coroutine.send(coroutine)  # One that has ended says so before it looks at the value.
    except TypeError:  # One that has not begun takes no value.
        return True
    except StopIteration:
        pass
    return False


class _Listener:
    # Stands in a record for its `produce_async`, until that is called: then it notes the call and makes way.

    def __init__(self, record, notes: list):
        self.record = record
        self.notes = notes

    def __call__(self, value, timeout_ms=None):
        record = self.record
        if record.produce_async is not self:  # The stage has kept this one.
            return record.produce_async(value, timeout_ms)
        _make_way(record)
        note = [record, None]
        note[1] = _begin(note, record.produce_async(value, timeout_ms))
        self.notes.append(note)
        return note[1]


def _make_way(record):
    del record.produce_async
    record.produce_async = record.produce_async  # Its own, as `AimDb.configure` has set it.


async def _begin(note, coroutine):
    note[1] = None
    await coroutine


def listen(db):
    """Note the next `produce_async` of each record: [record, the coroutine until it begins].

    Returns a function `look(last)`. It names the records whose call had not begun at the look before and has not begun
    yet: a task that was made for it has had its first step meanwhile. The last look ends the listening.
    """
    notes: list = []
    before: list = []

    def look(last):
        for record, coroutine in before:
            if coroutine and may_begin(coroutine):
                text = "aimdb: produce_async of record %r was called and not awaited; write: await producer."
                print(text % record.key + "produce_async(value)", file=sys.stderr)
        before[:] = notes
        notes.clear()
        if last:
            for record in db._records.values():
                _make_way(record)

    for record in db._records.values():
        record.produce_async = _Listener(record, notes)
    return look


def tell_late(record, kind: str) -> None:
    """Say that a stage was added while a run is under way, if it is."""
    if record.db._loop is current_loop():
        text = "aimdb: record %r got a %s while db.run() is under way, which the next db.run() starts"
        print(text % (record.key, kind), file=sys.stderr)
