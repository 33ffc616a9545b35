"""That nothing grows: a call made again and again leaves the heap where it was."""

import asyncio
import gc
import sys

from aimdb import AimDb, BufferClosed, BufferEmpty, BufferFull, BufferLagged

from .support import Suite

# A block of the heap is 16 bytes on a board and 32 on a computer; what is found is one such block for each call.
# The noise is in bytes: the collector takes old numbers on the stack for references.
_ON_A_COMPUTER = sys.platform in ("linux", "darwin", "win32")
_NOISE = 4000 if _ON_A_COMPUTER else 1500


class Growing(Suite):
    def setup(self):
        self.buffer = self.make()
        self.reader = self.buffer.subscribe()
        return self.buffer, self.reader

    async def stays(self, call):
        """`call` is a function or an async one: it is called again and again, with collections in between."""
        calls = self.way.calls if _ON_A_COMPUTER else 100
        await self._call(call, 20)  # What the first calls load and make stays.
        before = await self._used()
        await self._call(call, calls // 2)
        gc.collect()
        await self._call(call, calls // 2)
        grown = await self._used() - before
        assert grown < _NOISE, "%d calls left %d bytes" % (calls, grown)

    async def _call(self, call, times):
        for _ in range(times):
            try:
                result = call()
                if result is not None:
                    await result
            except (BufferEmpty, BufferFull, BufferClosed, BufferLagged, asyncio.TimeoutError):
                pass

    async def _used(self):
        await asyncio.sleep_ms(0)
        gc.collect()
        return gc.mem_alloc()

    def fill(self):
        self.hold()
        for value in range(self.buffer.capacity):
            self.buffer.push(value)

    async def cancelled(self, coroutine):
        """Begin an await, and cancel it where it waits."""
        task = asyncio.create_task(coroutine)
        await asyncio.sleep_ms(0)
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            pass

    # Writing

    async def test_writing_and_reading_leaves_the_heap_where_it_was(self):
        buffer, reader = self.setup()

        async def write_and_read():
            buffer.push(1)
            await self.arrive()
            reader.try_recv()
            buffer.try_push(2)
            await self.arrive()
            reader.try_recv()
            await buffer.push_async(3)
            await self.arrive()
            reader.try_recv()

        await self.stays(write_and_read)

    async def test_push_on_a_full_buffer_leaves_the_heap_where_it_was(self):
        buffer, _ = self.setup()
        self.fill()
        await self.stays(lambda: buffer.push(1))

    async def test_try_push_on_a_full_buffer_leaves_the_heap_where_it_was(self):
        buffer, _ = self.setup()
        self.fill()
        await self.stays(lambda: buffer.try_push(1))

    async def test_push_async_that_is_timed_out_leaves_the_heap_where_it_was(self):
        buffer, _ = self.setup()
        producer = AimDb().configure("growing", buffer)
        self.fill()
        await self.stays(lambda: producer.produce_async(1, timeout_ms=0))

    async def test_push_async_that_is_cancelled_leaves_the_heap_where_it_was(self):
        buffer, _ = self.setup()
        self.fill()

        async def push():
            await buffer.push_async(1)

        await self.stays(lambda: self.cancelled(push()))

    async def test_writing_in_a_closed_buffer_leaves_the_heap_where_it_was(self):
        buffer, _ = self.setup()
        buffer.close()
        await self.stays(lambda: buffer.push(1))
        await self.stays(lambda: buffer.try_push(1))
        await self.stays(lambda: buffer.push_async(1))
        await self.stays(buffer.close)

    # Reading

    async def test_try_recv_on_an_empty_buffer_leaves_the_heap_where_it_was(self):
        _, reader = self.setup()
        await self.stays(reader.try_recv)

    async def test_reading_what_is_left_of_more_leaves_the_heap_where_it_was(self):
        buffer, reader = self.setup()

        async def overfill_and_read():
            self.fill()
            buffer.push(1)
            await self.arrive()
            for _ in range(buffer.capacity + 1):
                try:
                    reader.try_recv()
                except (BufferEmpty, BufferLagged):
                    pass

        await self.stays(overfill_and_read)

    async def test_recv_and_ready_with_a_value_leave_the_heap_where_it_was(self):
        buffer, reader = self.setup()

        async def read():
            buffer.push(1)
            await reader.ready()
            await reader.recv()
            buffer.push(2)
            await reader.recv(timeout_ms=1000)

        await self.stays(read)

    async def test_recv_and_ready_that_wait_leave_the_heap_where_it_was(self):
        buffer, reader = self.setup()

        async def push():
            while not buffer.closed:
                buffer.push(1)
                await asyncio.sleep_ms(0)

        async def read():
            await reader.recv()
            await reader.recv(timeout_ms=1000000)
            await reader.ready()
            reader.try_recv()

        task = asyncio.create_task(push())
        await self.stays(read)
        buffer.close()
        await task

    async def test_recv_that_is_timed_out_leaves_the_heap_where_it_was(self):
        _, reader = self.setup()
        await self.stays(lambda: reader.recv(timeout_ms=0))

    async def test_recv_that_is_cancelled_leaves_the_heap_where_it_was(self):
        _, reader = self.setup()

        async def read():
            await reader.recv()

        async def read_in_time():
            await reader.recv(timeout_ms=1000000)

        await self.stays(lambda: self.cancelled(read()))
        await self.stays(lambda: self.cancelled(read_in_time()))

    async def test_recv_that_is_cancelled_as_its_value_comes_leaves_the_heap_where_it_was(self):
        buffer, _ = self.setup()

        async def read_in_time():
            await buffer.subscribe().recv(timeout_ms=1000000)

        async def cancel():
            task = asyncio.create_task(read_in_time())
            await asyncio.sleep_ms(0)
            buffer.push(1)
            task.cancel()
            try:
                await task
            except asyncio.CancelledError:
                pass
            buffer.subscribe().try_recv()

        await self.stays(cancel)

    async def test_ready_that_is_cancelled_leaves_the_heap_where_it_was(self):
        _, reader = self.setup()

        async def wait():
            await reader.ready()

        await self.stays(lambda: self.cancelled(wait()))

    async def test_reading_a_closed_buffer_leaves_the_heap_where_it_was(self):
        buffer, reader = self.setup()
        buffer.close()

        async def read_all():
            async for _ in reader:
                pass

        await self.stays(reader.try_recv)
        await self.stays(reader.recv)
        await self.stays(lambda: reader.recv(timeout_ms=1000))
        await self.stays(reader.ready)
        await self.stays(read_all)

    # Readers

    async def test_readers_that_are_closed_leave_the_heap_where_it_was(self):
        buffer, reader = self.setup()
        await self.stays(lambda: buffer.subscribe().close())

        async def subscribe():
            (await buffer.subscribe_async()).close()

        await self.stays(subscribe)
        reader.close()
        await self.stays(reader.close)
        await self.stays(reader.try_recv)
        await self.stays(reader.recv)

    async def test_readers_that_are_forgotten_leave_the_heap_where_it_was(self):
        buffer, _ = self.setup()

        def forget():
            buffer.subscribe()

        await self.stays(forget)

    async def test_readers_that_are_closed_with_time_left_leave_the_heap_where_it_was(self):
        buffer, _ = self.setup()

        async def read_in_time(reader):
            await reader.recv(timeout_ms=1000000)

        async def close():
            reader = buffer.subscribe()
            task = asyncio.create_task(read_in_time(reader))
            await asyncio.sleep_ms(0)
            reader.close()
            await task

        await self.stays(close)

    async def test_readers_that_are_forgotten_with_time_left_leave_the_heap_where_it_was(self):
        buffer, _ = self.setup()

        async def read_in_time():
            await buffer.subscribe().recv(timeout_ms=1000000)

        async def forget():
            task = asyncio.create_task(read_in_time())
            await asyncio.sleep_ms(0)
            buffer.push(1)
            await task

        await self.stays(forget)

    # Looking

    async def test_looking_leaves_the_heap_where_it_was(self):
        buffer, _ = self.setup()
        buffer.push(1)

        def look():
            buffer.peek()
            buffer.held()
            buffer.metrics()
            buffer.key, buffer.capacity, buffer.closed

        await self.stays(look)

    async def test_buffers_that_are_forgotten_leave_the_heap_where_it_was(self):
        self.setup()

        async def forget():
            buffer, reader = self.setup()
            buffer.push(1)
            await self.arrive()
            reader.try_recv()
            self.way.forget(buffer)

        await self.stays(forget)
