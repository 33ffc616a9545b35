from array import array
from asyncio import core  # type: ignore[attr-defined]

import micropython
from micropython import const

from .buffer import DONE, Reader
from .errors import BufferClosed, SelfDeadlock, error
from .in_memory import InMemory, ptr32
from .line import Line

_EDITOR = const(0)  # For editors only: what is below it costs the board nothing.
if _EDITOR:
    from typing import Any

_PRODUCED = const(0)
_CONSUMED = const(1)
_CLOSED = const(3)
_CAPACITY = const(4)
_HELD = const(5)
_ROOM = const(6)
_WAITED = const(7)
_COMPETE = const(4)  # The state of _WAITED from which on readers compete.
_DETACHED = const(6)  # In the counts that a closed reader sees.
_KEPT = const(8)  # Of the values held: kept for readers who waited.
_PROMISED = const(9)  # Of the values kept: the one for a reader that was woken when it was alone.
_READ_BY = const(10)  # 1: look which task reads. 2: it was seen, of the next to read. 0: no more, several tasks do.
_ASKED = const(11)  # 1: a producer may wait for a slot.
_MASK = const(0x1FFFFFFF)


class BoundedQueue(InMemory):
    """Up to `capacity` values in order, none of which is ever overwritten. Readers compete for them.

    When it is full `produce` drops the value and counts it, `try_produce` raises `BufferFull`, and `produce_async`
    waits for a slot, first come, first served. A task that would wait for ever, because nobody else has read the
    queue so far and no other reader is attached, gets `SelfDeadlock` instead.

    Raises `TypeError` or `ValueError` when `capacity` is not an int of at least 1.
    """

    # As long as there is one reader, a value need not be kept for it. The second one ends that for good.

    _places = 12
    _room = 0  # Nothing is overwritten.
    _line: "Any" = None  # A `Competition` from the second reader on.
    _slots: "Any" = None  # A `Line` of the producers, for slots, from the first one on that waits.

    def __init__(self, capacity: int):
        super().__init__(capacity)
        self._counts[_READ_BY] = 1
        self._readers = 0  # Attached and not closed.
        self._read_by = None  # The only task that reads, as far as was seen; None: no task does, or several do.

    def subscribe(self) -> "QueueReader":
        if not self._readers:
            self._read_by = None  # Who has read had another reader.
        elif self._line is None:
            from .competition import Competition  # Here, so that who has one reader has none of it in RAM.

            self._line = Competition(self)
        reader = QueueReader(self)
        self._readers += 1
        return reader

    def peek(self):
        return self._values[0] if self._values else None

    # Producers

    push = InMemory.push  # The interpreter finds it sooner.

    def push_async(self, value):
        # A coroutine, written as a generator so that it can yield to the scheduler without a helper object.
        while self._park_with(value):
            yield

    @micropython.viper
    def _park_with(self, value) -> bool:
        # Store the value, or put the running task where a free slot finds it, to be followed by a yield.
        counts = ptr32(self._counts)
        if counts[_ROOM] < counts[_CAPACITY]:
            task = core.cur_task
            if task.data is self._slots:  # A slot is kept for it.
                task.data = None
                if counts[_CLOSED] == 0:
                    counts[_ROOM] += 1
        held = counts[_HELD]
        if held < counts[_ROOM]:
            if held == counts[_CAPACITY] or (counts[_WAITED] & 1) == 1:
                self.push(value)
            else:  # As push, without the call.
                self._append(value)
                counts[_HELD] = held + 1
                counts[_PRODUCED] = (counts[_PRODUCED] & _MASK) + 1
            return False
        task = core.cur_task
        if counts[_READ_BY]:
            if self._read_by is task:
                self._may_not_wait(value)
        if counts[_CLOSED]:
            self._may_not_wait(value)
        if counts[_ASKED] == 0:
            self._first_asks()
        slots = self._producers
        slots.push(task)
        task.data = slots  # Has the `remove` that Task.cancel calls.
        return True

    def _may_not_wait(self, value):
        # Perhaps not: it is closed, or the running task is the only one that reads.
        if self.closed:
            raise error(BufferClosed, value, self)
        if self._readers < 2 and self._counts[_CONSUMED]:
            raise error(SelfDeadlock, value, self)

    def _first_asks(self):
        if self._slots is None:
            self._producers = core.TaskQueue()
            self._slots = Line(self, self._producers)
        self._counts[_ASKED] = 1

    def returned(self, _) -> None:
        """Called by `_slots`: the slot that was kept for a producer who was cancelled goes to the next one.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        counts = self._counts
        if not self.closed:
            counts[_ROOM] += 1
            if counts[_HELD] < counts[_ROOM] and self._slots.grant():
                counts[_ROOM] -= 1

    def close(self) -> None:
        super().close()
        slots = self._slots
        while slots is not None and slots.grant():
            pass  # Each producer runs, is refused, and raises BufferClosed.


class Mailbox(BoundedQueue):
    """One slot, for commands. Readers compete for what is in it; a newer value overwrites one not yet read.

    A late reader gets the pending value. Producing never waits and never refuses, and what was overwritten does
    not count as dropped.
    """

    _room = 1

    def __init__(self):
        super().__init__(1)


class QueueReader(Reader):
    def __init__(self, buffer: BoundedQueue):
        super().__init__(buffer)
        self._counts = buffer._counts
        self._waiting = buffer._waiting
        self._popleft = buffer._values.popleft
        self._task = None  # The last one that was seen to read with it.

    def has_value(self) -> bool:
        counts = self._counts
        return counts[_KEPT] < counts[_HELD]

    @micropython.viper
    def _park(self) -> bool:
        counts = ptr32(self._counts)
        waited = counts[_WAITED]
        if waited >= _COMPETE:
            if waited == _DETACHED or counts[_PROMISED]:
                if self._need_not_wait():
                    return False
            if counts[_KEPT]:
                task = core.cur_task
                if task.data is self.buffer._line:  # A value is kept for it.
                    task.data = None
                    counts[_KEPT] -= 1
                    return False
            if counts[_KEPT] < counts[_HELD] or counts[_CLOSED]:
                return False
            counts[_WAITED] = 5
        elif counts[_HELD] or counts[_CLOSED]:
            counts[_WAITED] = 0
            return False
        else:
            counts[_WAITED] = 3 if waited & 1 else 1
        task = core.cur_task
        if counts[_READ_BY]:
            counts[_READ_BY] = 2
            if self._task is not task:
                self._notice(task)
        waiting = self._waiting
        waiting.push(task)
        task.data = waiting  # Has the `remove` that Task.cancel calls.
        return True

    def _notice(self, task):
        self._task = task
        buffer = self.buffer
        if buffer._read_by is None:
            buffer._read_by = task
        elif buffer._read_by is not task:
            buffer._read_by = None
            self._counts[_READ_BY] = 0

    def _need_not_wait(self):
        # Of a reader that is closed, or while a value is promised.
        buffer = self.buffer
        counts = buffer._counts
        task = core.cur_task
        if self.closed:
            if counts[_KEPT] and task.data is buffer._line:
                task.data = None
                buffer._line.returned(None)
            return True
        if task is buffer._read_by:
            counts[_KEPT] -= 1
            counts[_PROMISED] = 0
            return True
        return False

    @micropython.viper
    def try_recv(self):
        counts = ptr32(self._counts)
        if counts[_KEPT] >= counts[_HELD]:
            self._nothing()
        if counts[_READ_BY] == 1:
            if self._task is not core.cur_task:
                self._notice(core.cur_task)
        elif counts[_READ_BY]:
            counts[_READ_BY] = 1
        value = self._popleft()
        counts[_HELD] -= 1
        counts[_CONSUMED] = (counts[_CONSUMED] & _MASK) + 1
        if counts[_ASKED]:
            buffer = self.buffer
            waiting = buffer._producers
            if waiting.peek():
                # As buffer._slots.grant(), without the call.
                counts[_ROOM] -= 1
                task = waiting.pop()
                core._task_queue.push(task)
                task.data = buffer._slots
            else:
                counts[_ASKED] = 0
        return value

    @micropython.native
    def _look(self, _):
        if self._park():
            return True
        if self._counts[_WAITED] > _COMPETE and self._waiting.peek():
            line = self.buffer._line
            if line is not None:  # None: this reader was the only one, and is closed.
                line.settle_later()
        DONE.__traceback__ = None
        raise DONE

    def close(self) -> None:
        if not self.closed:
            self._counts = array("i", bytes(4 * len(self._counts)))  # Nothing is held, for this reader.
            self._counts[_WAITED] = _DETACHED
            super().close()
            buffer = self.buffer
            buffer._readers -= 1
            # The only task that has read may wait for space, which now nobody can make.
            task, slots = buffer._read_by, buffer._slots
            if buffer._readers < 2 and task and slots is not None and task.data is slots.tasks:
                slots.tasks.remove(task)
                core._task_queue.push(task)
