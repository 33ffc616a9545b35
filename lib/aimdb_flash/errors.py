from aimdb.errors import DbError, RecordError


class StorageError(RecordError):
    """The flash or its filesystem failed; `cause` is what it raised, `value` what was not accepted, if anything.

    The queue goes on working: the next write is tried on another piece of the flash.
    """

    def __init__(self, value=None, buffer=None, cause: "Exception | None" = None):
        super().__init__(value, buffer)
        self.cause = cause
        self._text = "could not use its storage: %r" % (cause,)


class CodecError(RecordError):
    """A value was read whose bytes the codec cannot decode; `value` has the bytes, `cause` what the codec raised.

    It counts as read: the next read goes on with the next value, and `commit` acknowledges this one, too.
    """

    def __init__(self, value=None, buffer=None, cause: "Exception | None" = None):
        super().__init__(value, buffer)
        self.cause = cause
        self._text = "holds bytes that its codec cannot decode: %r, %r" % (value, cause)


class UnknownFormat(DbError):
    """What is on the flash was written by a version of this package that this one does not know."""


class QueueInUse(DbError):
    """Another queue has this path or device open; `release` it first."""
