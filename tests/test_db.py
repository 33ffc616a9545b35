import asyncio

from aimdb import (
    AimDb,
    AlreadyRunning,
    BoundedQueue,
    BufferClosed,
    DbError,
    InvalidConfiguration,
    Mailbox,
    RecordKeyNotFound,
    SingleLatest,
    SpmcRing,
)
from harness import equal, raises
from printing import Unspeakable, printing


async def test_values_go_from_a_source_to_every_tap():
    db = AimDb()
    seen = []

    async def source(producer):
        for value in range(3):
            producer.produce(value)
            await asyncio.sleep_ms(0)
        ring.close()

    async def tap(consumer):
        async for value in consumer.subscribe():
            seen.append(value)

    ring = SpmcRing(8)
    db.configure("x", ring).source(source).tap(tap).tap(tap)
    await db.run()
    equal(sorted(seen), [0, 0, 1, 1, 2, 2])


async def test_a_subclass_reaches_each_call_by_super():
    class Counting(AimDb):
        count = 0

        def configure(self, key, buffer=None):
            self.count += 1
            return super().configure(key, buffer)

        def producer(self, key):
            self.count += 1
            return super().producer(key)

        def sync_producer(self, key):
            self.count += 1
            return super().sync_producer(key, 2)

        def graph(self):
            self.count += 1
            return super().graph()

        async def run(self):
            self.count += 1
            await super().run()

    db = Counting()
    db.configure("x", Mailbox()).source(producing_one)
    db.sync_producer("x")
    await db.run()
    equal((db.count, db.producer("x").buffer.peek(), db.graph()["order"]), (4, 1, ["x"]))
    assert AimDb().run


async def producing_one(producer):
    producer.produce(1)


async def test_taps_start_before_sources_whatever_the_order_of_configuring():
    db = AimDb()
    seen = []

    async def source(producer):
        producer.produce("first")
        db.configure("a").buffer.close()

    async def tap(consumer):
        async for value in consumer.subscribe():
            seen.append(value)

    db.configure("a", SpmcRing(4)).source(source)
    db.configure("b", SpmcRing(4))
    db.configure("a").tap(tap)
    await db.run()
    equal(seen, ["first"])


async def test_run_ends_when_all_stages_have_ended():
    db = AimDb()
    ended = []

    async def quick(producer):
        ended.append("quick")

    async def slow(producer):
        await asyncio.sleep_ms(5)
        ended.append("slow")

    db.configure("a", Mailbox()).source(quick)
    db.configure("b", Mailbox()).source(slow)
    await db.run()
    equal(ended, ["quick", "slow"])


async def test_run_without_stages_ends_at_once():
    db = AimDb()
    db.configure("a", Mailbox())
    await db.run()


async def test_run_can_be_repeated():
    db = AimDb()
    count = []

    async def source(producer):
        count.append(1)

    db.configure("a", Mailbox()).source(source)
    await db.run()
    await db.run()
    equal(len(count), 2)


async def test_a_second_run_is_refused_while_the_first_goes_on():
    db = AimDb()
    seen = []

    async def tap(consumer):
        reader = consumer.subscribe()
        seen.append("subscribed")
        async for value in reader:
            seen.append(value)

    ring = SpmcRing(4)
    db.configure("a", ring).tap(tap)
    first = asyncio.create_task(db.run())
    while not seen:
        await asyncio.sleep_ms(1)
    with raises(AlreadyRunning):
        await db.run()
    ring.push(1)
    ring.close()
    await first
    equal(seen, ["subscribed", 1])
    await db.run()


async def test_a_run_that_was_cancelled_can_be_repeated():
    db = AimDb()
    started = []

    async def source(producer):
        started.append(1)
        await asyncio.sleep(100)

    db.configure("a", Mailbox()).source(source)
    for count in range(1, 4):
        run = asyncio.create_task(db.run())
        while len(started) < count:
            await asyncio.sleep_ms(1)
        run.cancel()
        with raises(asyncio.CancelledError):
            await run


async def test_a_run_that_found_mistakes_can_be_repeated():
    db = AimDb()
    db.configure("a")
    with raises(InvalidConfiguration):
        await db.run()
    db.configure("a", Mailbox())
    await db.run()


def test_a_run_whose_loop_was_left_can_be_repeated():
    db = AimDb()
    started = []

    async def source(producer):
        started.append(1)
        await asyncio.sleep(100)

    db.configure("a", Mailbox()).source(source)

    async def leave(count):
        asyncio.create_task(db.run())
        while len(started) < count:
            await asyncio.sleep_ms(1)
        raise OSError(5)

    for count in range(1, 4):
        with raises(OSError):
            asyncio.run(leave(count))
        asyncio.new_event_loop()


async def dying(producer):
    await asyncio.sleep_ms(1)
    raise ValueError("the sensor is gone")


async def test_a_stage_that_dies_ends_run_with_its_error_and_is_named():
    db = AimDb()
    db.configure("temperature", Mailbox()).source(dying)
    with raises(ValueError) as caught:
        await db.run()
    equal(db.failed, ("temperature", "source", "dying", caught.error))


