import errno

from aimdb.errors import RecordError, new
from micropython import const

_BOARD = const(1)
if not _BOARD:  # So that the board's compiler knows the constant, and stores nothing.
    TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any

# The open queues, by path or device.
claimed: dict = {}


class StorageError(RecordError):
    """The flash or its filesystem failed; `cause` is what it raised, `value` what was not accepted, if anything.

    The queue goes on working: the next write is tried on another piece of the flash.
    """

    def __init__(self, value, buffer, cause: "Exception | None"):
        super().__init__(value, buffer)
        self.cause = cause
        self.path = buffer.path  # A path, or a device.

    def __str__(self) -> str:
        name = errno.errorcode.get(self.cause.errno, "") if isinstance(self.cause, OSError) else ""
        who = "a queue" if self.key is None else "record %r" % self.key
        return "StorageError: %s could not use %r: %r %s" % (who, self.path, self.cause, name)

    __repr__ = __str__


def patiently(method, *arguments):
    """What `method` returns; it is called up to three times, as an `OSError` of a read may pass."""
    for _ in range(2):
        try:
            return method(*arguments)
        except OSError:
            pass
    return method(*arguments)


class Storage:
    """Where a queue's segments are: numbered pieces of the flash that are written from front to back, once.

    The queue gives each new segment a higher number. All methods may raise `OSError`. Then it is unknown what was
    written, and the queue does not write to that segment again.
    """

    if not TYPE_CHECKING:
        __new__ = new

    segment_size = 4096  # Bytes that a segment holds.
    segment_count = 16  # How many there may be at a time; a queue needs 4 or more.
    alignment = 1  # Each write begins at a multiple of it.
    preallocated = False  # Whether a segment has all its bytes from the beginning; those to be written are 0xFF.
    unreadable_count = 0  # Segments that `numbers` could not read.
    tools: "Any" = None  # The module that has made it and will find its segments; kept until a queue has opened it.
    identity: "Any" = None  # What no other open queue may use: a path, or a device.

    def length(self, number: int) -> int:
        """How many bytes there may be in a segment."""
        return self.segment_size

    def is_taken(self, number: int) -> bool:
        """Whether something else is in the place of this segment."""
        return False

    if TYPE_CHECKING:  # What each storage has of its own.

        def numbers(self) -> "list[int]":
            """The numbers of all segments that are there, in any order; also of what may be a segment, or not."""
            raise NotImplementedError

        def create(self, number: int, data: bytes) -> None:
            """Make a segment that begins with `data`. On return it is on flash."""
            raise NotImplementedError

        def append(self, number: int, offset: int, data: bytes) -> None:
            """Write `data` at `offset`, which is where the segment's bytes end. On return it is on flash.

            Raises `OSError(ENOENT)` when the segment is gone, or is not as it was left.
            """
            raise NotImplementedError

        def read(self, number: int, offset: int, size: int) -> bytes:
            """Up to `size` bytes of a segment from `offset` on; fewer at its end."""
            raise NotImplementedError

        def remove(self, number: int) -> None:
            """Give the segment's place back; one that is not there is no error."""
            raise NotImplementedError
