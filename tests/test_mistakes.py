"""What beginners get wrong most, and what they are told."""

import asyncio
import gc
import sys
import time
from collections import namedtuple

import aimdb
import micropython
from aimdb import (
    AimDb,
    BoundedQueue,
    Buffer,
    BufferEmpty,
    InvalidConfiguration,
    JsonCodec,
    Mailbox,
    RecordKeyNotFound,
    SingleLatest,
    SpmcRing,
    StructCodec,
    every,
)
from aimdb_aimx import AimxServer, Hub
from aimdb_flash import FlashQueue
from aimdb_mqtt import Broker
from aimdb_node import Setting, console
from harness import equal, raises
from printing import printing


async def idle(producer):
    await asyncio.sleep(100)


async def show(consumer):
    async for _ in consumer.subscribe():
        pass


async def stray(producer):
    producer.produce(1)
    yield
    producer.produce(2)


def values(producer):
    for value in range(3):
        yield value


async def test_a_stage_that_waits_at_a_yield_is_named():
    for stage in (stray, values):
        db = AimDb()
        db.configure("temperature", SpmcRing(4)).source(stage).tap(show)
        with printing() as said, raises(asyncio.TimeoutError):
            await asyncio.wait_for_ms(db.run(), 1100)
        equal(said.text.count("\n"), 1)
        for word in ("source " + stage.__name__, "'temperature'", "waits at a yield"):
            assert word in said.text, said.text


async def test_a_function_that_makes_the_stage_is_told_to_be_called():
    db = AimDb()
    db.configure("command", Mailbox()).source(console)
    with raises(InvalidConfiguration) as caught:
        await db.run()
    text = "a def without async; write async def, or console() if it makes the stage"
    assert str(caught.error).endswith(text), caught.error


async def test_a_join_that_has_ended_and_read_nothing_is_named():
    async def mean(celsius, percent):
        return 21

    async def first(inputs, producer):
        async for key, value in inputs:
            return

    for stage, times in ((mean, 1), (first, 0)):
        db = AimDb()
        db.configure("temperature", SingleLatest()).produce(21)
        db.configure("mean", SpmcRing(4)).transform_join(("temperature",), stage).tap(show)
        with printing() as said, raises(asyncio.TimeoutError):
            await asyncio.wait_for_ms(db.run(), 1300)
        equal(said.text.count("transform_join mean of record 'mean' has ended and read nothing"), times)
        equal(said.text.count("; async for key, value in inputs reads pairs"), times)


def test_a_periodic_source_as_a_tap_is_refused():
    record = AimDb().configure("temperature", SpmcRing(4))
    with raises(TypeError) as caught:
        record.tap(every(1000, len))
    for words in ("'temperature'", "a tap", "write .source(every("):
        assert words in str(caught.error), caught.error


def test_a_micropython_that_is_too_old_is_told_which_one_is_needed():
    class OldSys:
        implementation = namedtuple("implementation", ("name", "version"))("micropython", (1, 24, 1))

    aimdb.once("loading").forget("aimdb", "configuring")
    sys.modules["sys"] = OldSys
    try:
        with raises(ImportError) as caught:
            AimDb().configure("temperature", Mailbox())
    finally:
        del sys.modules["sys"]
    assert "needs MicroPython 1.25 or newer, and this is 1.24" in str(caught.error), caught.error
    AimDb().configure("temperature", Mailbox())


async def test_a_run_with_a_stage_that_waits_at_a_yield_can_be_cancelled_and_ends():
    for milliseconds in (0, 1, 5):
        db = AimDb()
        ring = SpmcRing(4)
        db.configure("temperature", ring).source(stray).tap(show)
        task = asyncio.create_task(db.run())
        await asyncio.sleep_ms(milliseconds)
        task.cancel()
        with raises(asyncio.CancelledError):
            await asyncio.wait_for(task, 2)
        assert ring.metrics().produced_count < 2  # It did not go on after its yield.


async def test_a_stage_that_dies_beside_one_that_waits_at_a_yield_ends_the_run():
    async def dies(producer):
        await asyncio.sleep_ms(3)
        raise ValueError("gone")

    db = AimDb()
    db.configure("temperature", SpmcRing(4)).source(stray)
    db.configure("humidity", SpmcRing(4)).source(dies)
    with printing(), raises(ValueError):
        await asyncio.wait_for(db.run(), 2)


