"""What a reader gets that subscribes late, and what tasks of a loop leave behind that was left."""

import asyncio

from aimdb import BufferClosed, BufferEmpty, BufferLagged
from aimdb.waiting import current

from .support import Suite, drain, raises, settle


class Late(Suite):
    async def test_a_late_reader_gets_what_is_held_once(self):
        buffer = self.make()
        buffer.push(1)
        await self.arrive()
        reader = buffer.subscribe()
        assert reader.try_recv() == 1
        raises(BufferEmpty, reader.try_recv)

    async def test_a_late_reader_of_a_closed_buffer_gets_what_is_held(self):
        buffer = self.make()
        buffer.push(1)
        await self.arrive()
        buffer.close()
        reader = buffer.subscribe()
        assert reader.try_recv() == 1
        raises(BufferClosed, reader.try_recv)

    async def test_peek_shows_the_next_value(self):
        buffer = self.make()
        buffer.push(1)
        await self.arrive()
        assert buffer.peek() == 1

    async def test_peek_shows_the_next_of_several_values(self):
        buffer = self.make()
        buffer.push(1)
        buffer.push(2)
        await self.arrive()
        shown = buffer.peek()
        assert buffer.subscribe().try_recv() == shown


class NothingOld(Suite):
    async def test_a_late_reader_gets_nothing_old(self):
        buffer = self.make()
        buffer.push(1)
        await self.arrive()
        reader = buffer.subscribe()
        raises(BufferEmpty, reader.try_recv)
        buffer.push(2)
        await self.arrive()
        assert reader.try_recv() == 2

    async def test_a_late_reader_of_a_closed_buffer_gets_buffer_closed(self):
        buffer = self.make()
        buffer.push(1)
        await self.arrive()
        buffer.close()
        raises(BufferClosed, buffer.subscribe().try_recv)


class Leaving(Suite):
    def test_tasks_of_a_loop_that_was_left_hold_up_nobody(self):
        if current() is not None:
            return  # It runs in a loop, as by `run_all`, and cannot leave that.
        for wait in (self._write, self._read):
            buffer = self.make()
            asyncio.run(self._begin(wait, buffer))
            asyncio.new_event_loop()
            reader = buffer.subscribe()
            drain(reader)
            asyncio.run(self._go_on(buffer, reader))
            asyncio.new_event_loop()

    async def _begin(self, wait, buffer):
        asyncio.create_task(wait(buffer))
        await settle()

    async def _write(self, buffer, first=0):
        for value in range(first, first + 50):
            await buffer.push_async(value)

    async def _read(self, buffer):
        await buffer.subscribe().recv()

    async def _go_on(self, buffer, reader):
        await self._begin(lambda buffer: self._write(buffer, 100), buffer)
        value = 0
        while value != 149:
            try:
                value = await reader.recv(timeout_ms=1000)
                assert value >= 100, "a task of the loop that was left has written"
            except BufferLagged:
                pass
