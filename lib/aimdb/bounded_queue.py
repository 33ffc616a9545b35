import micropython
from micropython import const

from .buffer import Reader, done, none
from .errors import BufferClosed, BufferFull, error
from .in_memory import InMemory
from .waiting import Line, current, ptr32

_BOARD = const(1)
if not _BOARD:  # So that the board's compiler knows the constant, and stores nothing.
    TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any

# The places in `_counts`, which all tasks change between two yields. See docs/states.md.
_PRODUCED = const(0)
_CONSUMED = const(1)
_DROPPED = const(2)
_CLOSED = const(3)
_OVERWRITES = const(4)  # 1: a value for which no slot is empty takes the place of the one held.
# The line of the readers:
_FILLED = const(5)  # How many values are free.
_ASKED = const(6)  # 1: a reader waits.
_KEPT = const(7)  # How many values are kept for readers that were woken.
_LENT = const(8)  # Not 0: a value is or was lent.
_NOTE = const(9)  # 1: who takes a value calls `note`. 2: the task that parked last need not. 0: never again.
# The line of the producers:
_EMPTY = const(11)  # How many slots are free.
_WANTED = const(12)  # 1: a producer waits.
_RESERVED = const(13)  # How many slots are kept for producers that were woken.
_MASK = const(0x1FFFFFFF)  # A counter goes from 0 to 2**29, and on from 1, so that it is a small int on all boards.


class BoundedQueue(InMemory):
    """Up to `capacity` values in order, none of which is ever overwritten. Readers compete for them.

    When it is full `produce` drops the value and counts it, `try_produce` raises `BufferFull`, and `produce_async`
    waits for a slot, first come, first served. A task that would wait for ever, because nobody else has read the
    queue so far and no other reader is attached, gets `SelfDeadlock` instead. A reader that was forgotten and not
    closed counts as attached.

    Raises `TypeError` or `ValueError` when `capacity` is not an int of at least 1.
    """

    # Two semaphores, as in the textbooks: filled slots for readers, empty ones for producers.

    watched = None  # The loop in which a `Complaint` looks after the producers that wait.

    def __init__(self, capacity: int):
        super().__init__(capacity)
        self._grant = self._line.grant
        self._room = Line(self._counts, _EMPTY)
        self._counts[_EMPTY] = capacity
        self._readers = 0  # Attached and not closed.

    def subscribe(self) -> "QueueReader":
        if self._readers:
            self._line.prepare_to_lend()
        else:
            self._line.begin()  # Whoever has read did so with a reader that is closed.
        reader = QueueReader(self)
        self._readers += 1
        return reader

    def peek(self) -> "Any":
        return self._values[0] if self._values else None

    @micropython.viper
    def push(self, value):
        counts = ptr32(self._counts)
        if counts[_CLOSED] == 0:
            if counts[_EMPTY] == 0:
                if counts[_OVERWRITES]:
                    self._append(value)
                    counts[_PRODUCED] = (counts[_PRODUCED] & _MASK) + 1
                    return
                if counts[_RESERVED]:
                    self._room.settle()
            if counts[_EMPTY]:
                counts[_EMPTY] -= 1
                self._append(value)
                counts[_PRODUCED] = (counts[_PRODUCED] & _MASK) + 1
                if counts[_ASKED]:
                    self._grant()
                else:
                    counts[_FILLED] += 1
                return
        counts[_DROPPED] = (counts[_DROPPED] & _MASK) + 1

    def try_push(self, value) -> None:
        counts = self._counts
        if counts[_CLOSED]:
            raise error(BufferClosed, value, self)
        if not counts[_EMPTY] and not counts[_OVERWRITES]:
            self._room.settle()
            if not counts[_EMPTY]:
                raise error(BufferFull, value, self)
        self.push(value)

    def push_async(self, value):
        # A coroutine, written as a generator so that it can yield to the scheduler without a helper object.
        counts = self._counts
        if not counts[_EMPTY] and not counts[_OVERWRITES]:
            while self._room.park(self):
                if self._line.taken_by is current() and self._is_hopeless():
                    self._room.forget(current())
                    from .mistakes import SelfDeadlock

                    raise SelfDeadlock(value, self)
                if self.watched is not self._room.loop:
                    self._watch()
                yield
        if counts[_CLOSED]:
            raise error(BufferClosed, value, self)
        self.push(value)

    def remove(self, task):
        """Called by `Task.cancel` on a producer that waits."""
        self._room.forget(task)

    def _is_hopeless(self):
        # Whether nobody else can make room for the task that alone has read.
        return self._readers < 2 and not self._counts[_KEPT]

    def _name_deadlock(self):
        # Have the task that waits in vain look again.
        if self._is_hopeless():
            self._room.wake_task(self._line.taken_by, self)

    def _watch(self):
        try:
            from .complaint import watch_room

            self.watched = watch_room(self)
        except MemoryError:
            pass

    def has_waiting_producers(self) -> bool:
        """Whether a producer waits for space."""
        return self._counts[_WANTED] > 0

    def close(self) -> None:
        super().close()
        self._room.close()


class Mailbox(BoundedQueue):
    """One slot, for commands. Readers compete for what is in it; a newer value overwrites one not yet read.

    A late reader gets the pending value. Producing never waits and never refuses, and what was overwritten does
    not count as dropped.
    """

    def __init__(self):
        super().__init__(1)
        self._counts[_OVERWRITES] = 1


class QueueReader(Reader):
    def __init__(self, buffer: BoundedQueue):
        super().__init__(buffer)
        self._counts = buffer._counts
        self.park = buffer._line.park
        self._note = buffer._line.note
        self._popleft = buffer._values.popleft

    def has_value(self) -> bool:
        self.buffer._line.settle()
        return self._counts[_FILLED] > 0

    @micropython.viper
    def try_recv(self):
        counts = ptr32(self._counts)
        if counts[_LENT]:
            self.buffer._line.settle()
        if counts[_FILLED] == 0:
            if counts[_KEPT]:
                self.buffer._line.settle()
            if counts[_FILLED] == 0:
                self.nothing()
        counts[_FILLED] -= 1
        if counts[_NOTE]:
            if counts[_NOTE] == 1:
                self._note()
            else:
                counts[_NOTE] = 1
        value = self._popleft()
        counts[_CONSUMED] = (counts[_CONSUMED] & _MASK) + 1
        if counts[_WANTED]:
            self.buffer._room.grant()
        else:
            counts[_EMPTY] += 1
        return value

    @micropython.viper
    def look(self, _) -> bool:
        if self.park(self):
            return True
        counts = ptr32(self._counts)
        if counts[_NOTE]:
            counts[_NOTE] = 1  # Another task may take the value.
        if counts[_ASKED] and counts[_FILLED]:
            self.buffer._line.lend()
        done.__traceback__ = none
        raise done

    def close(self) -> None:
        if not self.closed:
            leave = self._leave
            super().close()
            self.park = leave
            self.buffer._readers -= 1
            self.buffer._name_deadlock()

    def _leave(self, _):
        # Stands in for `park` once the reader is closed.
        self.buffer._line.give_up()
        self.buffer._name_deadlock()
        return False