async def test_stages_that_wait_for_something_are_not_taken_for_such():
    async def waits_for_event(producer):
        await asyncio.Event().wait()

    async def waits_for_lock(producer):
        lock = asyncio.Lock()
        await lock.acquire()
        await lock.acquire()

    async def waits_for_task(producer):
        await asyncio.create_task(idle(producer))

    async def waits_for_flag(producer):
        await asyncio.ThreadSafeFlag().wait()

    async def waits_in_time(consumer):
        await consumer.subscribe().recv(timeout_ms=5000)

    async def waits_for_ready(consumer):
        await consumer.subscribe().ready()

    async def is_busy(consumer):
        for _ in range(100):
            time.sleep_ms(10)
            await asyncio.sleep_ms(0)

    async def gathers(consumer):
        await asyncio.gather(idle(consumer), asyncio.wait_for(idle(consumer), 9))

    db = AimDb()
    for stage in (waits_for_event, waits_for_lock, waits_for_task, waits_for_flag, idle):
        db.configure(stage.__name__, SpmcRing(2)).source(stage)
    record = db.configure("a", Mailbox())
    for stage in (show, waits_in_time, waits_for_ready, is_busy, gathers):
        record.tap(stage)
    with printing() as said, raises(asyncio.TimeoutError):
        await asyncio.wait_for_ms(db.run(), 1300)
    equal(said.text, "")


async def test_a_run_that_nobody_awaits_is_named():
    db = AimDb()
    db.configure("temperature", SpmcRing(4)).tap(show)
    with printing() as said:
        run = db.run()
        await asyncio.sleep_ms(1100)
    assert "db.run() was called and has not begun" in said.text and "await" in said.text, said.text
    equal(said.text.count("\n"), 1)
    run.close()


def test_a_run_that_no_loop_runs_is_named():
    with printing() as said:
        run = AimDb().run()
        until = time.ticks_add(time.ticks_ms(), 1100)
        while time.ticks_diff(until, time.ticks_ms()) > 0:
            pass
    assert "db.run()" in said.text, said.text
    run.close()


async def test_a_run_that_nobody_awaits_is_named_though_the_heap_was_locked_for_a_moment():
    with printing() as said:
        run = AimDb().run()
        micropython.heap_lock()
        i = 0
        while i < 100:  # Callbacks come at each turn.
            i += 1
        micropython.heap_unlock()
        await asyncio.sleep_ms(1100)
    assert "db.run() was called and has not begun" in said.text, said.text
    run.close()


async def test_a_run_that_is_cancelled_before_its_first_step_or_closed_is_not_named():
    db = AimDb()
    db.configure("temperature", SpmcRing(4)).tap(show)
    with printing() as said:
        asyncio.create_task(db.run()).cancel()
        db.run().close()
        await asyncio.sleep_ms(1200)
    equal(said.text, "")


async def test_a_run_that_is_awaited_is_not_named():
    db = AimDb()
    db.configure("temperature", SpmcRing(4)).tap(show)
    with printing() as said, raises(asyncio.TimeoutError):
        await asyncio.wait_for_ms(db.run(), 1100)
    equal(said.text, "")


async def mistake_of(db):
    with raises(InvalidConfiguration) as caught:
        await db.run()
    (mistake,) = caught.error.errors
    return mistake


class Kept(Buffer):
    value = None

    def push(self, value):
        self.value = value
        self.wake()


class WithoutTake(Kept):
    def has_value(self, reader):
        return True


class WithoutHasValue(Kept):
    def take(self, reader):
        return self.value


class WithoutPush(Buffer):
    pass


class Waiting(Buffer):
    async def push(self, value):
        pass


class WaitingRing(SpmcRing):
    async def push(self, value):
        SpmcRing.push(self, value)


class ClosesLater(BoundedQueue):
    async def close(self):
        BoundedQueue.close(self)


async def produces(producer):
    while True:
        await producer.produce_async(1)


async def test_a_produce_async_that_is_not_awaited_is_named_once():
    async def forgets(producer):
        while True:
            producer.produce_async(1)
            await asyncio.sleep_ms(10)

    db = AimDb()
    for buffer in (BoundedQueue(4), SpmcRing(4), Mailbox()):
        db.configure(type(buffer).__name__, buffer).source(forgets)
    with printing() as said, raises(asyncio.TimeoutError):
        await asyncio.wait_for_ms(db.run(), 1300)
    for key in ("BoundedQueue", "SpmcRing", "Mailbox"):
        assert "produce_async of record %r was called and not awaited; write: await " % key in said.text, said.text
    equal(said.text.count("\n"), 3)


async def test_a_produce_async_that_a_stage_keeps_leaves_nothing_behind():
    sizes = []

    async def keeps(producer):
        produce = producer.produce_async
        for _ in range(3):
            for _ in range(500):
                await produce(1)
            gc.collect()
            sizes.append(gc.mem_alloc())

    db = AimDb()
    db.configure("temperature", SpmcRing(4)).source(keeps)
    await db.run()
    assert sizes[2] - sizes[1] < 500, sizes


