"""Errors that tell of a mistake in the program. Loaded when one is made."""

from micropython import const

from .errors import DbError, RecordError

_BOARD = const(1)
if not _BOARD:  # So that the board's compiler knows the constant, and stores nothing.
    TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any


class SelfDeadlock(RecordError):
    """A task waits for space in a queue that only this task has read so far: nobody else can make room."""

    text = " is full, and only the task that waits has read it"


class SendDeadlock(SelfDeadlock):
    """`send` was called on the thread that runs asyncio, or in an interrupt of it: it would wait for itself."""

    text = " cannot be sent to from the thread that runs asyncio: await produce_async there, try_send in interrupts"


class RecordKeyNotFound(DbError):
    """No record of this key has a buffer."""


class AlreadyRunning(DbError):
    """`db.run()` was called while an earlier `run` of the same database is under way in this loop."""


class InvalidConfiguration(DbError):
    """`db.run()` found mistakes and started nothing; `errors` lists them all, a sentence each, with the record."""

    def __init__(self, errors: "list[str]"):
        super().__init__("; ".join(errors))
        self.errors = errors


def second_run() -> AlreadyRunning:
    """What a second run raises."""
    return AlreadyRunning("db.run() is under way in this loop; asyncio.new_event_loop() would leave it")


def cancelled(key: str, kind: str) -> DbError:
    """What ends a run of which a stage was cancelled by somebody else."""
    return DbError("a %s of record %r was cancelled, and not by whoever runs it" % (kind, key))


def not_found(db, key: object) -> RecordKeyNotFound:
    """What a call raises that needs a record with a buffer."""
    others = sorted([repr(each) for each in db._records if db._records[each].buffer is not None])
    advice = "; those that have: " + ", ".join(others) if others else ""
    return RecordKeyNotFound("no record %r has a buffer%s" % (key, advice))


def refusal(kind: str, key: object, refused: "Any") -> Exception:
    """What `AimDb.configure` raises (`kind` is "buffer"), or a call that adds a stage of this kind."""
    if not isinstance(key, str):
        advice = "; it comes first, and then the buffer: AimDb().configure(key, buffer)" if hasattr(key, "push") else ""
        return TypeError("a record's key is a string, not %r%s" % (key, advice))
    if not key:
        return ValueError("a record's key must not be empty")
    if kind == "buffer":
        if isinstance(refused, type) and hasattr(refused, "push"):
            name = refused.__name__
            arguments = {"BoundedQueue": "16", "SpmcRing": "16", "SingleLatest": "", "Mailbox": ""}.get(name, "…")
            return TypeError("record %r: %s is a class; write %s(%s)" % (key, name, name, arguments))
        return TypeError("record %r: a buffer is needed, such as SpmcRing(16), not %r" % (key, refused))
    advice = "; pass fn, not fn()" if hasattr(refused, "send") else ""
    if callable(refused):
        advice = "; it produces: write .source(every(…))"
    return TypeError("record %r: a %s is an async function, not %r%s" % (key, kind, refused, advice))


def no_int(name: str, value: object, low: int, high: int) -> Exception:
    """What `check_int` raises."""
    kind = ValueError if type(value) is int else TypeError
    if low == high:
        return kind("%s is always %d, not %r" % (name, low, value))
    return kind("%s is an int from %d to %d, not %r" % (name, low, high, value))


def invalid(mistakes: list) -> InvalidConfiguration:
    """What `AimDb.run` raises at `mistakes`, each a (record, kind of stage, what was refused, reason)."""
    return InvalidConfiguration(["record %r %s" % (mistake[0].key, _sentence(*mistake)) for mistake in mistakes])


def _sentence(record, kind, refused, reason):
    if isinstance(reason, str):
        return "has a %s %s" % (kind, reason)
    name = getattr(refused, "__name__", type(refused).__name__)
    if isinstance(reason, tuple):  # The kind of the writer that it had already.
        if kind in reason:
            return "has a second %s, %s; one task writes a record" % (kind, name)
        return "has a %s, %s, beside its %s; one task writes a record" % (kind, name, reason[0])
    if reason:
        arguments = "two arguments" if kind == "transform_join" else "one argument"
        advice = "; write async def, or %s() if it makes the stage" % name if "without async" in str(reason) else ""
        return "has a %s, %s, that is not an async function of %s: %s%s" % (kind, name, arguments, reason, advice)
    if refused is None:
        return "has no buffer; configure(%r, buffer) gives it one" % record.key
    if record.buffer is not None:
        advice = "without one extends it; a start that wires anew makes its AimDb anew"
        return "has a buffer already; configure(%r) %s" % (record.key, advice)
    return "shares the buffer of record %r; each record needs its own" % refused.key
