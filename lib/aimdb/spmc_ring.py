from array import array

import micropython
from micropython import const

from .buffer import Buffer, InMemory, Reader
from .errors import BufferLagged, error
from .waiting import ptr32

_BOARD = const(1)
if not _BOARD:  # So that the board's compiler knows the constant, and stores nothing.
    TYPE_CHECKING = const(0)

_PRODUCED = const(0)  # Also the number of the newest value.
_CONSUMED = const(1)
_DROPPED = const(2)
_ASKED = const(5)  # How many readers wait.
_CLOSED = const(7)
_CAPACITY = const(9)
_MASK = const(0x1FFFFFFF)  # A counter goes from 0 to 2**29, and on from 1, so that it is a small int on all boards.


class SpmcRing(InMemory):
    """The last `capacity` values. Every reader sees every value, at its own pace.

    A reader that falls behind gets `BufferLagged(count)` once and goes on with the oldest value still held; a late
    reader sees only what is produced after it subscribed. Producing never waits and never refuses.

    Raises `TypeError` or `ValueError` when `capacity` is not an int of at least 1.
    """

    if TYPE_CHECKING:

        def __init__(self, capacity: int): ...

    @micropython.viper
    def push(self, value):
        counts = ptr32(self._counts)
        if counts[_CLOSED]:
            counts[_DROPPED] = (counts[_DROPPED] & _MASK) + 1
            return
        while counts[_ASKED]:
            self.wake_first(None)
        # No jump from here on: Ctrl-C comes before the value is stored or when all is done.
        self._append(value)
        counts[_PRODUCED] = (counts[_PRODUCED] & _MASK) + 1

    peek = Buffer.peek  # None, for each reader has its own next value.

    def subscribe(self) -> "RingReader":
        return RingReader(self, self._counts[_PRODUCED])

    def missed(self, reader, count):
        """Count the values that were overwritten before `reader` read them, and tell it."""
        reader.lagged = (reader.lagged & _MASK) + count
        counts = self._counts
        counts[_DROPPED] = (counts[_DROPPED] & _MASK) + count
        raise error(BufferLagged, count, self)


class SingleLatest(SpmcRing):
    """The newest value only, for state and settings. Every reader sees the newest, once.

    A late reader gets the current value. Producing overwrites; it never waits and never refuses, and what was
    overwritten does not count as dropped.
    """

    capacity = 1

    if TYPE_CHECKING:

        def __init__(self): ...

    peek = InMemory.peek

    def subscribe(self) -> "RingReader":
        return RingReader(self, self._counts[_PRODUCED] - len(self._values))

    def missed(self, reader, count):
        pass  # Only the newest counts.


class RingReader(Reader):
    def __init__(self, buffer: SpmcRing, cursor: int):
        super().__init__(buffer)
        self.lagged = 0  # Counting needs no heap then.
        self._counts = buffer._counts
        self._values = buffer._values
        self.wait = buffer._line.park  # Here, as finding it by the buffer takes 1,500 cycles.
        self.cursor = array("i", (cursor,))  # The number of the value that this reader read last.

    def has_value(self) -> bool:
        return self.cursor[0] != self._counts[_PRODUCED]

    def park(self, owner) -> bool:
        return self.cursor[0] == self._counts[_PRODUCED] and self.wait(owner)

    @micropython.viper
    def try_recv(self):
        counts = ptr32(self._counts)
        cursor = ptr32(self.cursor)
        behind = (counts[_PRODUCED] - cursor[0]) & _MASK
        if not behind:
            self.nothing()
        missed = behind - counts[_CAPACITY]
        if missed > 0:
            cursor[0] = cursor[0] + missed
            behind = behind - missed
            self.buffer.missed(self, missed)
        cursor[0] = (cursor[0] & _MASK) + 1
        counts[_CONSUMED] = (counts[_CONSUMED] & _MASK) + 1
        return self._values[0 - behind]