async def test_a_produce_async_that_is_awaited_waits_or_is_cancelled_is_not_named():
    async def cancels(producer):
        asyncio.create_task(producer.produce_async(1)).cancel()
        await asyncio.sleep(9)

    async def gathers(producer):
        await asyncio.gather(producer.produce_async(1), producer.produce_async(2))

    async def limits(producer):
        await producer.produce_async(1)
        with raises(asyncio.TimeoutError):
            await producer.produce_async(1, timeout_ms=10)

    db = AimDb()
    queues = [BoundedQueue(1) for _ in range(4)]
    for stage, queue in zip((produces, cancels, gathers, limits), queues):
        db.configure(stage.__name__, queue).source(stage)
    with printing() as said, raises(asyncio.TimeoutError):
        await asyncio.wait_for_ms(db.run(), 1300)
    equal(said.text, "")
    equal([queue.metrics().produced_count for queue in queues], [1, 0, 1, 1])


async def test_a_produce_async_that_gets_a_task_just_before_the_look_is_not_named():
    async def gathers(producer):
        await asyncio.sleep(1)
        await asyncio.gather(producer.produce_async(1), other.produce_async(2))

    async def makes_a_task(producer):
        await asyncio.sleep(1)
        task = asyncio.create_task(producer.produce_async(1))
        await asyncio.sleep_ms(200)
        await task

    db = AimDb()
    for stage in (gathers, makes_a_task):
        db.configure(stage.__name__, BoundedQueue(2)).source(stage).tap(show)
    other = db.configure("other", BoundedQueue(2)).tap(show)
    with printing() as said, raises(asyncio.TimeoutError):
        await asyncio.wait_for_ms(db.run(), 1300)
    equal(said.text, "")


async def test_listening_for_it_changes_nothing_for_good():
    db = AimDb()
    record = db.configure("a", BoundedQueue(1)).tap(show)
    before = type(record.produce_async)
    for _ in range(3):
        with raises(asyncio.TimeoutError):
            await asyncio.wait_for_ms(db.run(), 5)
    await record.produce_async(1)
    assert type(record.produce_async) is before


async def test_a_source_that_returns_its_value_is_named():
    async def returns(producer):
        return 5

    async def returns_nothing(producer):
        pass

    async def returns_and_produces(producer):
        producer.produce(1)
        return 5

    db = AimDb()
    for stage in (returns, returns_nothing, returns_and_produces):
        db.configure(stage.__name__, SpmcRing(4)).source(stage).tap(show)
    with printing() as said, raises(asyncio.TimeoutError):
        await asyncio.wait_for_ms(db.run(), 1300)
    assert "source returns of record 'returns' returned 5" in said.text, said.text
    equal(said.text.count("\n"), 1)


async def test_a_tap_that_has_yet_to_read_is_not_named():
    async def reads_late(consumer):
        reader = consumer.subscribe()
        await asyncio.sleep(5)
        reader.try_recv()

    async def source(producer):
        producer.produce(1)

    db = AimDb()
    db.configure("record", SpmcRing(4)).source(source).tap(reads_late)
    with printing() as said, raises(asyncio.TimeoutError):
        await asyncio.wait_for_ms(db.run(), 1300)
    equal(said.text, "")


async def test_a_tap_that_ends_without_reading_is_named():
    async def prints(value):
        print(value)

    async def reads_one(consumer):
        await consumer.subscribe().recv()

    async def source(producer):
        await asyncio.sleep_ms(1)
        producer.produce(1)

    db = AimDb()
    for tap in (prints, reads_one):
        db.configure(tap.__name__, SpmcRing(4)).source(source).tap(tap)
    db.configure("without values", SpmcRing(4)).tap(prints).tap(show)
    with printing() as said, raises(asyncio.TimeoutError):
        await asyncio.wait_for_ms(db.run(), 1300)
    assert "tap prints of record 'prints' has ended and read nothing" in said.text, said.text
    equal(said.text.count("aimdb:"), 1)


async def test_a_stage_that_comes_while_the_run_is_under_way_is_named():
    db = AimDb()
    db.configure("a", SpmcRing(4)).tap(show)
    with printing() as said:
        run = asyncio.create_task(db.run())
        await asyncio.sleep_ms(5)
        db.configure("b", SpmcRing(4)).source(idle)
        run.cancel()
        await asyncio.sleep_ms(5)
        db.configure("c", SpmcRing(4)).source(idle)
    equal(said.text, "aimdb: record 'b' got a source while db.run() is under way, which the next db.run() starts\n")


