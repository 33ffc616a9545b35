"""The coroutine that `AimDb.run` returns. Loaded for each run, and not kept after it."""

import asyncio

import micropython

from . import once
from .db import Record
from .waiting import Line, current_loop

_ENDS = (Exception, asyncio.CancelledError)  # Made here, because an `except` that makes it needs heap.


async def watch(stages: list, look_for_lost, look_for_unawaited) -> None:
    """Look after one second and after ten for stages that nothing wakes, and for what is not awaited."""
    # What is not awaited is looked for twice: the second look tells of what the first has seen, one turn later.
    for seconds, is_last in ((1, False), (0, False), (9, False), (0, True)):
        await asyncio.sleep(seconds)
        try:
            if seconds:
                look_for_lost(stages)
            look_for_unawaited(is_last)
        except Exception:  # There is no memory for it.
            pass


async def run(db, begun: list, listen) -> None:
    """Check and start the stages, and wait for them; when one has died, cancel the others. `listen`: of awaited.py."""
    begun.append(True)
    loop = current_loop()
    if db._loop is loop:
        from .mistakes import second_run

        raise second_run()
    drop_configuring()
    if len(begun) > 1:
        raise KeyboardInterrupt  # See `remind`.
    stages: list = []
    waiters: list = []
    hungry = MemoryError()  # In place of the interpreter's own, which changes when the next one is raised without heap.
    # Nothing below needs heap before the try.
    db._loop = loop
    db.failed = None
    cause: "BaseException | None" = None
    culprit: "list | None" = None  # The stage that was cancelled, and not from here.
    try:
        stages, coro = once("wiring").start(db)
        for record in db._records.values():
            record.buffer.runs_in = loop  # So that no other database runs it as well.
            for name in ("_line", "_room"):
                line = getattr(record.buffer, name, None)
                if isinstance(line, Line):
                    line.renew()  # It may keep a loop that was left, with all that its tasks have.
        # Loaded now, as later it would hold up a source that keeps time; what they need is gone with the watch.
        watching = watch(stages, once("watching").look, listen(db))
        stages.append([None, "watch", None, asyncio.create_task(watching)])
        del watching, listen
        await coro
    except asyncio.CancelledError:
        for stage in stages:
            if stage[3].done() and isinstance(stage[3].data, asyncio.CancelledError):
                culprit = stage
        raise
    except Exception as er:
        cause = hungry if is_the_interpreters_own(er, stages) else er
        raise cause
    finally:
        died = False
        interruption = complaint = None
        for stage in stages:
            stage[3].cancel()
        try:
            complaint = await help_end(stages, waiters)
        except asyncio.CancelledError as er:
            interruption = er
        except Exception:  # There is no memory for it.
            pass
        # Nothing below needs heap before `end`.
        for stage in stages:
            error = None
            waiter = waiters.pop(0) if waiters else None
            while waiter or not stage[3].done():
                try:
                    if waiter:
                        error = await waiter
                        waiter = None
                    else:  # There was no memory for one.
                        await asyncio.sleep_ms(1)
                except asyncio.CancelledError as er:  # Once more.
                    interruption = er
                except MemoryError:
                    waiter = None
            # Not awaited again: that crashes the interpreter if the loop has taken the task for unawaited meanwhile.
            error = stage[3].data or error
            if stage is culprit:
                cause = error
            if stage is culprit or isinstance(error, Exception) and not isinstance(error, StopIteration):
                stage[3] = error
                died = True
        db._loop = None
        if complaint:
            complaint.end()
        if stages:
            release(db, loop)
        try:
            if died:
                once("wiring").end(db, stages, cause)
        except MemoryError:
            pass  # The error that ended the run says more.
        if culprit:
            from .mistakes import cancelled

            raise cancelled(culprit[0].key, culprit[1])
        if interruption and not cause:
            raise interruption


def is_the_interpreters_own(error, stages) -> bool:
    """Whether this error, or that of a stage, is the interpreter's own.

    Without heap the interpreter raises the same object each time. Needs no heap.
    """
    micropython.heap_lock()
    try:
        bytearray(1)
    except MemoryError as own:
        for stage in stages:
            if stage[3].data is own:
                return True
        return error is own
    finally:
        micropython.heap_unlock()
    return False


async def help_end(stages, waiters: list):
    """Have the stages, which are cancelled, end, and fill `waiters`. Returns the `Complaint` of those that go on."""
    for stage in stages:
        waiter = end_of(stage[3])
        # Asyncio prints an error that no task waits for.
        waiters.append(waiter if stage[3].done() else asyncio.create_task(waiter))
    for pause in (0, 1):  # Most end in the next step; after the second it is known what is lost.
        if not ended(stages):
            await asyncio.sleep_ms(pause)
    if ended(stages):
        return None
    module = once("watching")
    module.wake_cancelled(stages)
    complaint = once("complaint").Complaint(lambda waited: module.name_lasting(stages, waited))
    complaint.begin()
    return complaint


def release(db, loop) -> None:
    """Let another database run the buffers. Needs no heap."""
    for key in db._records:
        buffer = db._records[key].buffer
        if getattr(buffer, "runs_in", None) is loop:
            buffer.runs_in = None


async def end_of(task):
    """Return when the task has ended: what it has raised, or None."""
    try:
        await task
    except _ENDS as er:
        return er


def drop_configuring() -> None:
    """Keep the module `configuring` no longer, nor the calls that it gave to all records."""
    once("loading").forget("aimdb", "configuring")
    for name in ("source", "tap"):
        if hasattr(Record, name):
            delattr(Record, name)


def ended(stages) -> bool:
    return all([stage[3].done() for stage in stages])
