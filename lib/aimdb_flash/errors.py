import errno

from aimdb.errors import DbError, RecordError


class StorageError(RecordError):
    """The flash or its filesystem failed; `cause` is what it raised, `value` what was not accepted, if anything.

    The queue goes on working: the next write is tried on another piece of the flash.
    """

    def __init__(self, value=None, buffer=None, cause: "Exception | None" = None):
        super().__init__(value, buffer)
        self.cause = cause
        self.path = None if buffer is None else buffer.path  # A path, or a device.

    def __str__(self) -> str:
        name = errno.errorcode.get(self.cause.errno, "") if isinstance(self.cause, OSError) else ""
        return "StorageError: record %r could not use %r: %r %s" % (self.key, self.path, self.cause, name)

    __repr__ = __str__


class CodecError(RecordError):
    """A value was read whose bytes the codec cannot decode; `value` has the bytes, `cause` what the codec raised.

    Given to the queue's `undecodable` function. The value is acknowledged, and readers get the next one.
    """

    def __init__(self, value=None, buffer=None, cause: "Exception | None" = None):
        super().__init__(value, buffer)
        self.cause = cause

    def __str__(self) -> str:
        # The first bytes tell what wrote them; a value may have thousands.
        return (
            "CodecError: record %r holds %d bytes that its codec cannot decode, %r: %r"
            % (
                self.key,
                len(self.value),  # type: ignore[arg-type]
                self.value[:16],  # type: ignore[index]
                self.cause,
            )
        )

    __repr__ = __str__


class UnknownFormat(DbError):
    """What is on the flash was written by a version of this package that this one does not know."""


class QueueInUse(DbError):
    """Another queue has this path or device open, and the task that opened it still runs; `release` it first."""
