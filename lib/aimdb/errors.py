from micropython import const

TYPE_CHECKING = const(0)  # For editors only: what is below it costs the board nothing.
if TYPE_CHECKING:
    from typing import Any

    from .buffer import Buffer


class DbError(Exception):
    """Base class of every error that aimdb raises on its own account."""


class BufferEmpty(DbError):
    """`try_recv` found nothing to read now; there may be something later."""


class RecordError(DbError):
    """Base class of the errors that concern one record: its `key`, and the `capacity` of its buffer.

    For a producer `value` is the value that was not stored; for a reader that lagged `count` is what it missed.
    """

    _text = ""

    def __init__(self, value: "Any" = None, buffer: "Buffer | None" = None):
        self.value = self.count = value
        # Not by `buffer and`: whether an object is true is a costly question.
        self.key = None if buffer is None else buffer.key
        self.capacity = None if buffer is None else buffer.capacity

    def __repr__(self) -> str:
        # MicroPython shows an uncaught error by its repr().
        return "%s: %s" % (type(self).__name__, self)

    def __str__(self) -> str:
        return "record %r (capacity %r) %s" % (self.key, self.capacity, self._text)


class BufferFull(RecordError):
    """`try_produce` was refused for want of space; nothing was stored."""

    _text = "is full"


class BufferClosed(RecordError):
    """The buffer, or this reader of it, is closed; nothing was stored."""

    _text = "is closed"


class SelfDeadlock(RecordError):
    """A task waits for space in a queue that only this task has read so far: nobody else can make room."""

    _text = "is full, and only the task that waits for space has read it"


class SendDeadlock(SelfDeadlock):
    """`send` was called on the thread that runs asyncio, or in an interrupt of it: it would wait for itself."""

    _text = "cannot be sent to from the thread that runs asyncio: await produce_async there, try_send in interrupts"


class BufferLagged(RecordError):
    """This reader missed `count` values; the next read goes on with the oldest one held."""

    _text = "has overwritten what was not read yet, values:"

    def __str__(self) -> str:
        return "%s %d" % (super().__str__(), self.count)


class RecordKeyNotFound(DbError):
    """No record of this key has a buffer."""


class InvalidConfiguration(DbError):
    """`db.run()` found mistakes and started nothing; `errors` lists them all, a sentence each, with the record."""

    def __init__(self, errors: "list[str]"):
        super().__init__("; ".join(errors))
        self.errors = errors


# Raised again and again, so that looking into an empty buffer needs no heap.
EMPTY = BufferEmpty("nothing to read now")

# Used only while the heap is locked (in an interrupt, say), where no new error can be made.
_spares = {kind: kind() for kind in (BufferFull, BufferClosed, BufferLagged, SendDeadlock)}


def error(kind, detail, buffer):
    """A new `kind(detail, buffer)`, or the one kept in reserve when the heap is locked."""
    try:
        return kind(detail, buffer)
    except MemoryError:
        spare = _spares[kind]
        spare.__init__(detail, buffer)
        return spare
