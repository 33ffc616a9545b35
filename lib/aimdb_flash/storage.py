from aimdb.errors import check_int
from micropython import const

from .errors import QueueInUse, StorageError

_EDITOR = const(0)  # For editors only: what is below it costs the board nothing.
if _EDITOR:
    from typing import Any

_FEWEST = const(4)  # Segments: two for values, and two that are kept free for acknowledgements.

# The open queues, by path or device.
_claimed: dict = {}


def claim(identity: "Any", queue: "Any") -> None:
    """Take a path or device for this queue.

    A queue that has it is released first, with all that it has staged: it was left behind by a task that ended, or by
    a loop that was left. `QueueInUse` when the task that opened it still runs.
    """
    other = _claimed.get(identity)
    if other is not None:
        if other.is_in_use():
            raise QueueInUse("%r is open already in another queue; release() that first" % (identity,))
        try:
            other.release()
        except StorageError:
            pass  # It is released even so.
    _claimed[identity] = queue


def unclaim(identity: "Any", queue: "Any") -> None:
    """Let another queue have it."""
    if _claimed.get(identity) is queue:
        del _claimed[identity]


class Storage:
    """Where a queue's segments are: numbered pieces of the flash that are written from front to back, once.

    The queue gives each new segment a higher number. All methods may raise `OSError`; what they were about is then
    in doubt, and the queue does not write to that segment again.
    """

    segment_size = 4096  # Bytes that a segment holds.
    segment_count = 16  # How many there may be at a time; a queue needs 4 or more.
    alignment = 1  # Each write begins at a multiple of it.
    preallocated = False  # Whether a segment has all its bytes from the beginning; those to be written are 0xFF.
    unreadable_count = 0  # Segments that `numbers` could not read.
    identity: "Any" = None  # What no other open queue may use: a path, or a device.

    def check(self) -> None:
        """Raise `ValueError` when there are not enough segments, and `AttributeError` when a method is missing."""
        check_int("segment_size", self.segment_size, 512)
        if self.segment_count < _FEWEST:
            raise ValueError(
                "a queue needs %d segments of %d bytes, not %d" % (_FEWEST, self.segment_size, self.segment_count)
            )
        for method in ("numbers", "create", "append", "read", "remove"):
            getattr(self, method)  # Told now, and not when the flash is full.

    def length(self, number: int) -> int:
        """How many bytes there may be in a segment."""
        return self.segment_size

    def is_taken(self, number: int) -> bool:
        """Whether something that is not ours is where this segment would be."""
        return False

    if _EDITOR:  # What each storage has of its own.

        def numbers(self) -> "list[int]":
            """The numbers of all segments that are there, in any order; also of what only may be one."""
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
            """Up to `size` bytes of a segment, fewer at its end."""
            raise NotImplementedError

        def remove(self, number: int) -> None:
            """Give the segment's place back; one that is not there is no error."""
            raise NotImplementedError
