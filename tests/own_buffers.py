"""Buffers as a user would write them, from the least to the most."""

import asyncio

from aimdb import Buffer, BufferClosed, BufferFull
from aimdb.waiting import current_loop


class Log(Buffer):
    """Defines only `push`: values go somewhere and nobody reads them back."""

    def __init__(self):
        super().__init__()
        self.lines = []

    def push(self, value):
        if self.closed:
            self.dropped_count += 1
        else:
            self.produced_count += 1
            self.lines.append(value)


class Largest(Buffer):
    """Can be read: the largest value since the last read."""

    capacity = 1

    def __init__(self):
        super().__init__()
        self.values = []

    def push(self, value):
        if self.closed:
            self.dropped_count += 1
            return
        self.produced_count += 1
        self.values = [max(self.values + [value])]
        self.wake()

    def has_value(self, reader):
        return len(self.values) > 0

    def take(self, reader):
        return self.values.pop()

    def peek(self):
        return self.values[0] if self.values else None

    def held(self):
        return len(self.values)


class Slots(Buffer):
    """Makes producers wait: a few slots, and an `asyncio.Lock` for the line of those who wait."""

    def __init__(self, capacity):
        super().__init__()
        self.capacity = capacity
        self.values = []
        self.produced_count = 0  # Counting needs no heap then, so that what is stored is counted, too.
        self._loop = None
        self._renew()

    def _renew(self):
        # In a new loop, no task releases the old lock, and the tasks that wait for the old event must not run.
        if self._loop is not current_loop():
            self._loop = current_loop()
            self._first = asyncio.Lock()  # Held by the producer that is next to get a slot.
            self._room = asyncio.Event()  # Set by readers and by close.

    def push(self, value):
        try:
            self.try_push(value)
        except (BufferFull, BufferClosed):
            self.dropped_count += 1

    def try_push(self, value):
        if self.closed:
            raise BufferClosed(value, self)
        self._renew()
        if len(self.values) == self.capacity or self._first.locked():
            raise BufferFull(value, self)
        self._store(value)

    async def push_async(self, value):
        self._renew()
        async with self._first:
            while len(self.values) == self.capacity and not self.closed:
                self._room.clear()
                await self._room.wait()
            if self.closed:
                raise BufferClosed(value, self)
            self._store(value)

    def _store(self, value):
        self.values.append(value)
        self.produced_count += 1
        self.wake()

    def has_value(self, reader):
        return len(self.values) > 0

    def take(self, reader):
        self._renew()  # Else the event would wake a producer of a loop that was left.
        self._room.set()
        return self.values.pop(0)

    def peek(self):
        return self.values[0] if self.values else None

    def held(self):
        return len(self.values)

    def close(self):
        super().close()
        self._renew()
        self._room.set()