async def test_a_stage_that_dies_for_want_of_memory_is_named_and_its_error_raised():
    async def tap(consumer):
        bytearray(1 << 28)

    db = AimDb()
    db.configure("x", SpmcRing(1)).tap(tap)
    with raises(MemoryError) as caught:
        await db.run()
    equal(db.failed, ("x", "tap", "tap", caught.error))
    assert "allocating" in str(caught.error)


async def test_a_stage_that_dies_of_an_error_that_has_no_words_is_named():
    error = Unspeakable()

    async def dying(producer):
        raise error

    db = AimDb()
    db.configure("temperature", SpmcRing(2)).source(dying)
    with raises(Unspeakable):
        await db.run()
    equal(db.failed, ("temperature", "source", "dying", error))


async def test_the_other_stages_are_cancelled_and_waited_for():
    db = AimDb()
    ended = []

    async def tap(consumer):
        try:
            await consumer.subscribe().recv()
        except asyncio.CancelledError:
            await asyncio.sleep_ms(2)
            ended.append("cleaned up")
            raise

    db.configure("a", Mailbox()).tap(tap)
    db.configure("b", Mailbox()).source(dying)
    with raises(ValueError):
        await db.run()
    equal(ended, ["cleaned up"])


async def test_a_second_stage_that_dies_of_being_cancelled_does_not_hide_the_first():
    db = AimDb()

    async def tap(consumer):
        try:
            await consumer.subscribe().recv()
        finally:
            raise OSError(5)

    db.configure("a", Mailbox()).tap(tap)
    db.configure("b", Mailbox()).source(dying)
    with raises(ValueError):
        await db.run()
    equal(db.failed[0], "b")


async def test_a_stage_that_dies_of_being_cancelled_while_another_takes_its_time_crashes_nothing():
    async def first(producer):
        await asyncio.sleep_ms(10)
        raise OSError(5)

    async def second(consumer):
        try:
            await consumer.subscribe().recv()
        finally:
            raise ValueError("on the way out")

    async def slow(consumer):
        try:
            await consumer.subscribe().recv()
        finally:
            await asyncio.sleep_ms(20)

    db = AimDb()
    db.configure("x", SpmcRing(1)).source(first).tap(second).tap(slow)
    with printing() as said, raises(OSError):
        await db.run()
    assert "tap second of record 'x' died: ValueError('on the way out',)" in said.text, said.text
    equal(db.failed[:3], ("x", "source", "first"))


