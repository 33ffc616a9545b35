from array import array
from asyncio import core  # type: ignore[attr-defined]

import micropython
from micropython import const

from .buffer import Reader
from .errors import BufferLagged, error
from .in_memory import InMemory, ptr32

_PRODUCED = const(0)  # Also the number of the newest value.
_CONSUMED = const(1)
_DROPPED = const(2)
_CLOSED = const(3)
_CAPACITY = const(4)
_WAITED = const(7)
_MASK = const(0x1FFFFFFF)


class SpmcRing(InMemory):
    """The last `capacity` values. Every reader sees every value, at its own pace.

    A reader that falls behind gets `BufferLagged(count)` once and goes on with the oldest value still held; a late
    reader sees only what is produced after it subscribed. Producing never waits and never refuses.

    Raises `TypeError` or `ValueError` when `capacity` is not an int of at least 1.
    """

    def subscribe(self) -> "RingReader":
        return RingReader(self, self._counts[_PRODUCED])

    def _missed(self, reader, count):
        # So many values were overwritten before this reader read them.
        reader.lagged += count
        counts = self._counts
        counts[_DROPPED] = (counts[_DROPPED] & _MASK) + count
        raise error(BufferLagged, count, self)


class RingReader(Reader):
    def __init__(self, buffer: SpmcRing, cursor: int):
        super().__init__(buffer)
        self._counts = buffer._counts
        self._values = buffer._values
        self._waiting = buffer._waiting
        self._cursor = array("i", (cursor, 0))  # The number of the value that was read last; 1 when closed.

    def has_value(self) -> bool:
        return self._cursor[0] != self._counts[_PRODUCED]

    @micropython.viper
    def _park(self) -> bool:
        counts = ptr32(self._counts)
        cursor = ptr32(self._cursor)
        if cursor[0] != counts[_PRODUCED] or counts[_CLOSED] or cursor[1]:
            return False
        counts[_WAITED] = 3 if counts[_WAITED] & 1 else 1
        task = core.cur_task
        waiting = self._waiting
        waiting.push(task)
        task.data = waiting  # Has the `remove` that Task.cancel calls.
        return True

    @micropython.viper
    def try_recv(self):
        counts = ptr32(self._counts)
        cursor = ptr32(self._cursor)
        behind = (counts[_PRODUCED] - cursor[0]) & _MASK
        if behind == 0 or cursor[1]:
            self._nothing()
        missed = behind - counts[_CAPACITY]
        if missed > 0:  # Of which as many are held as there is room for.
            cursor[0] += missed
            behind -= missed
            self.buffer._missed(self, missed)
        cursor[0] = (cursor[0] & _MASK) + 1
        counts[_CONSUMED] = (counts[_CONSUMED] & _MASK) + 1
        return self._values[0 - behind]

    def close(self) -> None:
        self._cursor[1] = 1
        super().close()


class SingleLatest(SpmcRing):
    """The newest value only, for state and settings. Every reader sees the newest, once.

    A late reader gets the current value. Producing overwrites; it never waits and never refuses, and what was
    overwritten does not count as dropped.
    """

    def __init__(self):
        super().__init__(1)

    def subscribe(self) -> RingReader:
        return RingReader(self, self._counts[_PRODUCED] - len(self._values))

    def _missed(self, reader, count):
        pass  # What was overwritten is of no interest.

    def peek(self):
        return self._values[0] if self._values else None
