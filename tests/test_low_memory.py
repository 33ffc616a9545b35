"""All or nothing, also when the heap is full: every public call with ever more free blocks, until it has enough."""

import asyncio
import gc
import io
import sys

import aimdb
import harness
from aimdb import (
    AimDb,
    BoundedQueue,
    BufferClosed,
    BufferEmpty,
    BufferFull,
    BufferLagged,
    Mailbox,
    SingleLatest,
    SpmcRing,
)
from aimdb.polling import readable
from aimdb_conformance.support import settle
from harness import equal, heap_locked, only, raises
from scarce import BLOCK, Scarce

TIME_LIMIT = 600
ENOUGH = 3  # So many times in a row a call must have had memory enough.
ROOM = 32768 // BLOCK  # For a sweep on a board: the rest is filled only once, as a collection takes long there.


class Scene:
    """A buffer, its readers, and tasks that wait; and one call that is made with little memory."""

    def __init__(self, make):
        self.buffer = make()
        self.record = AimDb().configure("record", self.buffer)
        self.readers = [self.buffer.subscribe()]
        self.reader = self.readers[0]
        self.tasks = []
        self.ended = []  # What became of them: (number, value or class of the error).
        self.outcome = None
        self.result = None

    async def begin(self, make_coroutine):
        """A task that waits when the call is made."""
        self.tasks.append(asyncio.create_task(self._follow(len(self.tasks), make_coroutine())))
        await settle()

    async def _follow(self, number, coroutine):
        try:
            ended = await coroutine
        except (Exception, asyncio.CancelledError) as error:
            ended = type(error)
        self.ended.append((number, ended))

    def attempt(self, call):
        # Nothing here needs heap. True when there was enough.
        try:
            self.result = call(self)
        except MemoryError:
            return False
        except Exception as error:
            self.result = error
        return True

    async def attempt_async(self, call):
        try:
            self.result = await call(self)
        except MemoryError:
            return False
        except (Exception, asyncio.CancelledError) as error:
            self.result = error
        return True

    def seen(self):
        """All that can be seen without changing anything."""
        metrics = self.buffer.metrics()
        result = self.result
        if isinstance(result, BaseException):
            result = (type(result), getattr(result, "value", None))
        elif result is not None and not isinstance(result, (int, tuple)):
            result = type(result)
        lagged = [reader.lagged for reader in self.readers]
        closed = [reader.closed for reader in self.readers]
        return metrics, self.buffer.peek(), self.buffer.closed, lagged, closed, sorted(self.ended, key=repr), result

    async def remains(self):
        """What every reader gets from here on, and what becomes of the tasks."""
        await settle()
        seen = [self.seen()]
        self.buffer.push(100)
        await settle()
        for reader in self.readers:
            seen.append([])
            for _ in range(8):
                try:
                    seen[-1].append(reader.try_recv())
                except (BufferEmpty, BufferLagged, BufferClosed) as error:
                    seen[-1].append((type(error), getattr(error, "count", None)))
        await settle()
        self.buffer.close()
        await settle()
        seen.append(self.seen())
        return seen


async def prepared(make, prepare):
    scene = Scene(make)
    if prepare:
        result = prepare(scene)
        if result:
            await result
    return scene


async def sweep(make, prepare, call, waits):
    """The call with 0, 1, 2 ... free blocks: it has done all or nothing, and a repetition does what is left to do."""
    scene = await prepared(make, prepare)
    before = scene.seen()
    await scene.attempt_async(call) if waits else scene.attempt(call)
    after = scene.seen()
    remains = await scene.remains()
    blocks = enough = 0
    while enough < ENOUGH:
        assert blocks < 200, "there is never memory enough"
        scene = await prepared(make, prepare)
        attempt = scene.attempt_async(call) if waits else None
        with Scarce(blocks):
            done = await attempt if waits else scene.attempt(call)
        if done:
            enough += 1
        else:
            enough = 0
            try:
                equal(scene.seen(), before)
            except AssertionError as error:
                raise AssertionError("with %d blocks free it has done a part: %s" % (blocks, error))
            again = await scene.attempt_async(call) if waits else scene.attempt(call)
            assert again
        try:
            equal(scene.seen(), after)
            equal(await scene.remains(), remains)
        except AssertionError as error:
            what = "all" if done else "a repetition"
            raise AssertionError("with %d blocks free %s has not done everything: %s" % (blocks, what, error))
        blocks += 1


