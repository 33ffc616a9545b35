from asyncio import core  # type: ignore[attr-defined]

import micropython
from micropython import const

from .buffer import DONE, Reader
from .errors import BufferClosed, BufferFull, SelfDeadlock, error
from .in_memory import InMemory
from .line import Line
from .native import ptr32

TYPE_CHECKING = const(0)  # For editors only: what is below it costs the board nothing.
if TYPE_CHECKING:
    from typing import Any

_PRODUCED = const(0)
_CONSUMED = const(1)
_DROPPED = const(2)
_CLOSED = const(3)
_WAITED = const(4)
_HELD = const(5)
_KEPT = const(6)  # Of the values held: kept for readers who waited.
_OPEN = const(7)  # Up to here `push` stores without asking: _ROOM, or 0 while a reader waits or the queue is closed.
_ROOM = const(8)  # Slots that are not kept for a producer who waited.
_PRODUCER_WAITED = const(9)  # 1 from the first producer on that has waited.
_ONE_READS = const(10)  # 1 until a second task reads.
_OVERWRITES = const(11)  # 1: a full queue takes a value all the same, in place of the last one.
_MASK = const(0x1FFFFFFF)


class BoundedQueue(InMemory):
    """Up to `capacity` values in order, none of which is ever overwritten. Readers compete for them.

    When it is full `produce` drops the value and counts it, `try_produce` raises `BufferFull`, and `produce_async`
    waits for a slot, first come, first served. A task that would wait for ever, because nobody else has read the
    queue so far and no other reader is attached, gets `SelfDeadlock` instead.

    Raises `TypeError` or `ValueError` when `capacity` is not an int of at least 1.
    """

    def __init__(self, capacity: int):
        super().__init__(capacity, 0, 0, capacity, capacity, 0, 1, 0)
        self._store = self._store  # The interpreter finds it ten times as fast.
        self._line = _ValuesLine()  # Of the readers.
        self._line.owner = self
        self._waiting = self._line.tasks
        self._slots: Any = None  # The line of the producers, from the first one on that waits.
        self._readers = 0  # Attached and not closed.
        self._read_by = None  # The only task that has read so far; None: no task has, or several have.

    @micropython.viper
    def push(self, value):
        counts = ptr32(self._counts)
        if counts[_HELD] < counts[_OPEN]:
            self._values.append(value)
            counts[_HELD] += 1
            counts[_PRODUCED] = (counts[_PRODUCED] & _MASK) + 1
            return
        if counts[_OPEN] == 0:  # Else it is full.
            if self._store(value):
                return
        counts[_DROPPED] += 1

    def try_push(self, value) -> None:
        if not self._store(value):
            raise error(BufferClosed if self.closed else BufferFull, value, self)

    def push_async(self, value):
        # A coroutine, written as a generator so that it can yield to the scheduler without a helper object.
        if not self._store(value):
            if not self.closed:
                self._wait_for_slot(value)
                yield
                self._have_slot(value)
            if not self._store(value):
                raise error(BufferClosed, value, self)

    @micropython.viper
    def _store(self, value) -> bool:
        # False when there is no slot, or the queue is closed.
        counts = ptr32(self._counts)
        if counts[_CLOSED]:
            return False
        if counts[_HELD] < counts[_ROOM]:
            counts[_HELD] += 1
        elif counts[_OVERWRITES] == 0:
            return False
        self._values.append(value)
        counts[_PRODUCED] = (counts[_PRODUCED] & _MASK) + 1
        if counts[_OPEN] == 0:
            waiting = self._waiting
            if not waiting.peek():
                counts[_OPEN] = counts[_ROOM]
            elif counts[_KEPT] < counts[_HELD]:
                # As self._line.grant(), without the call.
                counts[_KEPT] += 1
                task = waiting.pop()
                core._task_queue.push(task)
                task.data = self._line
        return True

    def _wait_for_slot(self, value):
        if self._readers < 2 and self._read_by is core.cur_task:
            raise error(SelfDeadlock, value, self)
        if self._slots is None:
            self._slots = _SlotsLine()
            self._slots.owner = self
            self._producers = self._slots.tasks
            self._counts[_PRODUCER_WAITED] = 1
        task = core.cur_task
        self._producers.push(task)
        task.data = self._producers  # Has the `remove` that Task.cancel calls.

    def _have_slot(self, value):
        # The running task has waited for a slot. It was granted one, the queue was closed, or there is no hope.
        task = core.cur_task
        if task.data is self._slots:
            task.data = None
            self._slot_free()
        elif not self.closed:
            raise error(SelfDeadlock, value, self)

    def _read_by_another(self):
        if self._read_by is None:
            self._read_by = core.cur_task
        else:
            self._read_by = None
            self._counts[_ONE_READS] = 0

    def _slot_free(self):
        counts = self._counts
        counts[_ROOM] += 1
        if counts[_OPEN]:
            counts[_OPEN] += 1

    def _settle(self):
        # What there is goes to those who wait longest: values to readers, slots to producers.
        counts = self._counts
        while counts[_KEPT] < counts[_HELD] and self._line.grant():
            counts[_KEPT] += 1
        slots = self._slots
        while slots is not None and counts[_HELD] < counts[_ROOM] and slots.grant():
            counts[_ROOM] -= 1
            if counts[_OPEN]:
                counts[_OPEN] -= 1

    def subscribe(self) -> "QueueReader":
        self._readers += 1
        if self._readers == 2:
            self._line.prepare()
        return QueueReader(self)

    def peek(self):
        return self._values[0] if self._values else None

    def close(self) -> None:
        self._counts[_OPEN] = 0
        super().close()
        if self._slots is not None:
            tasks = self._slots.tasks
            while tasks.peek():
                core._task_queue.push(tasks.pop())