async def test_a_run_without_stages_says_so():
    with printing() as said:
        await AimDb().run()
    equal(said.text, "aimdb: db.run() has no stage to run, and ends\n")


def test_a_key_that_there_is_not_is_answered_with_those_there_are():
    db = AimDb()
    with raises(RecordKeyNotFound) as caught:
        db.producer("temp")
    equal(str(caught.error), "no record 'temp' has a buffer")
    db.configure("temperature", SpmcRing(4))
    db.configure("humidity", Mailbox())
    db.configure("pressure")
    with raises(RecordKeyNotFound) as caught:
        db.consumer("temp")
    equal(str(caught.error), "no record 'temp' has a buffer; those that have: 'humidity', 'temperature'")


def test_what_is_no_bool_for_profile_is_told():
    for profile in ("my database", [], 0, None):
        with raises(TypeError) as caught:
            AimDb(profile)
        assert "profile is True or False" in str(caught.error), caught.error


def test_a_capacity_of_a_buffer_that_has_one_place_is_told():
    for kind in (SingleLatest, Mailbox):
        with raises(ValueError) as caught:
            kind(16)
        equal(str(caught.error), "capacity is always 1, not 16")


def test_what_is_no_bool_for_write_is_told():
    record = AimDb().configure("a", Mailbox())
    with raises(TypeError) as caught:
        record.remote(JsonCodec())
    assert "record 'a': write is True or False" in str(caught.error), caught.error


async def test_a_buffer_of_ones_own_that_lacks_a_method_is_told_before_anything_starts():
    for kind, missing in ((WithoutTake, "take(self, reader)"), (WithoutHasValue, "has_value(self, reader)")):
        db = AimDb()
        db.configure("largest", kind()).tap(show)
        mistake = await mistake_of(db)
        for word in ("'largest'", kind.__name__, missing, "tap"):
            assert word in mistake, mistake
        db = AimDb()
        db.configure("largest", kind())
        db.configure("doubled", SpmcRing(2)).transform("largest", lambda value: 2 * value)
        mistake = await mistake_of(db)
        for word in ("'largest'", kind.__name__, missing, "the transform of record 'doubled'"):
            assert word in mistake, mistake
    db = AimDb()
    db.configure("largest", WithoutPush())
    mistake = await mistake_of(db)
    assert "push(self, value)" in mistake, mistake


async def test_a_push_that_is_async_is_told_before_anything_starts():
    db = AimDb()
    db.configure("largest", Waiting())
    mistake = await mistake_of(db)
    assert "Waiting whose push is an async def" in mistake and "push_async" in mistake, mistake


async def test_it_is_told_of_a_subclass_of_a_buffer_in_memory_too_and_of_an_async_close():
    for kind, method in ((WaitingRing, "push"), (ClosesLater, "close")):
        db = AimDb()
        db.configure("a", kind(4)).tap(show)
        mistake = await mistake_of(db)
        assert "%s whose %s is an async def" % (kind.__name__, method) in mistake, mistake


async def test_a_buffer_of_ones_own_that_nobody_reads_needs_only_push():
    async def source(producer):
        producer.produce(5)

    buffer = Kept()
    db = AimDb()
    db.configure("largest", buffer).source(source)
    await db.run()
    equal(buffer.value, 5)


async def test_a_buffer_of_ones_own_that_takes_its_methods_from_another_object_is_right():
    async def source(producer):
        producer.produce(5)

    class Proxy(Buffer):
        def __init__(self, ring):
            self.push = ring.push
            self.subscribe = ring.subscribe

    db = AimDb()
    ring = SpmcRing(4)
    db.configure("largest", Proxy(ring)).source(source).tap(show)
    run = asyncio.create_task(db.run())
    for _ in range(200):  # To begin takes a board more than some milliseconds.
        await asyncio.sleep_ms(10)
        if ring.metrics().consumed_count:
            break
    run.cancel()
    equal(ring.metrics().consumed_count, 1)


async def test_a_class_in_place_of_a_stage_is_told():
    class Sensor:
        def __init__(self, producer):
            pass

    db = AimDb()
    db.configure("temperature", SpmcRing(4)).source(Sensor)
    mistake = await mistake_of(db)
    assert "Sensor" in mistake and "it is a class" in mistake, mistake


async def test_a_def_without_async_in_place_of_a_stage_is_told():
    def sense(producer):
        pass

    db = AimDb()
    db.configure("temperature", SpmcRing(4)).source(sense)
    mistake = await mistake_of(db)
    assert "sense" in mistake and "it is a def without async" in mistake, mistake