def full(scene):
    for value in range(scene.buffer.capacity):
        scene.buffer.push(value)


def overfull(scene):
    full(scene)
    full(scene)


def closed(scene):
    full(scene)
    scene.buffer.close()


async def reader_waits(scene):
    await scene.begin(scene.reader.recv)


async def two_readers_wait(scene):
    await scene.begin(scene.reader.recv)
    scene.readers.append(scene.buffer.subscribe())
    await scene.begin(scene.readers[1].recv)


async def reader_waits_in_time(scene):
    await scene.begin(lambda: scene.reader.recv(timeout_ms=100000))


async def producer_waits(scene):
    full(scene)
    await scene.begin(lambda: scene.record.produce_async(50))
    await scene.begin(lambda: scene.record.produce_async(51, timeout_ms=100000))


async def value_is_granted(scene):
    await two_readers_wait(scene)
    scene.buffer.push(7)


async def pushes_soon(scene):
    async def push():
        for _ in range(3):
            await asyncio.sleep_ms(0)
        scene.buffer.push(8)

    asyncio.create_task(push())


async def reads_soon(scene):
    full(scene)

    async def read():
        for _ in range(3):
            await asyncio.sleep_ms(0)
        scene.result = scene.reader.try_recv()

    asyncio.create_task(read())


def produce(scene):
    return scene.record.produce(9)


def try_produce(scene):
    return scene.record.try_produce(9)


def try_recv(scene):
    return scene.reader.try_recv()


def subscribe(scene):
    scene.readers.append(scene.buffer.subscribe())


def close_reader(scene):
    scene.reader.close()


def close(scene):
    scene.buffer.close()


def cancel(scene):
    scene.tasks[0].cancel()


def look(scene):
    return (scene.buffer.peek(), scene.buffer.held(), scene.buffer.metrics().occupancy)


def produce_async(scene):
    return scene.record.produce_async(9)


def produce_in_time(scene):
    return scene.record.produce_async(9, timeout_ms=100000)


def produce_in_no_time(scene):
    return scene.record.produce_async(9, timeout_ms=0)


def recv(scene):
    return scene.reader.recv()


def recv_in_time(scene):
    return scene.reader.recv(timeout_ms=100000)


def recv_in_no_time(scene):
    return scene.reader.recv(timeout_ms=0)


def ready(scene):
    return scene.reader.ready()


BUFFERS = {
    "ring": lambda: SpmcRing(2),
    "latest": SingleLatest,
    "mailbox": Mailbox,
    "queue": lambda: BoundedQueue(2),
}


async def sweep_all(cases, buffers=("queue", "ring"), waits=False):
    if harness.target != "unix":
        cases, buffers = cases[:1], ("queue",)
    for name in buffers:
        for prepare, call in cases:
            gc.collect()
            try:
                if harness.target == "unix":
                    await sweep(BUFFERS[name], prepare, call, waits)
                else:
                    with Scarce(ROOM):
                        await sweep(BUFFERS[name], prepare, call, waits)
            except AssertionError as error:
                case = "%s on a %s, %s" % (call.__name__, name, prepare.__name__ if prepare else "empty")
                raise AssertionError("%s: %s" % (case, error))


async def test_writing_does_all_or_nothing():
    states = (reader_waits, full, None, closed, two_readers_wait, reader_waits_in_time, producer_waits)
    await sweep_all([(state, call) for state in states for call in (try_produce, produce)], BUFFERS)


async def test_reading_does_all_or_nothing():
    states = (overfull, producer_waits, None, closed, two_readers_wait, value_is_granted)
    await sweep_all([(state, try_recv) for state in states], BUFFERS)


async def test_subscribing_does_all_or_nothing():
    await sweep_all([(state, subscribe) for state in (full, reader_waits, None, closed, value_is_granted)])


async def test_closing_a_reader_does_all_or_nothing():
    states = (two_readers_wait, value_is_granted, None, reader_waits, full, reader_waits_in_time)
    await sweep_all([(state, close_reader) for state in states])


async def test_closing_a_buffer_does_all_or_nothing():
    states = (two_readers_wait, producer_waits, None, value_is_granted, reader_waits_in_time)
    await sweep_all([(state, close) for state in states])


