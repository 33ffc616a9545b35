"""What happens when the buffer is full."""

import asyncio

from aimdb import BufferClosed, BufferFull

from .support import Suite, drain, raises, raises_async, settle


class Overwriting(Suite):
    async def test_a_full_buffer_accepts_and_keeps_the_newest(self):
        buffer = self.make()
        reader = buffer.subscribe()
        for value in range(20):
            buffer.push(value)
            buffer.try_push(value)
            await buffer.push_async(value + 100)
        assert drain(reader)[-1] == 119

    def test_what_was_missed_is_counted_by_the_reader_and_the_buffer(self):
        buffer = self.make()
        reader = buffer.subscribe()
        for value in range(20):
            buffer.push(value)
        values = drain(reader)
        assert reader.lagged in (0, 20 - len(values))
        assert buffer.metrics().dropped_count == reader.lagged


class Refusing(Suite):
    def _full(self):
        buffer = self.make()
        self.hold()
        for value in range(buffer.capacity):
            buffer.try_push(value)
        return buffer

    async def _make_room(self, reader):
        await self.arrive()
        return reader.try_recv()

    async def test_push_on_a_full_buffer_drops_the_value_and_counts_it(self):
        buffer = self._full()
        reader = buffer.subscribe()
        buffer.push(99)
        assert buffer.metrics().dropped_count == 1
        await self.arrive()
        assert drain(reader) == list(range(buffer.capacity))

    async def test_try_push_on_a_full_buffer_hands_the_value_back(self):
        buffer = self._full()
        reader = buffer.subscribe()
        assert raises(BufferFull, buffer.try_push, 99).value == 99
        assert buffer.metrics().dropped_count == 0
        await self.arrive()
        assert drain(reader) == list(range(buffer.capacity))

    def test_two_refusals_hold_their_own_values(self):
        buffer = self._full()
        first = raises(BufferFull, buffer.try_push, 98)
        second = raises(BufferFull, buffer.try_push, 99)
        assert (first.value, second.value) == (98, 99)

    async def test_push_async_on_a_full_buffer_waits_for_a_slot(self):
        buffer = self._full()
        reader = buffer.subscribe()
        task = asyncio.create_task(buffer.push_async(99))
        await settle()
        assert not task.done()
        await self._make_room(reader)
        await task
        await self.arrive()
        assert drain(reader)[-1] == 99

    async def test_waiting_producers_are_served_first_come_first_served(self):
        buffer = self._full()
        reader = buffer.subscribe()
        tasks = []
        for value in range(100, 104):
            tasks.append(asyncio.create_task(buffer.push_async(value)))
            await settle()
        received = [await self._make_room(reader)]
        await settle()
        for _ in range(buffer.capacity + 3):
            received.append(await reader.recv())
            await settle()
        assert received == list(range(buffer.capacity)) + [100, 101, 102, 103]
        for task in tasks:
            await task

    async def test_a_newcomer_does_not_overtake_a_waiting_producer(self):
        buffer = self._full()
        reader = buffer.subscribe()
        task = asyncio.create_task(buffer.push_async(99))
        await settle()
        await self._make_room(reader)
        assert raises(BufferFull, buffer.try_push, 100).value == 100
        await task
        await self.arrive()
        assert drain(reader)[-1] == 99

    async def test_a_cancelled_producer_has_stored_nothing(self):
        buffer = self._full()
        reader = buffer.subscribe()
        for woken in (False, True):
            task = asyncio.create_task(buffer.push_async(99))
            await settle()
            if woken:
                await self._make_room(reader)
            task.cancel()
            await raises_async(asyncio.CancelledError, task)
        await self.arrive()
        assert 99 not in drain(reader)
        buffer.try_push(100)

    async def test_a_woken_producer_that_is_cancelled_passes_the_slot_on(self):
        buffer = self._full()
        reader = buffer.subscribe()
        first = asyncio.create_task(buffer.push_async(98))
        await settle()
        second = asyncio.create_task(buffer.push_async(99))
        await settle()
        await self._make_room(reader)
        first.cancel()
        await second
        await self.arrive()
        assert drain(reader)[-1] == 99

    async def test_closing_hands_waiting_producers_their_value_back(self):
        buffer = self._full()
        tasks = [asyncio.create_task(buffer.push_async(value)) for value in (98, 99)]
        await settle()
        buffer.close()
        for task, value in zip(tasks, (98, 99)):
            assert (await raises_async(BufferClosed, task)).value == value
        await self.arrive()
        assert self.way.unread(buffer) == list(range(buffer.capacity))
