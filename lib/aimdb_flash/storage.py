from micropython import const

from .errors import QueueInUse

_EDITOR = const(0)  # For editors only: what is below it costs the board nothing.
if _EDITOR:
    from typing import Any

_FEWEST = const(4)  # Segments: two for values, and two that are kept free for acknowledgements.

# What open queues use: paths, and devices.
_claimed: set = set()


class Storage:
    """Where a queue's segments are: numbered pieces of the flash that are written from front to back, once.

    The queue gives each new segment a higher number. All methods may raise `OSError`; what they were about is then
    in doubt, and the queue does not write to that segment again.
    """

    segment_size = 4096  # Bytes that a segment holds.
    segment_count = 16  # How many there may be at a time; a queue needs 4 or more.
    alignment = 1  # Each write begins at a multiple of it.
    preallocated = False  # Whether a segment has all its bytes from the beginning; those to be written are 0xFF.
    identity: "Any" = None  # What no other open queue may use: a path, or a device.

    def check_room(self) -> None:
        """Raise `ValueError` when there are not enough segments.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        if self.segment_count < _FEWEST:
            raise ValueError(
                "a queue needs %d segments of %d bytes, not %d" % (_FEWEST, self.segment_size, self.segment_count)
            )

    def claim(self) -> None:
        """Take it for one queue. Raises `QueueInUse`, and `AttributeError` when it lacks a method.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        for method in ("numbers", "create", "append", "read", "remove"):
            getattr(self, method)  # Told now, and not when the flash is full.
        if self.identity in _claimed:
            raise QueueInUse("%r is open already in another queue" % (self.identity,))
        _claimed.add(self.identity)

    def unclaim(self) -> None:
        """Let another queue have it.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        _claimed.discard(self.identity)

    def length(self, number: int) -> int:
        """How many bytes there may be in a segment.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        return self.segment_size

    if _EDITOR:  # What each storage has of its own.

        def numbers(self) -> "list[int]":
            """The numbers of all segments that are there, in any order.

            Cancel safety: it does not wait. IRQ safety: none.
            """
            raise NotImplementedError

        def create(self, number: int, data: bytes) -> None:
            """Make a segment that begins with `data`. On return it is on flash.

            Cancel safety: it does not wait. IRQ safety: none.
            """
            raise NotImplementedError

        def append(self, number: int, offset: int, data: bytes) -> None:
            """Write `data` at `offset`, which is where the segment's bytes end. On return it is on flash.

            Cancel safety: it does not wait. IRQ safety: none.
            """
            raise NotImplementedError

        def read(self, number: int, offset: int, size: int) -> bytes:
            """Up to `size` bytes of a segment, fewer at its end.

            Cancel safety: it does not wait. IRQ safety: none.
            """
            raise NotImplementedError

        def remove(self, number: int) -> None:
            """Give the segment's place back; one that is not there is no error.

            Cancel safety: it does not wait. IRQ safety: none.
            """
            raise NotImplementedError