async def test_closing_a_buffer_without_heap_does_all_or_nothing_however_many_attributes_it_has():
    for count in range(12):
        queue = BoundedQueue(1)
        reader = queue.subscribe()
        for number in range(count):
            setattr(queue, "attribute%d" % number, number)
        with heap_locked():
            try:
                queue.close()
            except MemoryError:
                pass
        with raises(BufferClosed if queue.closed else asyncio.TimeoutError):
            await reader.recv(0)


async def test_cancelling_who_waits_does_all_or_nothing():
    await sweep_all([(state, cancel) for state in (value_is_granted, two_readers_wait, reader_waits_in_time)])


async def test_looking_does_all_or_nothing():
    await sweep_all([(state, look) for state in (full, None)])


async def test_awaiting_a_value_does_all_or_nothing():
    cases = [(state, call) for state in (pushes_soon, overfull, closed) for call in (recv_in_time, recv, ready)]
    await sweep_all(cases + [(None, recv_in_no_time), (full, recv_in_no_time)], waits=True)


async def test_awaiting_a_slot_does_all_or_nothing():
    cases = [(state, call) for state in (reads_soon, closed, None) for call in (produce_in_time, produce_async)]
    await sweep_all(cases + [(full, produce_in_no_time)], ("queue",), waits=True)


async def sweep_database(prepare, call, check):
    """The same for calls of a database: `check` says what is wrong once `call` was made, again if need be."""
    blocks = enough = 0
    while enough < ENOUGH:
        assert blocks < 200, "there is never memory enough"
        db = AimDb()
        prepare(db)
        with Scarce(blocks):
            try:
                call(db)
                done = True
            except MemoryError:
                done = False
        enough = enough + 1 if done else 0
        if not done:
            call(db)
        try:
            await check(db)
        except Exception as error:
            raise AssertionError("with %d blocks free, done %r: %r" % (blocks, done, error))
        blocks += 1


@only("unix", reason="a collection takes long on a board")
async def test_a_producer_waits_though_there_is_no_memory_to_load_what_looks_after_it():
    sys.modules.pop("aimdb.room", None)
    if hasattr(aimdb, "room"):
        delattr(aimdb, "room")
    queue = BoundedQueue(1)
    reader = queue.subscribe()
    queue.push(0)
    task = asyncio.create_task(queue.push_async(1))
    with heap_locked():
        await asyncio.sleep_ms(0)
    equal((reader.try_recv(), task.done()), (0, False))
    await task
    equal(reader.try_recv(), 1)


async def test_configuring_a_record_does_all_or_nothing():
    buffer = None

    def prepare(db):
        nonlocal buffer
        buffer = BoundedQueue(2)
        db.configure("other", SpmcRing(2))

    async def check(db):
        await db.run()
        db.producer("record").produce(1)
        equal((buffer.key, buffer.peek()), ("record", 1))

    await sweep_database(prepare, lambda db: db.configure("record", buffer), check)


@only("unix", reason="a collection takes long on a board")
async def test_adding_stages_does_all_or_nothing():
    runs = []

    async def stage(record):
        runs.append(record.key)

    def prepare(db):
        db.configure("record", BoundedQueue(2))
        runs.clear()

    async def check(db):
        await db.run()
        equal(runs, ["record"])

    await sweep_database(prepare, lambda db: db.configure("record").tap(stage), check)
    await sweep_database(prepare, lambda db: db.configure("record").source(stage), check)


class Stream(io.IOBase):
    """There is always something to read."""

    def ioctl(self, request, flags):
        return flags & 1


class Silent(io.IOBase):
    """There is never anything to read."""

    def ioctl(self, request, flags):
        return 0


async def read_from(stream):
    yield readable(stream)


@only("unix", reason="a collection takes long on a board")
async def test_waiting_for_a_stream_does_all_or_nothing():
    for count in (1, 2, 5, 12):
        # The poll's table grows with the streams that are in it.
        others = [asyncio.create_task(read_from(Silent())) for _ in range(count - 1)]
        await settle()
        for blocks in range(24):
            stream = Stream()
            with Scarce(blocks):
                try:
                    await read_from(stream)
                except MemoryError:
                    pass
            await asyncio.sleep_ms(1)  # A poll.
            await read_from(stream)
        for task in others:
            task.cancel()
        await settle()


