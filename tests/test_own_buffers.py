import asyncio

from aimdb import AimDb, Buffer, BufferClosed, BufferEmpty, BufferFull, BufferLagged, SpmcRing
from aimdb_conformance import conformance
from harness import equal, raises
from own_buffers import Largest, Log, Slots


def producer_of(buffer):
    db = AimDb()
    db.configure("own", buffer)
    return db.producer("own")


class Bare(Buffer):
    # No __init__ of the base is called: nothing but push is there.
    def __init__(self):
        self.values = []

    def push(self, value):
        self.values.append(value)


class KeepsItsEvent(Slots):
    # A mistake: its event wakes a producer of a loop that was left.
    def _renew(self):
        if self._loop is None:
            super()._renew()


def test_the_suite_finds_a_buffer_that_wakes_a_producer_of_a_loop_that_was_left():
    traits = {"competing": True, "refuses": True, "keeps_for_late": True, "allocates": True}
    tests = conformance(lambda: KeepsItsEvent(3), **traits)
    with raises(AssertionError):
        tests["test_tasks_of_a_loop_that_was_left_hold_up_nobody"]()
    asyncio.new_event_loop()


async def test_a_buffer_with_only_push_is_reached_by_every_call():
    buffer = Bare()
    producer = producer_of(buffer)
    producer.produce(1)
    producer.try_produce(2)
    await producer.produce_async(3)
    await producer.produce_async(4, timeout_ms=100)
    equal(buffer.values, [1, 2, 3, 4])


def test_what_is_read_is_counted_round():
    buffer = Largest()
    buffer.consumed_count = 2**29
    buffer.push(1)
    buffer.subscribe().try_recv()
    equal(buffer.metrics().consumed_count, 1)


async def test_a_buffer_with_only_push_can_be_closed_measured_and_subscribed_to():
    buffer = Bare()
    producer = producer_of(buffer)
    reader = buffer.subscribe()
    with raises(BufferEmpty):
        reader.try_recv()
    equal(buffer.metrics().occupancy, (0, 0))
    equal(buffer.peek(), None)
    buffer.close()
    with raises(BufferClosed):
        producer.try_produce(1)
    with raises(BufferClosed):
        await producer.produce_async(1)
    with raises(BufferClosed):
        await reader.recv()


def test_produce_is_the_push_of_the_buffer_itself():
    buffer = Log()
    equal(producer_of(buffer).produce, buffer.push)


def test_try_produce_reaches_try_push_and_raises_what_it_raises():
    class Moody(Log):
        def try_push(self, value):
            raise OSError(28)

    with raises(OSError) as caught:
        producer_of(Moody()).try_produce(1)
    equal(caught.error.errno, 28)


async def test_produce_async_reaches_push_async_and_raises_what_it_raises():
    class Disk(Log):
        async def push_async(self, value):
            await asyncio.sleep_ms(1)
            raise OSError(5)

    for timeout_ms in (None, 1000):
        buffer = Disk()
        with raises(OSError) as caught:
            await producer_of(buffer).produce_async(1, timeout_ms)
        equal(caught.error.errno, 5)
        equal(buffer.lines, [])


async def test_produce_any_async_reaches_push_async():
    class Slow(Log):
        async def push_async(self, value):
            await asyncio.sleep_ms(1)
            self.lines.append(("async", value))

    db = AimDb()
    buffer = Slow()
    db.configure("own", buffer)
    await db.produce_any_async("own", 1)
    equal(buffer.lines, [("async", 1)])


async def test_a_push_async_that_knows_nothing_of_timeouts_is_timed_out():
    buffer = Slots(1)
    producer = producer_of(buffer)
    await producer.produce_async(1)
    with raises(asyncio.TimeoutError):
        await producer.produce_async(2, timeout_ms=5)
    equal(buffer.values, [1])
    buffer.subscribe().try_recv()
    await producer.produce_async(3, timeout_ms=5)
    equal(buffer.values, [3])


def test_a_lock_of_a_loop_that_was_left_holds_up_nobody():
    buffer = Slots(1)

    async def leave():
        asyncio.create_task(buffer.push_async(1))
        asyncio.create_task(buffer.push_async(2))  # It holds the lock, and waits for a slot.
        await asyncio.sleep_ms(5)

    async def go_on():
        reader = buffer.subscribe()
        equal(reader.try_recv(), 1)
        buffer.try_push(3)
        equal(reader.try_recv(), 3)
        await buffer.push_async(4)
        equal(buffer.values, [4])

    asyncio.run(leave())
    asyncio.new_event_loop()
    asyncio.run(go_on())