async def test_a_lambda_in_place_of_a_stage_that_gives_no_coroutine_is_told():
    db = AimDb()
    db.configure("temperature", SpmcRing(4)).source(lambda producer: 5)
    mistake = await mistake_of(db)
    assert "not an async function of one argument: it gives 5" in mistake, mistake


async def died(stage):
    db = AimDb()
    db.configure("temperature", SpmcRing(4)).tap(stage)
    return await said_by_run(db)


async def said_by_run(db):
    with printing() as said:
        try:
            await db.run()
        except Exception:
            pass
    return said.text


async def test_an_await_too_many_is_hinted_at():
    async def awaits_produce(record):
        await record.produce(1)

    async def awaits_subscribe(record):
        await record.subscribe()

    async def iterates(record):
        for _ in record.subscribe():
            pass

    async def iterates_the_consumer(record):
        for _ in record:
            pass

    for stage, words in (
        (awaits_produce, "are not awaited"),
        (awaits_subscribe, "a reader is neither awaited nor read by a plain for"),
        (iterates, "a reader is neither awaited nor read by a plain for"),
        (iterates_the_consumer, "a consumer is read by: async for"),
    ):
        text = await died(stage)
        assert words in text, text


async def test_a_tap_that_takes_its_record_for_a_value_is_told_how_to_read():
    async def formats(value):
        print("%.1f" % value)

    async def compares(value):
        return value > 30

    async def indexes(value):
        return value["celsius"]

    for stage in formats, compares, indexes:
        text = await died(stage)
        assert "async for value in consumer.subscribe()" in text, text


async def test_a_push_async_without_async_is_hinted_at():
    class Log(Buffer):
        def push(self, value):
            pass

        def push_async(self, value):
            self.push(value)

    async def source(producer):
        await producer.produce_async(1)

    db = AimDb()
    db.configure("a", Log()).source(source)
    with printing() as said, raises(TypeError):
        await db.run()
    assert "; or has a buffer a push_async or subscribe_async without async?" in said.text, said.text


async def test_a_subscribe_async_without_async_is_hinted_at():
    class Log(SpmcRing):
        def subscribe_async(self):
            return self.subscribe()

    db = AimDb()
    db.configure("a", Log(2))
    db.configure("b", SpmcRing(2)).transform("a", lambda value: value)
    with printing() as said, raises(TypeError):
        await db.run()
    assert "; or has a buffer a subscribe_async without async?" in said.text, said.text


def test_a_buffer_without_parentheses_is_told():
    for kind, arguments in ((BoundedQueue, "16"), (SingleLatest, ""), (FlashQueue, "…")):
        with raises(TypeError) as caught:
            AimDb().configure("x", kind)
        name = kind.__name__
        equal(str(caught.error), "record 'x': %s is a class; write %s(%s)" % (name, name, arguments))


def test_codecs_name_themselves():
    for codec, value in (
        (JsonCodec(), object()),
        (StructCodec("<If"), 3),
        (StructCodec("<B"), 300),
        (StructCodec("<B"), "x"),
    ):
        try:
            codec.encode(value)
        except (TypeError, ValueError) as error:
            assert type(codec).__name__ in str(error), error
        else:
            raise AssertionError("it was taken")


async def test_a_database_that_is_wired_again_after_a_crash_is_told_to_be_made_anew():
    db = AimDb()

    async def wire():
        db.configure("temperature", SpmcRing(4)).source(dies)
        await db.run()

    async def dies(producer):
        raise ValueError("a sensor")

    with printing(), raises(ValueError):
        await wire()
    with raises(InvalidConfiguration) as caught:
        await wire()
    assert "a start that wires anew makes its AimDb anew" in str(caught.error), str(caught.error)


async def test_what_a_reader_has_is_told():
    async def gets(record):
        await record.subscribe().get()

    async def polls(record):
        record.subscribe().try_recv()

    async def commits(record):
        await record.subscribe().commit()

    assert "; a reader has recv, " in await died(gets)
    assert "commit is of a FlashQueue, and of an MqttTopic with commits=True" in await died(commits)
    assert "; await reader.recv() waits for a value" in await died(polls)


def test_who_asks_a_record_for_its_value_is_told_which_buffer_has_one():
    for name in ("value", "latest", "get", "get_nowait"):
        with raises(AttributeError) as caught:
            getattr(AimDb().configure("temperature", SpmcRing(4)), name)
        assert "record.buffer.peek() looks at that of a SingleLatest" in str(caught.error), caught.error


def test_who_asks_a_record_for_what_a_queue_writes_with_is_told_what_writes_it():
    for name in ("put", "put_nowait"):
        with raises(AttributeError) as caught:
            getattr(AimDb().configure("work", BoundedQueue(4)), name)
        assert "try_produce(value) and await produce_async(value) write it" in str(caught.error), caught.error


