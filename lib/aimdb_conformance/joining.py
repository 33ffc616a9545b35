"""What a reader gets that subscribes late."""

from aimdb import BufferClosed, BufferEmpty

from .support import Suite, raises


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