async def test_a_run_that_is_cancelled_again_and_again_waits_for_its_stages_and_can_be_repeated():
    async def slow(consumer):
        nonlocal alive
        alive += 1
        try:
            await consumer.subscribe().recv()
        finally:
            try:
                for _ in range(3):
                    await asyncio.sleep_ms(0)
            finally:
                alive -= 1

    async def cancel_after(turns):
        for _ in range(turns):
            await asyncio.sleep_ms(0)
        task.cancel()

    alive = 0
    db = AimDb()
    db.configure("x", SpmcRing(1)).tap(slow)
    for turns in range(64):
        task = asyncio.create_task(db.run())
        await asyncio.sleep_ms(1)
        task.cancel()
        await cancel_after(turns % 8)
        await cancel_after(turns // 8)
        with raises(asyncio.CancelledError):
            await task
        equal((turns, alive), (turns, 0))


async def test_a_run_that_is_cancelled_while_it_ends_by_an_error_raises_the_error():
    async def slow(consumer):
        nonlocal ends
        try:
            await consumer.subscribe().recv()
        finally:
            ends = True
            await asyncio.sleep_ms(20)

    async def dies(producer):
        raise OSError("unplugged")

    ends = False
    db = AimDb()
    db.configure("x", SpmcRing(1)).source(dies).tap(slow)
    task = asyncio.create_task(db.run())
    while not ends:
        await asyncio.sleep_ms(0)
    task.cancel()
    with printing(), raises(OSError):
        await task


async def test_a_stage_that_awaits_a_cancelled_task_dies_by_name():
    db = AimDb()

    async def other():
        await asyncio.sleep(1)

    async def source(producer):
        task = asyncio.create_task(other())
        task.cancel()
        await task

    async def tap(consumer):
        await consumer.subscribe().recv()

    db.configure("a", Mailbox()).source(source)
    db.configure("b", Mailbox()).tap(tap)
    # Whoever runs the database was not cancelled, and must not think so.
    with raises(DbError) as died:
        await db.run()
    equal("a source of record 'a' was cancelled" in str(died.error), True)
    equal(db.failed[:3], ("a", "source", "source"))


async def test_errors_are_told_once_when_stages_end_one_after_the_other():
    db = AimDb()

    async def source(producer):
        raise ValueError

    async def slow(consumer):
        try:
            await asyncio.sleep(1)
        finally:
            await asyncio.sleep_ms(20)

    async def fails(consumer):
        try:
            await asyncio.sleep(1)
        finally:
            await asyncio.sleep_ms(5)
            raise OSError(5)

    db.configure("a", Mailbox()).source(source).tap(slow).tap(fails)
    with printing() as said, raises(ValueError):
        await db.run()
    lines = (
        "aimdb: tap fails of record 'a' died: OSError(5,)\n",
        "aimdb: source source of record 'a' died: ValueError()\n",
    )
    equal(said.text, "".join(lines))


async def test_a_failure_is_forgotten_by_the_next_run():
    db = AimDb()
    fail = [True]

    async def source(producer):
        if fail.pop():
            raise OSError(5)

    db.configure("a", Mailbox()).source(source)
    with raises(OSError):
        await db.run()
    fail.append(False)
    await db.run()
    equal(db.failed, None)


async def test_cancelling_run_cancels_all_stages_and_waits_for_them():
    db = AimDb()
    ended = []

    async def tap(consumer):
        try:
            await consumer.subscribe().recv()
        finally:
            await asyncio.sleep_ms(1)
            ended.append("tap")

    db.configure("a", Mailbox()).tap(tap)
    db.configure("b", SpmcRing(2)).tap(tap)
    task = asyncio.create_task(db.run())
    await asyncio.sleep_ms(2)
    task.cancel()
    with raises(asyncio.CancelledError):
        await task
    equal(ended, ["tap", "tap"])


async def test_a_closed_buffer_reaches_a_source_as_an_error_with_the_record_in_it():
    db = AimDb()
    queue = BoundedQueue(1)

    async def source(producer):
        await producer.produce_async(1)
        queue.close()
        await producer.produce_async(2)

    db.configure("commands", queue).source(source)
    with raises(BufferClosed) as caught:
        await db.run()
    equal((caught.error.key, caught.error.value), ("commands", 2))
    assert "commands" in str(caught.error)


async def test_handles_outside_the_wiring_read_and_write_the_same_record():
    db = AimDb()
    db.configure("a", SingleLatest())
    reader = db.consumer("a").subscribe()
    db.producer("a").produce(1)
    equal(await reader.recv(), 1)
    db.produce_any("a", 2)
    equal(reader.try_recv(), 2)
    await db.produce_any_async("a", 3, timeout_ms=10)
    equal(reader.try_recv(), 3)


async def test_what_configure_returns_is_the_handle_of_its_record():
    db = AimDb()
    record = db.configure("a", SingleLatest())
    reader = record.subscribe()
    record.produce(1)
    equal(await reader.recv(), 1)
    assert db.producer("a") is record and db.consumer("a") is record


def test_a_record_says_its_key_and_its_buffer():
    db = AimDb()
    equal(repr(db.configure("temperature", SpmcRing(4))), "<Record 'temperature' SpmcRing>")
    assert "'declared'" in repr(db.configure("declared"))


async def test_produce_any_async_waits_for_space():
    db = AimDb()
    db.configure("a", BoundedQueue(1))
    await db.produce_any_async("a", 1)
    with raises(asyncio.TimeoutError):
        await db.produce_any_async("a", 2, timeout_ms=2)


async def test_an_unknown_record_is_named():
    db = AimDb()
    record = db.configure("declared without a buffer")
    for key in ("b", "declared without a buffer"):
        for call in (db.producer, db.consumer, lambda key: db.produce_any(key, 1)):
            with raises(RecordKeyNotFound) as caught:
                call(key)
            assert key in str(caught.error)
        with raises(RecordKeyNotFound):
            await db.produce_any_async(key, 1)
    for call in (lambda: record.produce(1), lambda: record.try_produce(1), record.subscribe):
        with raises(RecordKeyNotFound):
            call()
    for call in (lambda: record.produce_async(1), lambda: record.produce_async(1, 5), record.subscribe_async):
        with raises(RecordKeyNotFound):
            await call()


async def test_a_stage_without_a_name_goes_by_that_of_its_type():
    class Sensor:
        async def __call__(self, producer):
            raise OSError(5)

    db = AimDb()
    db.configure("a", Mailbox()).source(Sensor())
    with raises(OSError):
        await db.run()
    equal(db.failed[2], "Sensor")


async def test_what_a_buffer_runs_is_run_with_the_stages_and_named_when_it_dies():
    class Connected(SpmcRing):
        async def run(self):
            await asyncio.sleep_ms(1)
            raise ValueError("no connection")

    async def source(producer):
        await asyncio.sleep(100)

    db = AimDb()
    db.configure("r", Connected(2)).source(source)
    try:
        await db.run()
    except ValueError:
        pass
    assert db.failed[:3] == ("r", "buffer", "Connected"), db.failed


async def test_two_records_need_a_buffer_each():
    queue = BoundedQueue(4)
    db = AimDb()
    db.configure("a", queue)
    db.configure("b", queue)
    with raises(InvalidConfiguration) as caught:
        await db.run()
    equal(caught.error.errors, ["record 'b' shares the buffer of record 'a'; each record needs its own"])