@only("unix", reason="a collection takes long on a board")
async def test_a_run_for_which_there_is_too_little_memory_can_be_repeated():
    received = [None] * 6
    count = 0
    blocks = enough = 0

    async def source(producer):
        while not producer.buffer.closed:
            value = producer.buffer.metrics().produced_count
            if value == 6:
                return producer.buffer.close()
            await producer.produce_async(value)

    async def tap(consumer):
        nonlocal count
        async for value in consumer.subscribe():
            received[count] = value
            count += 1

    while enough < ENOUGH:
        count = 0
        db = AimDb()
        db.configure("record", BoundedQueue(2)).source(source).tap(tap)
        run = db.run()
        with Scarce(blocks):
            try:
                await run
                done = True
            except MemoryError:
                done = False
        run = None
        enough = enough + 1 if done else 0
        if not done:
            await settle()
            await db.run()
        equal((blocks, count, received), (blocks, 6, [0, 1, 2, 3, 4, 5]))
        blocks += 1 + blocks // 8  # From the source, loading the module that starts a run takes many.


async def test_when_there_is_too_little_memory_to_start_all_stages_none_runs():
    create_task = asyncio.create_task
    begun = []

    async def stage(consumer):
        begun.append(consumer.key)

    def create_first(coroutine):
        asyncio.create_task = create_no_more
        return create_task(coroutine)

    def create_no_more(coroutine):
        raise MemoryError

    db = AimDb()
    db.configure("record", BoundedQueue(1)).tap(stage).tap(stage)
    asyncio.create_task = create_first
    try:
        with raises(MemoryError):
            await db.run()
    finally:
        asyncio.create_task = create_task
    await settle()
    equal(begun, [])


async def test_a_run_that_has_ended_for_want_of_memory_says_so_and_can_be_repeated_in_its_loop():
    error = None

    async def run():
        nonlocal error
        try:
            await db.run()
        except Exception as er:
            error = er

    async def hungry(consumer):
        await consumer.subscribe().recv()
        bytearray(100)

    async def other(consumer):
        await consumer.subscribe().recv()

    db = AimDb()
    queue = BoundedQueue(1)
    db.configure("first", queue).tap(hungry)
    db.configure("second", SpmcRing(1)).tap(other).tap(other)
    task = asyncio.create_task(run())
    await settle()
    with heap_locked():
        queue.push(1)
        for _ in range(10):
            await asyncio.sleep_ms(1)
    equal((task.done(), type(error)), (True, MemoryError))
    for key in ("first", "second"):
        db.consumer(key).buffer.close()
    with raises(BufferClosed):
        await db.run()


async def test_a_run_for_want_of_memory_raises_memory_error_though_there_is_memory_again_when_it_ends():
    async def hungry(consumer):
        await consumer.subscribe().recv()
        with heap_locked():
            bytearray(100)

    async def other(consumer):
        try:
            await consumer.subscribe().recv()
        finally:
            with heap_locked():
                try:
                    raise OSError(5)  # The interpreter has one object for all errors then.
                except OSError:
                    pass

    db = AimDb()
    queue = BoundedQueue(1)
    db.configure("first", queue).tap(hungry)
    db.configure("second", BoundedQueue(1)).tap(other)
    task = asyncio.create_task(db.run())
    await settle()
    queue.push(1)
    with raises(MemoryError):
        await task


async def test_a_run_for_want_of_memory_raises_memory_error_though_a_task_has_ended_without_heap_meanwhile():
    async def hungry(consumer):
        await consumer.subscribe().recv()
        with heap_locked():
            bytearray(100)

    async def end():
        pass

    db = AimDb()
    queue = BoundedQueue(1)
    db.configure("first", queue).tap(hungry)
    task = asyncio.create_task(db.run())
    await settle()
    ending = end()
    queue.push(1)
    await asyncio.sleep_ms(0)
    with heap_locked():
        try:
            ending.send(None)
        except StopIteration:  # It is the object that the stage has raised.
            pass
    with raises(MemoryError):
        await task


async def test_a_run_whose_watch_dies_for_want_of_memory_raises_what_has_ended_it():
    sleep = asyncio.sleep

    def hungry_sleep(seconds):
        raise MemoryError  # As where no heap is left for the error by which the watch is cancelled.

    async def dying(producer):
        await asyncio.sleep_ms(1)
        raise OSError(5)

    db = AimDb()
    db.configure("record", BoundedQueue(1)).source(dying)
    asyncio.sleep = hungry_sleep
    try:
        with raises(OSError):
            await db.run()
    finally:
        asyncio.sleep = sleep
    equal(db.failed[:3], ("record", "source", "dying"))


