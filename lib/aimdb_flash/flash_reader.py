from aimdb import Reader, kept
from aimdb.errors import BufferEmpty, check_int
from aimdb.loop import resume
from aimdb.waiting import current
from micropython import const

from .values import number_of

_BOARD = const(1)
if not _BOARD:  # So that the board's compiler knows the constant, and stores nothing.
    TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from collections.abc import Awaitable
    from typing import Any

    from .flash_queue import FlashQueue

_MASK = const(0x1FFFFFFF)


class FlashReader(Reader):
    """Reads a `FlashQueue`, in competition with its other readers. What it has read is its own until `commit`.

    A reader that is done should be closed, so that others get what it did not commit. What a forgotten reader had
    read comes again after a restart, or when the first reader subscribes in a new loop (`asyncio.new_event_loop`).

    Cancel safety: a read that is cancelled has taken nothing; values whose commit is cancelled stay acknowledged.
    IRQ safety: none.
    """

    def __init__(self, buffer: "FlashQueue"):
        super().__init__(buffer)
        self.buffer: "Any" = buffer
        self._values = buffer._values
        self._taken: list = []  # What was read and not committed, in the order of reading.
        self._gone = 0  # How many were read before these, and the queue has dropped them since.
        self._numbered = 0  # So many of the taken, from the first on, are numbers.
        self._loop = self._values.loop

    def has_value(self) -> bool:
        return self._values.free() > 0

    def try_recv(self):
        buffer = self.buffer
        values = self._values
        taken, value = values.upcoming()
        if self.closed:  # By the function for values that cannot be decoded.
            self.nothing()
        self._renew()
        if not len(self._taken) & 15:
            self._tidy()
        values.hand_out(taken, self._taken)
        values.line.note()
        buffer.consumed_count = (buffer.consumed_count & _MASK) + 1
        return value

    def _renew(self):
        # When others have subscribed in a new loop, what this one had taken in the old one comes again.
        if self._loop is not self._values.loop:
            self._loop = self._values.loop
            self.buffer._readers += 1
            self._gone += len(self._taken)
            self._taken.clear()
            self._numbered = 0

    def _tidy(self):
        # What was taken from RAM and is on flash now needs no more than its number; what was dropped, nothing.
        taken = self._taken
        i = self._numbered
        while i < len(taken):
            number = number_of(taken[i])
            if not number:
                break
            taken[i] = number
            i += 1
        self._numbered = i
        ledger = self._values.log.ledger
        while self._numbered and ledger.has(taken[0]):
            taken.pop(0)
            self._numbered -= 1
            self._gone += 1

    def commit(self, count: "int | None" = None) -> "Awaitable[None]":
        """Acknowledge the oldest `count` values that were read with this reader and not committed; None: all.

        It counts at once: when this reader is closed, they are not given back. A power cut may still bring them
        back; await the result for the acknowledgement to be on flash, which raises `StorageError` when that fails.
        When it is not awaited, the acknowledgement goes to flash with the next flush. Values that were committed
        before they went to flash never go there.

        Raises `ValueError` when `count` is negative, or more than was read, `TypeError` when it is no int, and
        `BufferClosed` after `release`.
        """
        buffer = self.buffer
        taken = self._taken
        if not buffer._flusher.log:
            raise buffer.ended()
        self._renew()
        most = self._gone + len(taken)
        if count is None:
            count = most
        else:
            check_int("count", count, 0, most)
        reached = buffer._flusher.reached(0, buffer.flush_ms or 0)
        gone = min(count, self._gone)
        count -= gone
        self._values.acknowledge(taken, count)
        self._gone -= gone
        if count == len(taken):
            taken.clear()
        else:
            for _ in range(count):
                taken.pop(0)
        self._numbered = max(self._numbered - count, 0)
        return reached

    def park(self, owner) -> bool:
        buffer = self.buffer
        values = self._values
        buffer.renew()
        if values.pauses:
            values.pauses = False
            resume(current())
            return True
        while not values.line.park(owner):
            # It need not wait, unless the value that was kept for it has been lost since.
            if not values.owed or values.free() or buffer.closed:
                return False
        return True

    if not TYPE_CHECKING:

        def recv(self, timeout_ms=None):
            while True:
                try:
                    return (yield from Reader.recv(self, timeout_ms))
                except BufferEmpty:
                    pass  # What was counted on is damaged, or cannot be decoded, or was dropped.

    def close(self) -> None:
        """Detach, and give what was not committed back to the other readers, in order."""
        if not self.closed:
            kept("ending", "aimdb_flash").leave(self)
