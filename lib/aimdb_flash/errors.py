from aimdb.errors import DbError, RecordError
from micropython import const

TYPE_CHECKING = const(0)  # For editors only: what is below it costs the board nothing.
if TYPE_CHECKING:
    from typing import Any

    from aimdb import Buffer


class StorageError(RecordError):
    """The flash or its filesystem failed; `cause` is what it raised, `value` what was not accepted, if anything.

    The queue goes on working: the next write is tried on another piece of the flash.
    """

    _text = "could not use its storage"

    def __init__(self, value: "Any" = None, buffer: "Buffer | None" = None, cause: "Exception | None" = None):
        super().__init__(value, buffer)
        self.cause = cause

    def __str__(self) -> str:
        return "%s: %r" % (super().__str__(), self.cause)


class CodecError(RecordError):
    """A value was read whose bytes the codec cannot decode; `value` has the bytes, `cause` what the codec raised.

    It counts as read: the next read goes on with the next value, and `commit` acknowledges this one, too.
    """

    _text = "holds bytes that its codec cannot decode"

    def __init__(self, value: "Any" = None, buffer: "Buffer | None" = None, cause: "Exception | None" = None):
        super().__init__(value, buffer)
        self.cause = cause

    def __str__(self) -> str:
        return "%s: %r, %r" % (super().__str__(), self.value, self.cause)


class UnknownFormat(DbError):
    """What is on the flash was written by a version of this package that this one does not know."""


class QueueInUse(DbError):
    """Another queue has this path or device open; `release` it first."""