def test_who_asks_a_record_for_a_call_of_its_readers_is_told_to_keep_one():
    for name in ("recv", "ready", "commit"):
        with raises(AttributeError) as caught:
            getattr(AimDb().configure("temperature", SpmcRing(4)), name)
        assert "; reader = record.subscribe() once, and then reader." + name in str(caught.error), caught.error


def test_who_asks_a_database_to_stop_is_told_how_a_run_ends():
    for name in ("stop", "close", "cancel"):
        with raises(AttributeError) as caught:
            getattr(AimDb(), name)
        assert "cancel the task that awaits db.run()" in str(caught.error), caught.error


async def test_what_goes_on_where_a_reader_lags_or_a_queue_is_full_is_told():
    async def lags(record):
        reader = record.subscribe()
        for value in range(5):
            record.produce(value)
        await reader.recv()

    async def overfills(_):
        db = AimDb()
        db.configure("queue", BoundedQueue(1)).try_produce(1)
        db.producer("queue").try_produce(2)

    assert "; async for counts them in reader.lagged" in await died(lags)
    assert "; await produce_async(value) waits for space" in await died(overfills)


async def test_an_await_that_is_missing_is_hinted_at():
    async def adds(record):
        record.produce(1)
        return record.subscribe().recv() + 1

    async def reads(record):
        return record.subscribe_async().try_recv()

    async def prints(record):
        print("%.1f C" % record.subscribe().recv())

    async def formats(record):
        print("{:.1f} C".format(record.subscribe().recv()))

    async def encodes(record):
        return JsonCodec().encode({"celsius": record.subscribe().recv()})

    async def unpacks_what_is_there(record):
        reader = record.subscribe()
        record.produce((1, 2))
        x, y = reader.recv()

    for stage in (adds, reads, prints, formats, encodes, unpacks_what_is_there):
        assert "is an await missing" in await died(stage)


async def test_who_unpacks_a_recv_that_is_not_awaited_is_told():
    async def unpacks(record):
        x, y = record.subscribe().recv()

    assert "await reader.recv() waits for a value" in await died(unpacks)


async def test_who_iterates_over_a_wait_in_place_of_awaiting_it_waits_no_more():
    for buffer in (BoundedQueue(1), Mailbox(), SpmcRing(1), SingleLatest()):
        reader = buffer.subscribe()
        for wait in (lambda: reader.recv(), lambda: reader.recv(timeout_ms=60000), lambda: reader.ready()):
            with raises(BufferEmpty):
                for _ in wait():
                    pass
                reader.try_recv()  # This is for `ready`, which has ended.
        buffer.push(5)
        equal(await reader.recv(), 5)


async def test_who_iterates_over_a_push_async_that_waits_waits_no_more_and_the_value_counts_as_dropped():
    queue = BoundedQueue(1)
    queue.push(1)
    for _ in queue.push_async(2):
        pass
    equal(queue.metrics().dropped_count, 1)
    reader = queue.subscribe()
    equal(await reader.recv(), 1)
    await queue.push_async(3)
    equal(await reader.recv(), 3)


async def test_parentheses_that_are_missing_are_hinted_at():
    async def awaits(record):
        await record.subscribe().recv

    async def iterates(record):
        async for _ in record.subscribe:
            pass

    for stage in (awaits, iterates):
        assert "are parentheses missing" in await died(stage)


async def test_formatting_a_consumer_as_if_it_were_a_value_is_hinted_at():
    async def formats(record):
        print("{:.1f} C".format(record))

    assert "a stage gets its record, and no value" in await died(formats)


async def test_reading_a_consumer_without_subscribing_is_hinted_at():
    async def iterates(record):
        async for _ in record:
            pass

    assert "consumer.subscribe()" in await died(iterates)


async def test_awaiting_a_task_that_was_cancelled_is_hinted_at():
    async def other():
        pass

    async def awaits(record):
        task = asyncio.create_task(other())
        task.cancel()
        await task

    assert "awaited a task that was cancelled" in await died(awaits)


async def test_producing_by_a_sync_producer_as_by_a_record_is_hinted_at():
    async def produces(record):
        record.db.sync_producer(record.key).produce(1)

    assert "; a SyncProducer has try_send(value)" in await died(produces)


async def died_computing(call, *arguments, **options):
    db = AimDb()
    getattr(db.configure("computed", SpmcRing(4)), call)(*arguments, **options)
    db.configure("temperature", SingleLatest()).produce(21)
    return await said_by_run(db)


