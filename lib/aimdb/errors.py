from micropython import const

_EDITOR = const(0)  # For editors only: what is below it costs the board nothing.
if _EDITOR:
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

    _text = ""  # What the name of the class leaves open; `%(name)s` stands for an attribute.

    def __init__(self, value: "Any" = None, buffer: "Buffer | None" = None):
        self.value = self.count = value
        # Not by `buffer and`: whether an object is true is a costly question.
        self.key = None if buffer is None else buffer.key
        self.capacity = None if buffer is None else buffer.capacity

    def __str__(self) -> str:
        text = self._text and " " + self._text % self.__dict__
        return "%s: record %r (capacity %r)%s" % (type(self).__name__, self.key, self.capacity, text)

    __repr__ = __str__  # What MicroPython shows of an uncaught error.


class BufferFull(RecordError):
    """`try_produce` was refused for want of space; nothing was stored."""


class BufferClosed(RecordError):
    """The buffer, or this reader of it, is closed; nothing was stored."""


class SelfDeadlock(RecordError):
    """A task waits for space in a queue that only this task has read so far: nobody else can make room."""

    _text = "is full, and only the task that waits has read it"


class BufferLagged(RecordError):
    """This reader missed `count` values; the next read goes on with the oldest one held."""

    _text = "has overwritten %(count)d unread values"


# Raised again and again, so that looking into an empty buffer needs no heap.
EMPTY = BufferEmpty()

# Used only while the heap is locked (in an interrupt, say), where no new error can be made.
spares = [BufferFull(), BufferClosed(), BufferLagged()]


def error(kind, value, buffer):
    """A new `kind(value, buffer)`, or the one kept in reserve when the heap is locked."""
    try:
        return kind(value, buffer)
    except MemoryError:
        for spare in spares:
            if type(spare) is kind:
                spare.__init__(value, buffer)
                return spare
        raise
