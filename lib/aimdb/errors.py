"""The errors that tasks meet at work. Those that tell of a mistake in the program are in mistakes.py."""

from micropython import const

from . import kept, once

_BOARD = const(1)
if not _BOARD:  # So that the board's compiler knows the constant, and stores nothing.
    TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any


class DbError(Exception):
    """Base class of the errors that aimdb defines."""


class RecordError(DbError):
    """Base class of the errors that concern one record: its `key`, and the `capacity` of its buffer.

    For a producer `value` is what was not stored; for a reader that lagged `count` is how many values it missed.
    """

    # Its arguments are (value, buffer). The rest is worked out when it is asked for.

    value: object
    count: int
    key: "str | None"
    capacity: int
    _buffer: "Any" = None  # Of the spare error, which has no arguments.
    _spare: "Any"

    def __getattr__(self, name):
        if name == "count":
            return self.value  # Every exception of MicroPython has it: the first argument.
        if name == "key" or name == "capacity":
            buffer = self.args[1] if len(self.args) > 1 else self._buffer
            return getattr(buffer, name, None)
        raise AttributeError(name)

    def __str__(self) -> str:
        return kept("sentences").text(self)

    __repr__ = __str__  # What MicroPython shows of an uncaught error.


class BufferEmpty(RecordError):
    """`try_recv` found nothing to read now; there may be something later."""


class BufferFull(RecordError):
    """`try_produce` was refused for want of space; nothing was stored."""


class BufferClosed(RecordError):
    """The buffer, or this reader of it, is closed; nothing was stored."""


class BufferLagged(RecordError):
    """This reader missed `count` values; the next read goes on with the oldest one held."""


# Raised where there is no heap for a new error, and only there: with heap, each raise would add to its traceback.
for kind in (BufferEmpty, BufferFull, BufferClosed, BufferLagged):
    kind._spare = kind()
    kind._spare.value = kind._spare._buffer = None  # Setting them needs no heap from now on.
del kind


def error(kind, value, buffer):
    """A new `kind(value, buffer)`, or the spare one where there is no heap."""
    try:
        return kind(value, buffer)
    except MemoryError:
        spare = kind._spare
        spare.value = value
        spare._buffer = buffer
        return spare


def check_int(name: str, value: object, low: int = 0, high: int = 0x1FFFFFFF) -> None:
    """Raise `TypeError` unless `value` is an int and no bool, and `ValueError` unless `low <= value <= high`.

    The sentence has the name, the range and the value. The default for `high` is the largest difference that
    `time.ticks_add` takes on all boards: 6.2 days in milliseconds. Counters have the same range.
    """
    if type(value) is not int or not low <= value <= high:
        raise kept("mistakes").no_int(name, value, low, high)


def new(kind, *args, **options):
    """The `__new__` of what a program makes: an option that `kind` has not is told with those that it has."""
    if options:
        try:
            kind.__init__(**options)  # Without an object it cannot run, but the interpreter checks its options first.
        except Exception as er:
            if "missing" not in str(er):  # The object.
                once("options").refuse(kind, options)
    return object.__new__(kind)