async def test_a_transform_of_too_many_or_too_few_arguments_is_hinted_at():
    for fn, options in ((lambda value, state: value, {}), (lambda value: value, {"state": []})):
        text = await died_computing("transform", "temperature", fn, **options)
        assert "; it is called as fn(value), and with a state as fn(value, state)" in text, text


async def test_a_join_that_mistakes_what_it_is_given_is_hinted_at():
    async def producer_first(producer, inputs):
        async for key, value in inputs:
            producer.produce(value)

    async def pairs_for_values(inputs, producer):
        async for value in inputs:
            producer.produce(value + 1)

    async def values_as_arguments(celsius, percent):
        return (celsius + percent) / 2

    async def compared(celsius, percent):
        return celsius > 30

    async def plain_for(inputs, producer):
        for key, value in inputs:
            producer.produce(value)

    async def awaited(inputs, producer):
        producer.produce(await inputs)

    for stage in (producer_first, pairs_for_values, values_as_arguments, compared, plain_for, awaited):
        text = await died_computing("transform_join", ("temperature",), stage)
        hint = "; a join is async def stage(inputs, producer), and reads pairs: async for key, value in inputs\n"
        assert text.endswith(hint), text


async def test_other_errors_get_no_hint():
    async def divides(record):
        return 1 / 0

    text = await died(divides)
    assert text.endswith("died: %r\n" % ZeroDivisionError("divide by zero")), text


async def test_an_argument_that_is_left_out_is_told_by_its_name():
    db = AimDb()
    record = db.configure("a", Mailbox())
    for call, words in (
        (record.tap, "a tap is an async function, not None"),
        (lambda: record.transform("b"), "a transform is a function without async, not None"),
        (record.transform, "a transform's input is a record's key, not None"),
        (lambda: record.transform_join(("b",)), "a transform_join is an async function, not None"),
        (record.signal_gauge, "a gauge's name and unit are strings, not None, ''"),
    ):
        with raises(TypeError) as caught:
            call()
        equal(str(caught.error), "record 'a': " + words)
    record.link_to()
    equal(
        await mistake_of(db),
        "record 'a' has a link_to with no URL; one begins with its scheme, as in mqtt://host/topic",
    )


def test_a_call_that_a_record_has_not_is_answered_with_those_like_it():
    db = AimDb()
    record = db.configure("temperature", Mailbox())
    for name, advice in (
        ("sources", "it has source"),
        ("prod", "it has produce, produce_async"),
        ("publish", "produce(value)"),
        ("read", "record.subscribe()"),
        ("xyz", "link_to"),
        ("peek", "record.buffer.peek"),
        ("metrics", "record.buffer.metrics"),
        ("recv", "reader.recv"),
    ):
        with raises(AttributeError) as caught:
            getattr(record, name)
        assert "'Record' object has no attribute '%s'; " % name in str(caught.error), caught.error
        assert advice in str(caught.error), caught.error
    with raises(AttributeError) as caught:
        db.config("temperature")
    assert "; it has configure, consumer" in str(caught.error), caught.error
    for name, advice in (("start", "asyncio.run(db.run())"), ("tap", "db.configure(key).tap")):
        with raises(AttributeError) as caught:
            getattr(db, name)
        assert advice in str(caught.error), caught.error
    assert not hasattr(record, "_private")


def test_a_buffer_in_place_of_the_key_is_told_where_it_goes():
    for configure in (AimDb().configure, lambda buffer: AimDb.configure("temperature", buffer)):
        with raises(TypeError) as caught:
            configure(SpmcRing(4))
        assert "AimDb().configure(key, buffer)" in str(caught.error), caught.error


async def test_a_buffer_that_is_written_by_produce_async_alone_needs_no_push():
    class Remote(Buffer):
        async def push_async(self, value):
            got.append(value)

    async def source(producer):
        await producer.produce_async(1)

    got = []
    db = AimDb()
    db.configure("remote", Remote()).source(source)
    await db.run()
    equal(got, [1])


def made_by(make, *arguments, **options):
    with raises(TypeError) as caught:
        make(*arguments, **options)
    return str(caught.error)


async def test_a_misspelt_option_is_told_with_those_that_there_are():
    equal(made_by(BoundedQueue, capactiy=3), "BoundedQueue has no option 'capactiy'; it has capacity")
    equal(made_by(SingleLatest, initial=3), "SingleLatest has no option 'initial'; it has none")
    equal(made_by(every, perid_ms=3), "every has no option 'perid_ms'; it has period_ms, read, give_up_after")
    equal(made_by(FlashQueue, max_sise=3)[:46], "FlashQueue has no option 'max_sise'; it has ma")
    equal(made_by(Broker, wlil=3)[:38], "Broker has no option 'wlil'; it has wi")
    equal(made_by(Setting, dfault=3)[:46], "Setting has no option 'dfault'; it has default")
    equal(made_by(Hub, tokn=3)[:39], "Hub has no option 'tokn'; it has token,")
    equal(made_by(AimxServer, AimDb(), port=7433)[:41], "AimxServer has no option 'port'; it has t")
    assert "capacity is an int" in made_by(BoundedQueue)