async def test_a_push_async_that_sleeps_is_timed_out():
    class Sleepy(Log):
        async def push_async(self, value):
            try:
                await asyncio.sleep(10)
            except asyncio.CancelledError:
                self.lines.append("cleaned up")
                raise

    buffer = Sleepy()
    with raises(asyncio.TimeoutError):
        await producer_of(buffer).produce_async(1, timeout_ms=2)
    equal(buffer.lines, ["cleaned up"])


async def test_a_push_async_that_polls_is_timed_out():
    class Polling(Log):
        async def push_async(self, value):
            while True:
                await asyncio.sleep_ms(0)

    with raises(asyncio.TimeoutError):
        await producer_of(Polling()).produce_async(1, timeout_ms=2)


async def test_a_push_async_that_waits_for_a_task_is_timed_out():
    class Delegating(Log):
        async def push_async(self, value):
            await asyncio.create_task(asyncio.Event().wait())

    with raises(asyncio.TimeoutError):
        await producer_of(Delegating()).produce_async(1, timeout_ms=2)


async def test_a_timeout_within_a_timeout_leaves_the_outer_one_working():
    class Retrying(Log):
        async def push_async(self, value):
            reader = SpmcRing(1).subscribe()
            while True:
                try:
                    await reader.recv(timeout_ms=1)
                except asyncio.TimeoutError:
                    self.lines.append("again")

    buffer = Retrying()
    with raises(asyncio.TimeoutError):
        # Long enough for a board to load what the inner one needs.
        await producer_of(buffer).produce_async(1, timeout_ms=500)
    assert buffer.lines


async def test_to_be_read_a_buffer_of_ones_own_needs_has_value_and_take_only():
    class Least(Buffer):
        value = None

        def push(self, value):
            self.value = value if self.value is None else max(value, self.value)
            self.wake()

        def has_value(self, reader):
            return self.value is not None

        def take(self, reader):
            value, self.value = self.value, None
            return value

    buffer = Least()
    reader = buffer.subscribe()
    task = asyncio.create_task(reader.recv())
    await asyncio.sleep_ms(0)
    for value in (3, 9, 4):
        buffer.push(value)
    equal(await task, 9)
    with raises(asyncio.TimeoutError):
        await reader.recv(timeout_ms=1)
    buffer.push(2)
    await reader.ready()
    equal(reader.try_recv(), 2)
    buffer.close()
    async for _ in reader:
        raise AssertionError("nothing is left")


async def test_a_subscribe_async_of_ones_own_is_reached():
    class Remote(Largest):
        async def subscribe_async(self):
            await asyncio.sleep_ms(1)
            self.attached = True
            return self.subscribe()

    db = AimDb()
    buffer = Remote()
    db.configure("own", buffer)
    reader = await db.consumer("own").subscribe_async()
    buffer.push(1)
    equal((buffer.attached, reader.try_recv()), (True, 1))


def test_a_ready_made_buffer_can_be_extended():
    class Counting(SpmcRing):
        calls = 0

        def push(self, value):
            self.calls += 1
            super().push(value)

    buffer = Counting(2)
    reader = buffer.subscribe()
    producer_of(buffer).produce(5)
    equal((buffer.calls, reader.try_recv()), (1, 5))


def test_two_buffers_that_say_they_are_equal_are_two():
    class Alike(Bare):
        def __eq__(self, other):
            return True

    db = AimDb()
    db.configure("a", Alike())
    db.configure("b", Alike()).produce(1)
    equal(db.mistakes, [])


def test_the_exceptions_can_be_made_with_the_value_alone():
    equal(BufferFull(3).value, 3)
    equal(BufferClosed(4).value, 4)
    equal(str(BufferLagged(5)), "BufferLagged: record None (capacity None) has overwritten 5 unread values")


def test_a_buffer_without_push_says_what_it_lacks():
    with raises(NotImplementedError) as caught:
        Buffer().push(1)
    assert "push" in str(caught.error)