async def test_no_value_of_a_transform_is_lost_for_want_of_memory():
    def compute(value):
        return value if enough else bytearray(value)

    enough = False
    db = AimDb()
    first, second = BoundedQueue(4), BoundedQueue(4)
    db.configure("first", first)
    db.configure("second", second).transform("first", compute)
    task = asyncio.create_task(db.run())
    await settle()
    with heap_locked():
        first.push(100)
        await asyncio.sleep_ms(0)
    with raises(MemoryError):
        await task
    enough = True
    first.close()
    await db.run()
    equal(second.subscribe().try_recv(), 100)


async def test_a_join_that_has_ended_for_want_of_memory_takes_no_more_values():
    async def hungry(inputs, _):
        bytearray((await inputs.recv())[1])

    db = AimDb()
    first = BoundedQueue(4)
    db.configure("first", first)
    db.configure("second", SpmcRing(1)).transform_join(("first",), hungry)
    task = asyncio.create_task(db.run())
    await settle()
    first.push(100)
    await asyncio.sleep_ms(0)  # The join gets the value in the next step.
    with heap_locked():
        for _ in range(5):
            await asyncio.sleep_ms(1)
    assert task.done()
    first.push(200)
    await settle()
    equal(first.held(), 1)


async def test_a_join_that_has_ended_for_want_of_memory_says_so():
    async def hungry_stage(inputs, _):
        bytearray((await inputs.recv())[1])

    async def stage(inputs, _):
        async for _ in inputs:
            pass

    class Hungry(BoundedQueue):
        def subscribe(self):
            def try_recv():
                bytearray(reader.park(reader) or 100)

            reader = super().subscribe()
            reader.try_recv = try_recv
            return reader

    for make, each in ((BoundedQueue, hungry_stage), (Hungry, stage)):
        db = AimDb()
        first = make(4)
        db.configure("first", first)
        db.configure("other", BoundedQueue(4))
        db.configure("second", SpmcRing(1)).transform_join(("first", "other"), each)
        task = asyncio.create_task(db.run())
        await settle()
        first.push(100)
        await asyncio.sleep_ms(0)
        with heap_locked():
            for _ in range(5):
                await asyncio.sleep_ms(1)
        with raises(MemoryError):
            await task


async def test_a_transform_between_rings_needs_no_heap_for_its_first_value_nor_for_a_lag():
    db = AimDb()
    first, second = SpmcRing(2), SingleLatest()
    db.configure("first", first)
    db.configure("second", second).transform("first", abs)
    task = asyncio.create_task(db.run())
    await settle()
    with heap_locked():
        for value in range(5):
            first.push(value)
        for _ in range(3):
            await asyncio.sleep_ms(0)
    equal(second.peek(), 4)
    task.cancel()


async def produce_in_no_time_at_all(queue, reader):
    queue.push(1)
    db = AimDb()
    await db.configure("x", queue).produce_async(2, timeout_ms=0)


async def read_in_no_time_at_all(queue, reader):
    await reader.recv(timeout_ms=0)


# What loads a module when it is first called: the modules, the last one first, and the call.
LATE = (
    ("alarm loop polling", read_in_no_time_at_all),
    ("timing loop polling", produce_in_no_time_at_all),
    ("room leaving loop", lambda queue, reader: reader.close()),
    ("leaving loop", lambda queue, reader: SpmcRing(1).subscribe().close()),
    ("lending polling", lambda queue, reader: queue.subscribe()),
    ("metrics", lambda queue, reader: queue.metrics()),
    ("sentences", lambda queue, reader: str(BufferFull(1, queue))),
    ("mistakes", lambda queue, reader: BoundedQueue(0)),
    ("profiling", lambda queue, reader: AimDb(profile=True)),
)


@only("unix", reason="it takes long, and MicroPython's import is the same on a chip")
async def test_a_call_for_which_there_was_no_memory_to_load_its_module_can_be_repeated():
    for modules, call in LATE:
        for blocks in range(30):
            queue = BoundedQueue(1)
            reader = queue.subscribe()
            aimdb.once("loading").forget("aimdb", *modules.split())
            first = outcome_of(call, queue, reader)
            with Scarce(blocks):
                await first
            # Where the import has left a name without a module, the interpreter would crash now.
            error = await outcome_of(call, queue, reader)
            assert not isinstance(error, MemoryError), (modules, blocks)


async def outcome_of(call, *arguments):
    try:
        result = call(*arguments)
        if hasattr(result, "send"):
            await result
    except Exception as er:
        return er