def test_a_misspelt_option_of_a_server_of_ones_own_class_is_told_as_well():
    class Server(AimxServer):
        pass

    equal(made_by(Server, AimDb(), port=7433)[:41], "AimxServer has no option 'port'; it has t")


def test_options_that_are_right_load_nothing():
    once = aimdb.once
    loaded = []
    aimdb.once = loaded.append
    try:
        BoundedQueue(capacity=3)
        every(period_ms=10, read=len)
        Setting("/setting", default=3)
        AimDb(profile=False).configure(key="t", buffer=SpmcRing(4)).source(stage=idle).tap(stage=show)
    finally:
        aimdb.once = once
        once("running").drop_configuring()  # It may have taken the other one over.
    equal(loaded, [])


def test_an_option_of_a_broker_that_its_url_has_is_answered_with_a_url():
    for option in "host", "port", "user", "password":
        text = made_by(Broker, **{option: "x"})
        equal(text, "Broker has no option '%s'; the URL has it: mqtt://user:password@host:1883" % option)


async def test_a_class_of_the_program_takes_what_it_likes():
    class Display(Buffer):
        def __init__(self, pin):
            self.pin = pin

    equal(Display(pin=3).pin, 3)


async def test_a_misspelt_option_of_any_call_of_the_wiring_is_told_with_those_that_there_are():
    equal(made_by(AimDb, profil=True), "AimDb has no option 'profil'; it has profile")
    db = AimDb()
    equal(made_by(db.configure, "t", SpmcRing(4), capacity=3), "configure has no option 'capacity'; it has key, buffer")
    equal(made_by(db.configure, name="t", buffer=SpmcRing(4)), "configure has no option 'name'; it has key, buffer")
    record = db.configure("t", SpmcRing(4))
    equal(made_by(record.source, fn=idle), "source has no option 'fn'; it has stage")
    equal(made_by(record.tap, show, name="x"), "tap has no option 'name'; it has stage")
    equal(made_by(db.sync_producer, "t", dept=4), "sync_producer has no option 'dept'; it has depth, key, format")
    equal(made_by(db.run, timeout_ms=4), "run has no option 'timeout_ms'; it has none")


async def test_a_stage_that_dies_of_a_misspelt_time_limit_is_told_how_it_is_written():
    async def produces(producer):
        await producer.produce_async(1, timeout=5)

    async def reads(consumer):
        await consumer.subscribe().recv(timeout=5)

    for stages in ((produces, show), (idle, reads)):
        db = AimDb()
        db.configure("t", BoundedQueue(4)).source(stages[0]).tap(stages[1])
        with printing() as said, raises(TypeError):
            await db.run()
        assert "produce_async(value, timeout_ms=…) and recv(timeout_ms=…)" in said.text, said.text


async def test_a_push_that_does_not_wake_its_readers_is_told():
    class Silent(WithoutHasValue):
        def push(self, value):
            self.value = value

        def has_value(self, reader):
            return self.value is not None

    async def source(producer):
        await asyncio.sleep_ms(100)
        producer.produce(1)

    async def patient(consumer):
        await consumer.subscribe().recv(timeout_ms=5000)

    for tap in (show, patient):
        db = AimDb()
        db.configure("a", Silent()).source(source).tap(tap)
        with printing() as said, raises(asyncio.TimeoutError):
            await asyncio.wait_for_ms(db.run(), 2000)
        line = "aimdb: tap %s of record 'a' waits for a value of record 'a', which has one; its push must end with "
        equal(said.text, line % tap.__name__ + "self.wake()\n")


async def test_a_source_that_waits_for_a_value_of_its_own_record_is_told_that_a_tap_reads():
    async def produces(producer):
        for value in range(1000):
            producer.produce(value)
            await asyncio.sleep_ms(50)

    for writers in ((), (produces,)):
        db = AimDb()
        record = db.configure("temperature", SpmcRing(4)).source(show)
        for stage in writers:
            record.tap(stage)
        with printing() as said, raises(asyncio.TimeoutError):
            await asyncio.wait_for_ms(db.run(), 1100)
        equal(said.text.count("\n"), 1)
        assert "source show of record 'temperature' waits for a value of that record" in said.text, said.text
