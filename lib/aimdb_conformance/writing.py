"""What holds for every buffer, whether it can be read or not."""

import asyncio

from aimdb import BufferClosed, BufferEmpty

from .support import Suite, raises, raises_async, settle


class Writing(Suite):
    def test_push_returns_nothing_and_never_raises(self):
        buffer = self.make()
        for value in range(20):
            assert buffer.push(value) is None

    def test_push_on_a_closed_buffer_drops_and_counts(self):
        buffer = self.make()
        buffer.close()
        before = buffer.metrics()
        buffer.push(1)
        after = buffer.metrics()
        assert after.dropped_count == before.dropped_count + 1
        assert after.produced_count == before.produced_count

    def test_try_push_on_a_closed_buffer_hands_the_value_back(self):
        buffer = self.make()
        buffer.close()
        assert raises(BufferClosed, buffer.try_push, 7).value == 7

    async def test_push_async_on_a_closed_buffer_hands_the_value_back(self):
        buffer = self.make()
        buffer.close()
        assert (await raises_async(BufferClosed, buffer.push_async(7))).value == 7

    def test_every_accepted_value_counts_as_produced(self):
        buffer = self.make()
        buffer.push(1)
        assert buffer.metrics().produced_count == 1

    def test_closing_twice_is_closing_once(self):
        buffer = self.make()
        buffer.close()
        buffer.close()
        assert buffer.closed

    async def test_a_reader_that_waits_when_the_buffer_closes_gets_buffer_closed(self):
        buffer = self.make()
        task = asyncio.create_task(buffer.subscribe().recv())
        await settle()
        buffer.close()
        await raises_async(BufferClosed, task)

    async def test_subscribe_async_gives_a_reader(self):
        reader = await self.make().subscribe_async()
        raises(BufferEmpty, reader.try_recv)


class AtOnce(Suite):
    async def test_push_async_with_space_is_done_at_once(self):
        buffer = self.make()
        other = []

        async def watch():
            other.append(1)

        task = asyncio.create_task(watch())
        await buffer.push_async(1)
        assert not other
        await task


class OnArrival(Suite):
    async def test_push_async_is_done_when_its_value_has_arrived(self):
        buffer = self.make()
        self.hold()
        task = asyncio.create_task(buffer.push_async(1))
        await settle()
        assert not task.done()
        await self.arrive()
        await task
