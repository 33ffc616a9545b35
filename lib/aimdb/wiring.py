"""Checks and starts the stages for `AimDb.run`, and names those that died. Loaded for that, and not kept."""

import asyncio
import sys

from micropython import const

from . import once
from .waiting import current_loop

_SHARED = const(
    "that another database runs in this loop, which asyncio.new_event_loop() would leave; each needs its own"
)


def start(db) -> tuple:
    """Start all stages: ([record, kind, function or buffer, task] of each, what to await until all have ended).

    Raises `InvalidConfiguration` with all mistakes.
    """
    stages = checked(db)
    if not stages:
        print("aimdb: db.run() has no stage to run, and ends", file=sys.stderr)
    if db._profile:
        db._profile.watch(stages)
    tasks: list = []
    try:
        # They take their first step in this order, when all are made.
        for stage in stages:
            tasks.append(asyncio.create_task(stage[3]))
            stage[3] = tasks[-1]
        for record in db._records.values():
            if record.buffer.sync_refusals:  # There is a SyncProducer.
                from .sync_producer import hand_over_early

                hand_over_early(record.buffer)
        return stages, asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        raise


def checked(db) -> list[list]:
    """[record, kind, function or buffer, coroutine] of each stage, in the order of their start."""
    mistakes = list(db.mistakes)
    stages = in_order(db, mistakes)
    # A call of an async function runs none of its code.
    unknown = []
    for stage in stages:
        record, kind, function, _ = stage
        if kind == "buffer":
            is_async = asynchronous(getattr(type(function), "run", None))
        else:
            is_async = asynchronous(function.fn if kind == "transform_join" else function)
        if is_async:
            call(stage, mistakes)
        elif is_async is None:
            unknown.append(stage)
        else:
            what = "class" if isinstance(function, type) else "def without async"
            mistakes.append((record, kind, function, TypeError("it is a " + what)))
    look_at_buffers(db, stages, mistakes)
    if not mistakes:
        for stage in unknown:
            call(stage, mistakes)
    if mistakes:
        from .mistakes import invalid

        raise invalid(mistakes)
    return stages


def in_order(db, mistakes: list) -> list:
    """The stages in the order of their start, each without its coroutine. Two writers of a record are a mistake."""
    stages: list = [
        [record, "buffer", record.buffer, None]  # It has a `run` of its own.
        for record in db._records.values()
        if hasattr(record.buffer, "run")
    ]
    writers: dict = {}  # The kind of the first writer of each record.
    order = "link_to", "tap", "computed", "link_from", "source"
    kinds: dict = {kind: [] for kind in order}
    for record, kind, function, _ in db._stages:
        if kind not in ("link_to", "tap"):
            first = writers.get(record)
            if first and (kind, first) != ("link_from", "link_from"):
                mistakes.append((record, kind, function, (first,)))
            writers[record] = first or kind
        kinds[kind if kind in kinds else "computed"].append([record, kind, function, None])
    if kinds["computed"]:
        once("computing").sort(db, kinds["computed"], mistakes)
    for kind in order:
        stages += kinds[kind]
    return stages


def call(stage: list, mistakes: list) -> None:
    """Give a stage its coroutine. What it gives in place of one is a mistake."""
    record, kind, function, _ = stage
    try:
        stage[3] = function.run() if kind == "buffer" else function(record)
        if not hasattr(stage[3], "send"):
            raise TypeError("it gives %r" % (stage[3],))
    except TypeError as er:
        mistakes.append((record, kind, function, er))


def look_at_buffers(db, stages: list, mistakes: list) -> None:
    """Add the mistakes in buffers: those that lack something, and those that another database runs."""
    records = [mistake[0] for mistake in mistakes if mistake[1] == "buffer"]
    for record in db._records.values():
        if record.buffer is None and record not in records:  # Else there is a mistake about its buffer already.
            mistakes.append((record, "buffer", None, None))
        if getattr(record.buffer, "runs_in", None) is current_loop():
            mistakes.append((record, "buffer", record.buffer, _SHARED))
    known = sys.modules["aimdb"].__dict__.values()
    others = [each for each in db._records.values() if each.buffer is not None and type(each.buffer) not in known]
    if others:  # Any of these classes may be a user's.
        mistakes += once("own_buffers").flaws(others, stages)


def asynchronous(function) -> "bool | None":
    """Whether a stage is an async function. None: only a call tells.

    MicroPython shows only a type. It is `generator` for an async function. For a closure, a bound method or an object
    it does not tell what they call.
    """
    kind = type(function).__name__
    if kind == "generator":
        return True
    return False if kind == "type" or kind == "function" and getattr(function, "__name__", "") != "<lambda>" else None


def end(db, stages: list[list], cause: "BaseException | None") -> None:
    """Name the stages that died: an error stands in place of their task. `cause` is the one that ended the run."""
    for record, kind, function, error in stages:
        if record and isinstance(error, BaseException):  # None: what looks after the stages, which needs no name.
            name = getattr(function, "__name__", type(function).__name__)
            if error is cause:
                db.failed = (record.key, kind, name, error)
            try:
                words = "%r%s" % (error, once("hints").hint(error, kind))
            except Exception:  # There is no memory for it, or its own words raise.
                words = type(error).__name__
            print("aimdb: %s %s of record %r died: %s" % (kind, name, record.key, words), file=sys.stderr)
