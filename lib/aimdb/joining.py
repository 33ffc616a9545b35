"""A record that is computed from several. Loaded when the first transform_join is configured."""

import asyncio

from micropython import const

from .bounded_queue import BoundedQueue
from .buffer import Buffer
from .errors import BufferClosed, BufferEmpty, BufferLagged

_BOARD = const(1)
if not _BOARD:  # So that the board's compiler knows the constant, and stores nothing.
    TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any

_CAPACITY = const(16)
_NOTHING = object()
_ENDS = (Exception, asyncio.CancelledError)  # Made here, because an `except` that makes it needs heap.
_NO_VALUE = (BufferLagged, BufferEmpty)


class Join:
    """What `Record.transform_join` runs: a task for each input hands values over to one queue, which the stage reads.

    Cancel safety: what was taken from the inputs and not read by the stage is for the next run, also if that is of
    another database with the same buffer. IRQ safety: none.
    """

    def __init__(self, keys, stage):
        self.inputs = keys
        self.fn = stage
        self.__name__ = getattr(stage, "__name__", type(stage).__name__)
        self._queue: "Any" = None
        self._taken: "Any" = None  # From each input: a value that is not in the queue yet.
        self._open = 0  # How many inputs are not closed.
        self._task: "Any" = None  # That of the join, until it ends.
        self._error = None  # What ended one of those tasks.

    def __call__(self, record):
        """A coroutine. Raises `TypeError` when the stage does not give one for its two arguments."""
        buffer = self if record.buffer is None else record.buffer  # None is a mistake that is told later.
        if getattr(buffer, "join_state", ())[:1] != (self.inputs,):
            buffer.join_state = self.inputs, BoundedQueue(_CAPACITY), [_NOTHING] * len(self.inputs)
        _, self._queue, self._taken = buffer.join_state
        self._queue.key = "inputs of " + record.key
        inputs = self._queue.subscribe()
        stage = self.fn(inputs, record)
        if not hasattr(stage, "send"):
            raise TypeError("it gives %r" % (stage,))
        return self._run(record, inputs, stage)

    async def _run(self, record, inputs, stage):
        self._task = asyncio.current_task()
        self._open = len(self.inputs)
        self._error = None
        awaited = tasks = []
        readers: list = []
        try:
            for i, key in enumerate(self.inputs):
                if self._queue.closed:
                    break  # In an earlier run all have ended; a new reader of a SingleLatest would get its value anew.
                source = record.db.consumer(key)
                reader = None
                # Now, so that no value is missed; unless the buffer must attach somewhere first.
                if type(source.buffer).subscribe_async is Buffer.subscribe_async:
                    reader = source.subscribe()
                    readers.append(reader)
                tasks.append(asyncio.create_task(self._hand_over(i, source, reader)))
            try:
                await stage
            except asyncio.CancelledError:
                if not self._error:
                    raise
            except KeyboardInterrupt:
                awaited = []  # This task may be in a line already, and must not get into a second one.
                raise
            if self._error:
                raise self._error
            if self._queue.closed:
                record.buffer.close()
        finally:
            self._task = None
            for task in tasks:
                task.cancel()  # First, as all that follows may lack memory.
            for task in awaited:
                try:
                    await task
                except asyncio.CancelledError:
                    pass
            inputs.close()
            for reader in readers:
                reader.close()  # Also if its task has not begun.

    async def _hand_over(self, i, source, reader):
        queue = self._queue
        taken = self._taken
        try:
            if reader is None:
                reader = await source.subscribe_async()
            commit = getattr(reader, "commit", None)
            if commit:
                taken[i] = _NOTHING  # The reader gives it once more.
            try:
                while True:
                    if taken[i] is _NOTHING:
                        await reader.ready()
                        try:
                            taken[i] = reader.try_recv()
                        except _NO_VALUE:
                            continue
                        except BufferClosed:
                            break
                    await queue.push_async((self.inputs[i], taken[i]))
                    taken[i] = _NOTHING
                    if commit:
                        commit()
            finally:
                reader.close()
            self._open -= 1
            if not self._open:
                queue.close()
        except _ENDS as er:
            if self._task:
                self._error = er
                self._task.cancel()
