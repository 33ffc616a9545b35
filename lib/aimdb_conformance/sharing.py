"""Who gets a value: every reader, or exactly one."""

import asyncio

from aimdb import BufferClosed, BufferEmpty

from .support import Suite, raises, raises_async, results, settle


class FanOut(Suite):
    def test_every_reader_sees_every_value(self):
        buffer = self.make()
        readers = [buffer.subscribe() for _ in range(3)]
        for value in range(5):
            buffer.push(value)
            assert [reader.try_recv() for reader in readers] == [value] * 3

    async def test_one_push_wakes_every_waiting_reader(self):
        buffer = self.make()
        tasks = [asyncio.create_task(buffer.subscribe().recv()) for _ in range(3)]
        await settle()
        buffer.push(1)
        assert await results(tasks) == [1, 1, 1]

    def test_a_reader_that_does_not_read_holds_up_nobody(self):
        buffer = self.make()
        buffer.subscribe()
        reader = buffer.subscribe()
        for value in range(20):
            buffer.push(value)
            assert reader.try_recv() == value


class Competing(Suite):
    async def test_a_value_goes_to_exactly_one_reader(self):
        buffer = self.make()
        readers = [buffer.subscribe() for _ in range(2)]
        buffer.push(1)
        await self.arrive()
        assert readers[0].try_recv() == 1
        raises(BufferEmpty, readers[1].try_recv)

    async def test_waiting_readers_are_served_first_come_first_served(self):
        buffer = self.make()
        order = []

        async def read(name):
            order.append((name, await buffer.subscribe().recv()))

        tasks = []
        for name in range(4):
            tasks.append(asyncio.create_task(read(name)))
            await settle()
        for value in range(4):
            buffer.push(value)
            await self.arrive()
            await settle()
        assert order == [(0, 0), (1, 1), (2, 2), (3, 3)]
        for task in tasks:
            await task

    async def test_a_woken_reader_that_is_cancelled_passes_the_value_on(self):
        buffer = self.make()
        first = asyncio.create_task(buffer.subscribe().recv())
        await settle()
        second = asyncio.create_task(buffer.subscribe().recv())
        await settle()
        buffer.push(1)
        await self.arrive()
        first.cancel()
        assert await second == 1

    async def test_ready_without_reading_leaves_no_other_reader_asleep(self):
        buffer = self.make()
        first = asyncio.create_task(self._only_look(buffer.subscribe()))
        await settle()
        second = asyncio.create_task(buffer.subscribe().recv())
        await settle()
        buffer.push(1)
        assert await second == 1
        await first

    async def _only_look(self, reader):
        await reader.ready()

    async def test_a_woken_reader_that_is_closed_passes_the_value_on(self):
        buffer = self.make()
        reader = buffer.subscribe()
        first = asyncio.create_task(reader.recv())
        await settle()
        second = asyncio.create_task(buffer.subscribe().recv())
        await settle()
        buffer.push(1)
        await self.arrive()
        reader.close()
        await raises_async(BufferClosed, first)
        assert await second == 1
