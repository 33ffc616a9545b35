"""What is said to a program that is wrong. Loaded then, so that one that is right has none of it in RAM."""

from micropython import const

from .errors import DbError, RecordError

_EDITOR = const(0)  # For editors only: what is below it costs the board nothing.
if _EDITOR:
    from typing import Any


class SelfDeadlock(RecordError):
    """A task waits for space in a queue that only this task has read so far: nobody else can make room."""

    _text = " is full, and only the task that waits has read it"


class RecordKeyNotFound(DbError):
    """No record of this key has a buffer."""


class InvalidConfiguration(DbError):
    """`db.run()` found mistakes and started nothing; `errors` lists them all, a sentence each, with the record."""

    def __init__(self, errors: "list[str]"):
        super().__init__("; ".join(errors))
        self.errors = errors


def error(kind: str, key: "Any", refused: "Any") -> Exception:
    """What a call raises at once: what was given for the record's `kind`, or the record itself, is none.

    Cancel safety: it does not wait. IRQ safety: none.
    """
    if kind == "producer":
        return RecordKeyNotFound("no record %r has a buffer" % (key,))
    if not isinstance(key, str):
        return TypeError("a record's key is a string, not %r" % (key,))
    if not key:
        return ValueError("a record's key must not be empty")
    if kind == "buffer":
        return TypeError("record %r: a buffer is needed, such as SpmcRing(16), not %r" % (key, refused))
    advice = "; pass fn, not fn()" if hasattr(refused, "send") else ""
    return TypeError("record %r: a %s is an async function, not %r%s" % (key, kind, refused, advice))


def invalid(mistakes: list) -> InvalidConfiguration:
    """What `AimDb.run` raises at `mistakes`, each a (record, kind of stage, what was refused, reason).

    Cancel safety: it does not wait. IRQ safety: none.
    """
    return InvalidConfiguration(["record %r %s" % (mistake[0].key, _sentence(*mistake)) for mistake in mistakes])


def _sentence(record, kind, refused, reason):
    if isinstance(reason, str):
        return "has a %s %s" % (kind, reason)
    if kind != "buffer":
        name = getattr(refused, "__name__", refused)
        if reason:
            return "has a %s, %s, that is not an async function of one argument (%r)" % (kind, name, reason)
        return "has a second %s, %s; one task writes a record" % (kind, name)
    if not refused:
        return "has no buffer; configure(%r, buffer) gives it one" % record.key
    if record.buffer:
        return "has a buffer already; configure(%r) without one extends it" % record.key
    return "shares the buffer of record %r; each record needs its own" % refused.key
