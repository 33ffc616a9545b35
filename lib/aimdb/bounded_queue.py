import micropython
from micropython import const

from . import kept
from .buffer import Buffer, InMemory, Reader
from .errors import BufferClosed, BufferFull, error
from .waiting import Line, current, ptr32

_BOARD = const(1)
if not _BOARD:  # So that the board's compiler knows the constant, and stores nothing.
    TYPE_CHECKING = const(0)

# The places in `_counts`, which all tasks change between two yields. See docs/states.md.
_PRODUCED = const(0)
_CONSUMED = const(1)
_DROPPED = const(2)
_OVERWRITES = const(3)  # 1: a value for which no slot is empty takes the place of the one held.
# `_line`, that of the readers:
_FREE = const(4)  # How many values are free.
_ASKED = const(5)  # How many readers wait.
_KEPT = const(6)  # How many values are kept for readers that were woken.
_CLOSED = const(7)
# `_room`, that of the producers:
_ROOM_FREE = const(9)  # How many slots are free.
_ROOM_ASKED = const(10)  # How many producers wait.
_ROOM_KEPT = const(11)  # How many slots are kept for producers that were woken.
_WATCHED = const(13)  # 1: a `Complaint` looks after the producers that wait in this loop.
_MASK = const(0x1FFFFFFF)  # A counter goes from 0 to 2**29, and on from 1, so that it is a small int on all boards.


def look_after(queue, value):
    try:
        room = kept("room")  # Loaded when a producer first waits.
    except MemoryError:
        return  # It waits all the same; the next one to wait tries again.
    room.look_after(queue, value)


class BoundedQueue(InMemory):
    """Up to `capacity` values in order, none of which is ever overwritten. Readers compete for them.

    When it is full `produce` drops the value and counts it, `try_produce` raises `BufferFull`, and `produce_async`
    waits for a slot, first come, first served. A task that would wait for ever, because nobody else has read the
    queue so far and no other reader is attached, gets `SelfDeadlock` instead. A reader that was forgotten and not
    closed counts as attached.

    Raises `TypeError` or `ValueError` when `capacity` is not an int of at least 1.
    """

    # Two semaphores, as in the textbooks: filled slots for readers in `_line`, empty ones for producers in `_room`.

    _overwrites = False  # For `_counts`.
    _readers = 0  # Attached and not closed.

    if TYPE_CHECKING:
        _room: Line

        def __init__(self, capacity: int): ...

    else:

        def __init__(self, capacity=None):
            super().__init__(capacity)
            self._counts[_OVERWRITES] = self._overwrites
            self._room = Line(memoryview(self._counts)[_ROOM_FREE:])

    def subscribe(self) -> "QueueReader":
        if self._readers:
            kept("lending").prepare(self._line)
        else:
            self._line.taken_by = None  # Whoever has read did so with a reader that is closed.
        reader = QueueReader(self)
        self._readers += 1
        return reader

    @micropython.viper
    def push(self, value):
        counts = ptr32(self._counts)
        if not counts[_ROOM_FREE] and counts[_ROOM_KEPT]:
            self._room.renew()
        empty = counts[_ROOM_FREE]
        if counts[_CLOSED] or not (empty or counts[_OVERWRITES]):
            counts[_DROPPED] = (counts[_DROPPED] & _MASK) + 1
            return
        # No jump after the first change: Ctrl-C comes before the value is stored or when all is done.
        if empty:
            if counts[_ASKED]:
                self.wake_first(self._line)
            counts[_ROOM_FREE] = empty - 1
            counts[_FREE] = counts[_FREE] + 1
        self._append(value)
        counts[_PRODUCED] = (counts[_PRODUCED] & _MASK) + 1

    def try_push(self, value) -> None:
        counts = self._counts
        if counts[_CLOSED]:
            raise error(BufferClosed, value, self)
        if not counts[_ROOM_FREE]:
            if counts[_ROOM_KEPT]:
                self._room.renew()
            if not counts[_ROOM_FREE]:
                raise error(BufferFull, value, self)
        self.push(value)

    if not TYPE_CHECKING:

        def push_async(self, value):
            # A coroutine, written as a generator so that it can yield to the scheduler without a helper object.
            counts = self._counts
            if not counts[_ROOM_FREE]:
                room = self._room
                while not counts[_CLOSED] and room.park(self):
                    if self._line.taken_by is current() or not counts[_WATCHED]:
                        look_after(self, value)
                    yield
            if counts[_CLOSED]:
                raise error(BufferClosed, value, self)
            self.push(value)

    def remove(self, task):
        """Called by `Task.cancel` on a producer that waits."""
        self._room.forget(task)

    def close(self) -> None:
        self._room.wake_all()  # First: they wait again if Ctrl-C comes before it is closed.
        super().close()


class Mailbox(BoundedQueue):
    """One slot, for commands. Readers compete for what is in it; a newer value overwrites one not yet read.

    A late reader gets the pending value. Producing never waits and never refuses, and what was overwritten does
    not count as dropped.
    """

    capacity = 1
    _overwrites = True

    if TYPE_CHECKING:

        def __init__(self): ...

    try_push = Buffer.try_push  # `push` always has room.
    push_async = Buffer.push_async


class QueueReader(Reader):
    def __init__(self, buffer: BoundedQueue):
        super().__init__(buffer)
        self._counts = buffer._counts
        self.park = buffer._line.park
        self._line = buffer._line
        self.popleft = buffer._values.popleft

    def has_value(self) -> bool:
        counts = self._counts
        if counts[_KEPT]:
            self._line.renew()
        return counts[_FREE] > 0

    @micropython.viper
    def try_recv(self):
        counts = ptr32(self._counts)
        if not counts[_FREE]:
            if not bool(self.has_value()):
                self.nothing()
        line = self._line
        taken_by = line.taken_by
        if not (taken_by is current() or taken_by is line):  # Else `note` would change nothing.
            line.note()
        # No jump after the first change, as in `push`.
        if counts[_ROOM_ASKED]:
            room = self.buffer._room
            room.wake_first(room)
        counts[_ROOM_FREE] = counts[_ROOM_FREE] + 1
        counts[_FREE] = counts[_FREE] - 1
        counts[_CONSUMED] = (counts[_CONSUMED] & _MASK) + 1
        return self.popleft()

    def close(self) -> None:
        if not self.closed:
            kept("room").leave(self)
