from asyncio import core  # type: ignore[attr-defined]

import micropython
from micropython import const

from .buffer import DONE, Reader
from .errors import BufferClosed, BufferFull, SelfDeadlock, error
from .in_memory import InMemory, ptr32
from .line import Line

TYPE_CHECKING = const(0)  # For editors only: what is below it costs the board nothing.
if TYPE_CHECKING:
    from typing import Any

_PRODUCED = const(0)
_CONSUMED = const(1)
_DROPPED = const(2)
_CLOSED = const(3)
_WAITED = const(4)
_CAPACITY = const(5)
_HELD = const(6)
_KEPT = const(7)  # Of the values held: kept for readers who waited.
_ROOM = const(8)  # A push is refused when so many are held: the slots not kept for a producer who waited; 0 if closed.
_PRODUCER_WAITED = const(9)  # 1 from the first producer on that has waited.
_ONE_READS = const(10)  # 1 until a second task reads.
_REFUSED = const(11)  # 1 when the last push was.
_MASK = const(0x1FFFFFFF)


class BoundedQueue(InMemory):
    """Up to `capacity` values in order, none of which is ever overwritten. Readers compete for them.

    When it is full `produce` drops the value and counts it, `try_produce` raises `BufferFull`, and `produce_async`
    waits for a slot, first come, first served. A task that would wait for ever, because nobody else has read the
    queue so far and no other reader is attached, gets `SelfDeadlock` instead.

    Raises `TypeError` or `ValueError` when `capacity` is not an int of at least 1.
    """

    def __init__(self, capacity: int):
        super().__init__(capacity, 0, 0, capacity, 0, 1, 0)
        self._line = Line(self)  # Of the readers, for values.
        self._waiting = self._line.tasks
        self._slots: Any = None  # The line of the producers, from the first one on that waits.
        self._readers = 0  # Attached and not closed.
        self._read_by = None  # The only task that has read so far; None: no task has, or several have.
        self._entry: Any = None  # The scheduler's handle on this queue, for `settle_later`.
        self._queue: Any = None  # The scheduler's queue that it is on.

    @micropython.viper
    def push(self, value):
        counts = ptr32(self._counts)
        held = counts[_HELD]
        if held >= counts[_ROOM]:
            counts[_DROPPED] = (counts[_DROPPED] & _MASK) + 1
            counts[_REFUSED] = 1
            return
        counts[_REFUSED] = 0
        self._values.append(value)
        if held < counts[_CAPACITY]:  # Else a mailbox, in which the new value is now in the place of the old one.
            counts[_HELD] = held + 1
        counts[_PRODUCED] = (counts[_PRODUCED] & _MASK) + 1
        if counts[_WAITED]:
            waiting = self._waiting
            if not waiting.peek():
                counts[_WAITED] = 0
            elif counts[_KEPT] < counts[_HELD]:
                # As self._line.grant(), without the call.
                counts[_KEPT] += 1
                task = waiting.pop()
                core._task_queue.push(task)
                task.data = self._line

    def try_push(self, value) -> None:
        self.push(value)
        if self._counts[_REFUSED]:
            self._counts[_DROPPED] -= 1  # The caller is told instead.
            raise error(BufferClosed if self.closed else BufferFull, value, self)

    def push_async(self, value):
        # A coroutine, written as a generator so that it can yield to the scheduler without a helper object.
        self.push(value)
        while self._counts[_REFUSED]:
            self._wait_for_slot(value)
            yield
            self._have_slot(value)

    def _wait_for_slot(self, value):
        # Of the running task, whose push was refused.
        counts = self._counts
        counts[_DROPPED] -= 1
        task = core.cur_task
        if self.closed:
            raise error(BufferClosed, value, self)
        if self._readers < 2 and self._read_by is task:
            raise error(SelfDeadlock, value, self)
        if self._slots is None:
            self._slots = Line(self)
            self._producers = self._slots.tasks
            counts[_PRODUCER_WAITED] = 1
        self._producers.push(task)
        task.data = self._producers  # Has the `remove` that Task.cancel calls.

    def _have_slot(self, value):
        # The running task has waited for a slot. It was granted one, the queue was closed, or there is no hope.
        task = core.cur_task
        granted = task.data is self._slots
        if granted:
            task.data = None
        if not self.closed:
            if not granted:
                raise error(SelfDeadlock, value, self)
            self._counts[_ROOM] += 1
        self.push(value)

    def returned(self, line: Line) -> None:
        """Called by a line: what was kept for a task that was cancelled goes to the next one.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        if line is self._line:
            self._counts[_KEPT] -= 1
        elif not self.closed:
            self._counts[_ROOM] += 1
        self._settle()

    def _settle(self):
        # What there is goes to those who wait longest: values to readers, slots to producers.
        counts = self._counts
        while counts[_KEPT] < counts[_HELD] and self._line.grant():
            counts[_KEPT] += 1
        slots = self._slots
        while slots is not None and counts[_HELD] < counts[_ROOM] and slots.grant():
            counts[_ROOM] -= 1

    def settle_later(self) -> None:
        """Settle after the running task: it may leave a value where it is, which is for the next reader then.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        if self._queue is not core._task_queue:
            if self._entry is None:
                self._entry = core.Task(self)
            self._queue = core._task_queue
            self._queue.push(self._entry)

    def send(self, _) -> None:
        """Called by the scheduler, as for a coroutine.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        self._queue = None
        self._settle()

    def _read_by_another(self):
        if self._read_by is None:
            self._read_by = core.cur_task
        else:
            self._read_by = None
            self._counts[_ONE_READS] = 0

    def subscribe(self) -> "QueueReader":
        self._readers += 1
        if self._readers == 2:
            self._entry = core.Task(self)  # Now, so that settle_later needs no heap.
        return QueueReader(self)

    def peek(self):
        return self._values[0] if self._values else None

    def close(self) -> None:
        self._counts[_ROOM] = 0
        super().close()
        slots = self._slots
        while slots is not None and slots.grant():
            pass  # To find out.


class Mailbox(BoundedQueue):
    """One slot, for commands. Readers compete for what is in it; a newer value overwrites one not yet read.

    A late reader gets the pending value. Producing never waits and never refuses, and what was overwritten does
    not count as dropped.
    """

    def __init__(self):
        super().__init__(1)
        self._counts[_ROOM] = 2  # For one more than it has slots.


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
        counts[_WAITED] = 1
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
                task = waiting.pop()
                core._task_queue.push(task)
                task.data = buffer._slots
        return value

    @micropython.native
    def _look(self, _):
        if self._park():
            return True
        if self._waiting.peek():
            self.buffer.settle_later()
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