class QueueReader(Reader):
    def __init__(self, buffer: BoundedQueue):
        super().__init__(buffer)
        self._counts = buffer._counts
        self._line = buffer._line
        self._waiting = buffer._waiting

    def has_value(self) -> bool:
        counts = self._counts
        return counts[_KEPT] < counts[_HELD]

    @micropython.viper
    def _park(self) -> bool:
        counts = ptr32(self._counts)
        if counts[_KEPT]:
            task = core.cur_task
            if task.data is self._line:  # A value is kept for it.
                task.data = None
                counts[_KEPT] -= 1
                if self.closed:
                    self.buffer._settle()
                return False
        if counts[_KEPT] < counts[_HELD] or counts[_CLOSED]:
            return False
        if self.closed:
            return False
        counts[_OPEN] = 0
        task = core.cur_task
        waiting = self._waiting
        waiting.push(task)
        task.data = waiting  # Has the `remove` that Task.cancel calls.
        return True

    @micropython.viper
    def try_recv(self):
        counts = ptr32(self._counts)
        if counts[_KEPT] >= counts[_HELD]:
            self._nothing()
        if self.closed:
            self._nothing()
        buffer = self.buffer
        if counts[_ONE_READS]:
            if buffer._read_by is not core.cur_task:
                buffer._read_by_another()
        value = buffer._values.popleft()
        counts[_HELD] -= 1
        counts[_CONSUMED] = (counts[_CONSUMED] & _MASK) + 1
        if counts[_PRODUCER_WAITED]:
            waiting = buffer._producers
            if waiting.peek():
                # As buffer._slots.grant(), without the call.
                counts[_ROOM] -= 1
                if counts[_OPEN]:
                    counts[_OPEN] -= 1
                task = waiting.pop()
                core._task_queue.push(task)
                task.data = buffer._slots
        return value

    @micropython.native
    def _look(self, _):
        if self._park():
            return True
        if self._line.tasks.peek():
            self._line.settle_later()  # The task may leave the value where it is.
        DONE.__traceback__ = None
        raise DONE

    def close(self) -> None:
        if not self.closed:
            super().close()
            buffer = self.buffer
            buffer._readers -= 1
            # The only task that has read may wait for space, which now nobody can make.
            task, slots = buffer._read_by, buffer._slots
            if buffer._readers < 2 and task and slots is not None and task.data is slots.tasks:
                slots.tasks.remove(task)
                core._task_queue.push(task)


class _ValuesLine(Line):
    _entry = None  # The scheduler's handle on this line, for `settle_later`.
    _queue = None  # The scheduler's queue that it is on.

    def returned(self):
        self.owner._counts[_KEPT] -= 1
        self.owner._settle()

    def prepare(self):
        # So that settle_later needs no heap.
        self._entry = core.Task(self)
        self._queue = None

    def settle_later(self):
        # After the running task.
        if self._queue is not core._task_queue:
            if self._entry is None:
                self.prepare()
            self._queue = core._task_queue
            self._queue.push(self._entry)

    def send(self, _):
        # Called by the scheduler, as for a coroutine.
        self._queue = None
        self.owner._settle()


class _SlotsLine(Line):
    def returned(self):
        self.owner._slot_free()
        self.owner._settle()
