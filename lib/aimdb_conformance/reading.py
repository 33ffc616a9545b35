"""What holds for every buffer that can be read."""

import asyncio
import gc

from aimdb import BufferClosed, BufferEmpty

from .support import Suite, busy, raises, raises_async, results, settle


class Reading(Suite):
    def test_try_recv_on_an_empty_buffer_raises_buffer_empty(self):
        reader = self.make().subscribe()
        raises(BufferEmpty, reader.try_recv)

    async def test_any_value_arrives_even_none_and_false(self):
        for value in (None, False, 0, "", 1.5, (1, 2)):
            buffer = self.make()
            reader = buffer.subscribe()
            buffer.push(value)
            await self.arrive()
            received = reader.try_recv()
            assert received is value or received == value
            raises(BufferEmpty, reader.try_recv)

    async def test_all_three_calls_store(self):
        for write in ("push", "try_push", "push_async"):
            buffer = self.make()
            reader = buffer.subscribe()
            result = getattr(buffer, write)(5)
            if write == "push_async":
                await result
            await self.arrive()
            assert reader.try_recv() == 5

    async def test_values_come_in_order(self):
        buffer = self.make()
        reader = buffer.subscribe()
        for value in range(10):
            buffer.push(value)
            await self.arrive()
            assert reader.try_recv() == value

    async def test_recv_returns_what_is_held_at_once(self):
        buffer = self.make()
        reader = buffer.subscribe()
        buffer.push(1)
        await self.arrive()
        assert await reader.recv() == 1

    async def test_a_waiting_recv_is_woken_by_push(self):
        buffer = self.make()
        task = asyncio.create_task(buffer.subscribe().recv())
        await settle()
        buffer.push(1)
        assert await task == 1

    async def test_ready_waits_for_a_value_and_leaves_it(self):
        buffer = self.make()
        reader = buffer.subscribe()

        async def read():
            await reader.ready()
            return reader.try_recv()

        task = asyncio.create_task(read())
        await settle()
        assert not task.done()
        buffer.push(1)
        assert await task == 1

    async def test_ready_twice_takes_nothing(self):
        buffer = self.make()
        reader = buffer.subscribe()
        buffer.push(1)
        await self.arrive()
        await reader.ready()
        await reader.ready()
        assert reader.try_recv() == 1

    async def test_ready_returns_when_the_buffer_closes(self):
        buffer = self.make()
        reader = buffer.subscribe()
        asyncio.create_task(self._close_later(buffer))
        await reader.ready()
        raises(BufferClosed, reader.try_recv)

    async def _close_later(self, buffer):
        await settle()
        buffer.close()

    async def test_recv_times_out_and_the_next_value_still_arrives(self):
        buffer = self.make()
        reader = buffer.subscribe()
        await raises_async(asyncio.TimeoutError, reader.recv(timeout_ms=1))
        buffer.push(1)
        assert await reader.recv(timeout_ms=1000) == 1

    async def test_recv_with_a_timeout_gets_a_value_that_comes_in_time(self):
        buffer = self.make()
        task = asyncio.create_task(buffer.subscribe().recv(timeout_ms=10000))
        await settle()
        buffer.push(1)
        assert await task == 1

    async def test_recv_with_timeout_zero_looks_once(self):
        buffer = self.make()
        reader = buffer.subscribe()
        await raises_async(asyncio.TimeoutError, reader.recv(timeout_ms=0))
        buffer.push(1)
        await self.arrive()
        assert await reader.recv(timeout_ms=0) == 1

    async def test_a_value_that_meets_a_timeout_is_not_lost(self):
        # The loop is busy past the deadline, before or after the value comes.
        for late in (False, True):
            buffer = self.make()
            reader = buffer.subscribe()
            task = asyncio.create_task(reader.recv(timeout_ms=2))
            await asyncio.sleep_ms(0)
            await asyncio.sleep_ms(0)
            if late:
                busy(6)
            buffer.push(1)
            busy(6)
            try:
                assert await task == 1
            except asyncio.TimeoutError:
                await self.arrive()
                assert reader.try_recv() == 1

    async def test_looking_again_and_again_leaves_the_others_their_turn(self):
        buffer = self.make()
        reader = buffer.subscribe()

        async def push():
            buffer.push(1)

        task = asyncio.create_task(push())
        looks = 0
        while True:
            try:
                assert await reader.recv(timeout_ms=0) == 1
                break
            except asyncio.TimeoutError:
                looks += 1
                assert looks < 100
        await task

    async def test_a_cancelled_recv_leaves_the_value(self):
        buffer = self.make()
        reader = buffer.subscribe()
        for woken in (False, True):
            task = asyncio.create_task(reader.recv())
            await settle()
            if woken:
                buffer.push(1)
                await self.arrive()
            task.cancel()
            await raises_async(asyncio.CancelledError, task)
            if not woken:
                buffer.push(1)
            assert await reader.recv(timeout_ms=1000) == 1

    async def test_after_closing_what_is_held_comes_first(self):
        buffer = self.make()
        reader = buffer.subscribe()
        buffer.push(1)
        await self.arrive()
        buffer.close()
        assert await reader.recv() == 1
        await raises_async(BufferClosed, reader.recv())
        raises(BufferClosed, reader.try_recv)

    async def test_async_for_ends_when_the_buffer_closes(self):
        buffer = self.make()
        reader = buffer.subscribe()
        values = []

        async def read():
            async for value in reader:
                values.append(value)

        task = asyncio.create_task(read())
        for value in range(3):
            buffer.push(value)
            await self.arrive()
            await settle()
        buffer.close()
        await task
        assert values == [0, 1, 2]

    async def test_closing_a_reader_ends_its_waiting_recv(self):
        buffer = self.make()
        reader = buffer.subscribe()
        task = asyncio.create_task(reader.recv())
        await settle()
        reader.close()
        await raises_async(BufferClosed, task)
        raises(BufferClosed, reader.try_recv)
        await raises_async(BufferClosed, reader.recv())

    async def test_closing_a_reader_leaves_the_others_reading(self):
        buffer = self.make()
        other = asyncio.create_task(buffer.subscribe().recv())
        reader = buffer.subscribe()
        task = asyncio.create_task(reader.recv())
        await settle()
        reader.close()
        await raises_async(BufferClosed, task)
        buffer.push(1)
        assert await other == 1

    async def test_two_tasks_may_wait_on_one_reader(self):
        buffer = self.make()
        reader = buffer.subscribe()
        tasks = [asyncio.create_task(reader.recv()) for _ in range(2)]
        await settle()
        buffer.push(1)
        await settle()
        buffer.push(2)
        assert sorted(await results(tasks)) == [1, 2]

    async def test_reading_counts_as_consumed(self):
        buffer = self.make()
        reader = buffer.subscribe()
        buffer.push(1)
        await self.arrive()
        reader.try_recv()
        assert buffer.metrics().consumed_count == 1

    async def test_occupancy_is_held_and_capacity(self):
        buffer = self.make()
        assert buffer.metrics().occupancy == (0, buffer.capacity)
        buffer.push(1)
        await self.arrive()
        assert buffer.metrics().occupancy == (1, buffer.capacity)

    async def test_peek_takes_nothing(self):
        buffer = self.make()
        reader = buffer.subscribe()
        assert buffer.peek() is None
        buffer.push(1)
        await self.arrive()
        assert buffer.peek() in (1, None)
        assert buffer.peek() in (1, None)
        assert reader.try_recv() == 1

    def test_a_forgotten_reader_is_not_kept_alive(self):
        buffer = self.make()
        for _ in range(2):  # What the first ones load stays.
            buffer.subscribe()
        gc.collect()
        before = gc.mem_alloc()
        for _ in range(50):
            buffer.subscribe()
        gc.collect()
        # Fifty readers would hold several thousand bytes.
        assert gc.mem_alloc() - before < 1000
