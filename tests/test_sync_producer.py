"""What a SyncProducer does, seen from one thread: in tasks, soft interrupts, and with a locked heap as in hard ones."""

import asyncio
import gc
import random
import struct
from time import ticks_diff, ticks_ms

import harness
import micropython
from aimdb import (
    AimDb,
    BoundedQueue,
    Buffer,
    BufferClosed,
    BufferFull,
    Mailbox,
    PackedProducer,
    RecordKeyNotFound,
    SelfDeadlock,
    SendDeadlock,
    SingleLatest,
    SpmcRing,
    SyncProducer,
)
from harness import equal, heap_locked, only, raises
from own_buffers import Largest, Log, Slots
from printing import Unspeakable, printing
from scarce import Scarce
from stepping import Steps, outcome
from virtual_clock import VirtualClock


def record(buffer):
    db = AimDb()
    db.configure("x", buffer)
    return db, db.consumer("x").subscribe()


async def read(reader, count, timeout_ms=5000):
    values = []
    for _ in range(count):
        values.append(await reader.recv(timeout_ms))
    return values


async def settle():
    for _ in range(6):
        await asyncio.sleep_ms(1)


async def test_what_is_sent_reaches_a_reader_of_any_buffer():
    for make in (lambda: SpmcRing(4), SingleLatest, Mailbox, lambda: BoundedQueue(4), Largest, lambda: Slots(2)):
        db, reader = record(make())
        assert db.sync_producer("x").try_send(5)
        equal(await reader.recv(5000), 5)


async def test_what_is_sent_reaches_a_buffer_that_only_has_push():
    log = Log()
    db, _ = record(log)
    producer = db.sync_producer("x")
    producer.try_send(1)
    producer.try_send(2)
    await settle()
    equal(log.lines, [1, 2])


async def test_the_depth_is_what_fits_while_the_loop_does_not_run():
    for depth in (1, 2, 5):
        db, reader = record(BoundedQueue(10))
        producer = db.sync_producer("x", depth)
        equal([producer.try_send(value) for value in range(depth + 2)], [True] * depth + [False] * 2)
        equal(await read(reader, depth), list(range(depth)))
        assert producer.try_send(0)


async def test_a_refusal_is_counted_at_once_in_the_metrics_of_the_record():
    db, reader = record(SpmcRing(4))
    one, two = db.sync_producer("x", 1), db.sync_producer("x", 1)
    for producer in (one, two, two):
        producer.try_send(0)
    equal(reader.buffer.metrics().dropped_count, 1)
    equal((one.refused_count, two.refused_count), (0, 1))
    await read(reader, 2)
    metrics = reader.buffer.metrics()
    equal((metrics.produced_count, metrics.dropped_count), (2, 1))


async def test_try_send_and_try_send_slot_use_no_heap_whether_accepted_or_refused():
    db, reader = record(BoundedQueue(4))
    producer, packed = db.sync_producer("x", 2), db.sync_producer("x", 2, "<Hb")
    results = [None] * 6
    pack_into = struct.pack_into
    with heap_locked():
        for i in range(3):
            results[i] = producer.try_send(i)
        for i in range(3):
            pack_into("<Hb", packed.slot, 0, 1000 + i, -i)
            results[3 + i] = packed.try_send_slot()
    equal(results, [True, True, False] * 2)
    equal(await read(reader, 4), [0, 1, (1000, 0), (1001, -1)])


async def test_taking_in_what_is_sent_uses_no_heap():
    ring = SpmcRing(4)
    db, reader = record(ring)
    producer = db.sync_producer("x", 4)
    seen = [0] * 8

    async def tap():
        for i in range(8):
            await reader.ready()
            seen[i] = reader.try_recv()

    task = asyncio.create_task(tap())
    await asyncio.sleep_ms(1)
    gc.collect()
    with heap_locked():
        for value in range(8):
            producer.try_send(value)
            await asyncio.sleep_ms(0)
            await asyncio.sleep_ms(0)
    await task
    equal(seen, list(range(8)))


async def test_values_wait_in_order_for_space_in_a_full_queue_and_none_is_lost():
    db, reader = record(BoundedQueue(2))
    producer = db.sync_producer("x", 3)
    sent = refused = 0
    seen = []
    for value in range(40):
        if producer.try_send(value):
            sent += 1
        else:
            refused += 1
        await asyncio.sleep_ms(0)
        if value % 3 == 2:
            seen.append(await reader.recv(5000))
    seen += await read(reader, sent - len(seen))
    equal(sent + refused, 40)
    assert refused > 5, refused
    equal(seen, sorted(set(seen)))
    equal(reader.buffer.metrics().dropped_count, refused)


async def test_a_value_that_waits_for_space_does_not_hold_up_another_producer():
    db, reader = record(BoundedQueue(1))
    db.configure("y", SpmcRing(2))
    full, free = db.sync_producer("x"), db.sync_producer("y")
    other = db.consumer("y").subscribe()
    for value in range(3):
        full.try_send(value)
    await settle()
    free.try_send(7)
    equal(await other.recv(5000), 7)
    equal(await read(reader, 3), [0, 1, 2])


async def test_several_producers_of_one_record_each_keep_their_order():
    db, reader = record(BoundedQueue(3))
    producers = [db.sync_producer("x", 8) for _ in range(4)]
    for value in range(8):
        for number in range(4):
            assert producers[number].try_send(10 * number + value)
    seen = await read(reader, 32)
    for number in range(4):
        equal([value for value in seen if value // 10 == number], list(range(10 * number, 10 * number + 8)))


async def test_a_consumer_that_is_cancelled_takes_nothing_with_it():
    db, reader = record(BoundedQueue(2))
    producer = db.sync_producer("x", 8)
    for round in range(8):
        task = asyncio.create_task(reader.recv())
        await settle()
        producer.try_send(round)
        if round % 2:
            await asyncio.sleep_ms(0)
        task.cancel()
        got = await outcome(task)
        if isinstance(got, asyncio.CancelledError):
            got = await reader.recv(5000)
        equal(got, round)


async def test_a_closed_buffer_refuses_and_counts():
    db, reader = record(SpmcRing(2))
    producer = db.sync_producer("x")
    reader.buffer.close()
    equal(producer.try_send(1), False)
    equal(reader.buffer.metrics().dropped_count, 1)


async def test_what_was_sent_before_the_buffer_closed_is_counted_as_dropped():
    for full in (False, True):
        queue = BoundedQueue(1)
        db, reader = record(queue)
        producer = db.sync_producer("x")
        if full:
            producer.try_send(0)
            producer.try_send(1)
            await settle()
        producer.try_send(2)
        queue.close()
        await settle()
        equal(queue.metrics().dropped_count, 1 + full)
        equal(queue.held(), full)


class Broken(Buffer):
    error = OSError("the disk is gone")

    def push(self, value):
        raise self.error


async def test_a_buffer_that_raises_loses_that_value_counted_and_not_the_next():
    for error in (Broken.error, asyncio.CancelledError()):
        db, _ = record(Broken())
        db.configure("x").buffer.error = error
        producer = db.sync_producer("x")
        db.configure("y", SpmcRing(2))
        after, reader = db.sync_producer("y"), db.consumer("y").subscribe()
        producer.try_send(1)
        producer.try_send(2)
        after.try_send(3)
        equal(await reader.recv(5000), 3)
        equal(db.configure("x").buffer.metrics().dropped_count, 2)


async def test_the_1st_2nd_4th_value_that_a_buffer_does_not_store_is_told():
    db, _ = record(Broken())
    producer = db.sync_producer("x")
    with printing() as said:
        for value in range(7):
            producer.try_send(value)
        await settle()
    line = "aimdb: record 'x' did not store a value that was sent: %r; %%d in all\n" % OSError("the disk is gone")
    equal(said.text, line % 1 + line % 2 + line % 4)


async def test_what_is_refused_and_what_is_not_stored_is_counted_round():
    db, _ = record(Broken())
    buffer = db.configure("x").buffer
    producer = db.sync_producer("x", 1)
    producer.refused_count = buffer.sync_refusals[0] = 2**29 - 1
    producer._lost_count = buffer.dropped_count = 2**29
    with printing() as said:
        for _ in range(2):
            producer.try_send(1)
        await settle()
    assert said.text.endswith("; 1 in all\n"), said.text
    equal((producer.refused_count, buffer.sync_refusals[0], buffer.dropped_count), (0, 0, 1))


async def test_an_error_of_a_buffer_whose_own_words_raise_does_not_end_the_loop():
    class Odd(Buffer):
        def push(self, value):
            raise Unspeakable

    db, _ = record(Odd())
    producer = db.sync_producer("x")
    producer.try_send(1)
    producer.try_send(2)
    await settle()
    equal(db.configure("x").buffer.metrics().dropped_count, 2)


async def test_a_buffer_that_awaits_what_was_cancelled_loses_that_value_counted_and_not_the_next():
    class Unreachable(BoundedQueue):
        def try_push(self, value):
            raise BufferFull(value, self)

        async def push_async(self, value):
            if value == 1:
                task = asyncio.create_task(asyncio.Event().wait())
                task.cancel()
                await task
            await super().push_async(value)

    db, _ = record(Unreachable(2))
    producer = db.sync_producer("x")
    producer.try_send(1)
    producer.try_send(2)
    equal(await db.consumer("x").subscribe().recv(1000), 2)
    equal(db.consumer("x").buffer.metrics().dropped_count, 1)


async def test_values_are_let_go_once_they_are_read():
    db, reader = record(BoundedQueue(8))
    producer = db.sync_producer("x", 8)
    gc.collect()
    before = gc.mem_alloc()
    for _ in range(8):
        assert producer.try_send(bytearray(2000))
    for _ in range(8):
        await reader.recv(5000)
    gc.collect()
    kept = gc.mem_alloc() - before  # What looks like a reference on the stack may keep one or two.
    assert kept < 8000, kept


def test_what_is_sent_between_two_runs_of_the_loop_is_there_in_the_next():
    db, reader = record(BoundedQueue(1))
    producer = db.sync_producer("x", 4)
    for first in (0, 4, 8):
        for value in range(first, first + 4):
            assert producer.try_send(value)
        equal(asyncio.run(read(reader, 4)), list(range(first, first + 4)))


def test_a_new_loop_takes_what_is_sent_with_no_call_by_the_user():
    db, reader = record(BoundedQueue(1))
    producer = db.sync_producer("x", 4)
    # The queue is full at the end of each loop, and a value waits for space in it.
    for first in (0, 4, 8):
        for value in range(first, first + 4):
            assert producer.try_send(value)
        asyncio.run(settle())
        asyncio.new_event_loop()
        equal(asyncio.run(read(reader, 4)), list(range(first, first + 4)))
        asyncio.run(settle())
        equal(reader.buffer.held(), 0)


def test_no_task_of_a_loop_that_was_left_comes_along_into_the_new_one():
    steps = []

    async def step_on():
        while True:
            await asyncio.sleep_ms(50)
            steps.append(1)

    async def make_and_leave():
        for _ in range(6):
            asyncio.create_task(step_on())
        await asyncio.sleep_ms(1)
        SyncProducer(SpmcRing(4), 4)
        raise ValueError

    with raises(ValueError):
        asyncio.run(make_and_leave())
    asyncio.new_event_loop()

    async def rest():
        await asyncio.sleep_ms(100)

    asyncio.run(rest())
    equal(steps, [])


def test_run_of_the_database_takes_what_is_sent_in_a_new_loop():
    db = AimDb()
    seen = []
    ring = SpmcRing(4)

    async def tap(consumer):
        async for value in consumer.subscribe():
            seen.append(value)
            ring.close()

    db.configure("x", ring).tap(tap)
    producer = db.sync_producer("x")
    asyncio.new_event_loop()
    producer.try_send(5)
    asyncio.run(db.run())
    equal(seen, [5])


def test_what_is_sent_before_the_loop_runs_reaches_a_task_that_subscribes_first_thing():
    db, _ = record(SpmcRing(4))
    producer = db.sync_producer("x")

    async def main():
        return await db.consumer("x").subscribe().recv(5000)

    for value in (5, 6):
        producer.try_send(value)
        equal(asyncio.run(main()), value)


def test_what_is_sent_before_the_database_runs_reaches_a_tap_that_subscribes_first_thing():
    for _ in range(2):
        db = AimDb()
        seen = []
        ring = SpmcRing(4)

        async def tap(consumer):
            async for value in consumer.subscribe():
                seen.append(value)
                ring.close()

        db.configure("x", ring).tap(tap)
        db.sync_producer("x").try_send(5)
        asyncio.run(db.run())
        equal(seen, [5])


async def run_later(db):
    for _ in range(3):
        await asyncio.sleep_ms(5)
    await db.run()


async def run_with_a_time_limit(db):
    await asyncio.wait_for(db.run(), 60)


async def run_as_a_task(db):
    task = asyncio.create_task(db.run())
    await asyncio.sleep_ms(1)
    await task


async def run_once_more(db):
    running = asyncio.create_task(db.run())
    await settle()
    running.cancel()
    await settle()
    db.sync_producer("x").try_send(2)
    await settle()
    gc.collect()  # Nothing but what it holds keeps the producer.
    await db.run()


def reading_what_is_sent_early(key):
    # A database that reads what is sent to record "x" of it, in record `key`, until that is 2; and what it has read.
    db = AimDb()
    seen = []
    rings = [SpmcRing(4), SpmcRing(4)]

    async def tap(consumer):
        async for value in consumer.subscribe():
            seen.append(value)
            if value == 2:
                for ring in rings:
                    ring.close()

    db.configure("x", rings[0])
    db.configure("y", rings[1]).transform("x", lambda value: value)
    db.configure(key).tap(tap)
    return db, seen


def test_what_is_sent_before_the_database_runs_waits_for_its_taps_however_late_it_runs():
    for run, key in ((run_later, "x"), (run_with_a_time_limit, "y"), (run_as_a_task, "x")):
        db, seen = reading_what_is_sent_early(key)
        producer = db.sync_producer("x")
        for value in range(3):
            producer.try_send(value)
        asyncio.run(run(db))
        equal((run, seen), (run, [0, 1, 2]))


@only("unix", reason="a run of a database takes the emulated chip seconds")
def test_what_is_sent_while_a_database_does_not_run_waits_for_its_next_run():
    db, seen = reading_what_is_sent_early("x")
    db.sync_producer("x").try_send(1)
    asyncio.run(run_once_more(db))
    equal(seen, [1, 2])


def test_what_was_sent_for_a_database_that_is_gone_reaches_the_taps_of_the_next_one():
    for new_loop in (False, True):
        ring = SpmcRing(4)
        seen = []

        async def tap(consumer):
            async for value in consumer.subscribe():
                seen.append(value)

        async def main(number):
            db = AimDb()
            db.configure("x", ring).tap(tap)
            running = asyncio.create_task(db.run())
            await settle()
            running.cancel()
            await settle()
            db.sync_producer("x").try_send(number)
            await settle()

        for number in range(3):
            asyncio.run(main(number))
            if new_loop:
                asyncio.new_event_loop()
        equal(seen, [0, 1])
        equal(len(ring.early_producers), 1)  # That of the last one; the others are gone.


def test_what_a_closed_producer_has_sent_waits_for_the_taps_too():
    db, seen = reading_what_is_sent_early("x")
    producer = db.sync_producer("x")
    producer.try_send(1)
    producer.try_send(2)
    producer.close()
    asyncio.run(run_later(db))
    equal(seen, [1, 2])


async def test_what_is_sent_to_a_record_without_taps_waits_for_no_run():
    db, _ = reading_what_is_sent_early("y")
    db.configure("z", SpmcRing(4))
    reader = db.consumer("z").subscribe()
    db.sync_producer("z").try_send(5)
    equal(await reader.recv(5000), 5)


async def test_a_loop_with_nothing_else_to_do_is_woken():
    # The main task waits, and no other task has a time to wait for.
    db, reader = record(Mailbox())
    producer = db.sync_producer("x")
    micropython.schedule(lambda value: producer.try_send(value), 9)
    equal(await reader.recv(), 9)


async def consume(reader, seen):
    while True:
        seen.append(await reader.recv())


async def cancelled_at(at):
    # Returns how many steps the consumer took.
    db, reader = record(BoundedQueue(1))
    producer = db.sync_producer("x", 4)
    seen = []
    steps = Steps(at, lambda: task.cancel())
    task = steps.task(consume(reader, seen))
    for value in range(6):
        while not producer.try_send(value):
            await asyncio.sleep_ms(0)
        if value % 2:
            await asyncio.sleep_ms(0)
    await settle()
    task.cancel()
    await outcome(task)
    seen += await read(reader, 6 - len(seen))
    equal(seen, list(range(6)))
    return steps.count


async def test_a_consumer_may_be_cancelled_at_any_step():
    at = 1
    while await cancelled_at(at) >= at:
        at += 1
    assert at > 5, at


def test_a_loop_may_be_left_at_any_moment_for_a_new_one():
    async def begin(reader, seen, steps):
        seen.append(await reader.recv(5000))
        for _ in range(steps):
            await asyncio.sleep_ms(0)

    for steps in range(12):
        db, reader = record(BoundedQueue(1))
        producer = db.sync_producer("x", 4)
        for value in range(4):
            assert producer.try_send(value)
        seen = []
        asyncio.run(begin(reader, seen, steps))
        asyncio.new_event_loop()
        seen += asyncio.run(read(reader, 3))
        equal(seen, [0, 1, 2, 3])
        asyncio.run(settle())
        equal(reader.buffer.held(), 0)


async def consume_first(reader_of, seen):
    # The first thing that a main task does.
    reader = reader_of()
    seen.append(await reader.recv(5000))


def test_the_main_task_takes_the_first_step_whatever_the_run_before_has_left():
    for steps in range(6):
        for left in range(4):
            db, _ = record(SpmcRing(4))
            producer = db.sync_producer("x")

            async def sleeper(milliseconds):
                while True:
                    await asyncio.sleep_ms(milliseconds)

            async def first():
                for number in range(left):
                    asyncio.create_task(sleeper(number))
                for _ in range(steps):
                    await asyncio.sleep_ms(0)
                producer.try_send("too early for any reader" if steps else 5)
                for _ in range(steps):
                    await asyncio.sleep_ms(0)

            asyncio.new_event_loop()
            asyncio.run(first())
            asyncio.run(settle())
            producer.try_send(5)
            seen = []
            asyncio.run(consume_first(db.consumer("x").subscribe, seen))
            equal(seen, [5])


def test_what_is_sent_in_the_last_step_of_a_run_is_there_for_the_first_of_the_next():
    for left in range(3):
        db, _ = record(SpmcRing(4))
        producer = db.sync_producer("x")

        async def send(value):
            for _ in range(left):
                asyncio.create_task(settle())
            producer.try_send(value)

        seen = []
        for value in range(3):
            asyncio.run(send(value))
            asyncio.run(consume_first(db.consumer("x").subscribe, seen))
        equal(seen, [0, 1, 2])


class Breaks(Log):
    """Ctrl-C comes when value `at` is about to be stored, once."""

    at = None

    def push(self, value):
        if value == self.at:
            self.at = None
            raise KeyboardInterrupt
        super().push(value)


def test_ctrl_c_while_values_are_handed_over_loses_none():
    for at in range(12):
        for new_loop in (False, True):
            logs = [Breaks() for _ in range(3)]
            producers = [record(log)[0].sync_producer("x", 4) for log in logs]
            for value in range(12):
                producers[value % 3].try_send(value)
            logs[at % 3].at = at
            with raises(KeyboardInterrupt):
                asyncio.run(settle())
            if new_loop:
                asyncio.new_event_loop()
            asyncio.run(settle())
            equal([log.lines for log in logs], [[0, 3, 6, 9], [1, 4, 7, 10], [2, 5, 8, 11]])


def test_a_value_that_waits_for_space_when_the_run_ends_is_stored_once_in_the_next():
    for new_loop in (False, True):
        queue = BoundedQueue(1)
        db, reader = record(queue)
        producer = db.sync_producer("x", 4)
        for value in range(3):
            producer.try_send(value)
        for _ in range(3):
            asyncio.run(settle())
            if new_loop:
                asyncio.new_event_loop()
        equal(asyncio.run(read(reader, 3)), [0, 1, 2])
        asyncio.run(settle())
        equal(queue.held(), 0)


class Interrupted(Log):
    """While a value is stored comes an interrupt, which sends by other producers."""

    producers = ()

    def push(self, value):
        super().push(value)
        producers, self.producers = self.producers, ()
        for producer in producers:
            producer.try_send("interrupt")


async def test_an_interrupt_while_values_are_taken_in_is_not_overlooked():
    log = Interrupted()
    db, _ = record(log)
    before, producer, after = (db.sync_producer("x") for _ in range(3))
    log.producers = (before, producer, after)
    producer.try_send(1)
    await settle()
    equal(log.lines, [1, "interrupt", "interrupt", "interrupt"])


async def test_a_send_with_no_reader_to_wake_does_not_disturb_the_loop():
    db, reader = record(SpmcRing(4))
    producer = db.sync_producer("x")
    reader.close()
    other = SpmcRing(2).subscribe()
    producer.try_send(1)
    with raises(asyncio.TimeoutError):
        await other.recv(20)


async def test_send_on_the_asyncio_thread_says_that_it_would_wait_for_ever():
    db, _ = record(SpmcRing(2))
    producer = db.sync_producer("x")
    with raises(SelfDeadlock) as caught:
        producer.send(3)
    assert isinstance(caught.error, SendDeadlock)
    equal((caught.error.value, caught.error.key), (3, "x"))
    assert "await produce_async" in str(caught.error)


async def test_a_soft_interrupt_may_not_send_and_may_try():
    db, reader = record(SpmcRing(2))
    producer = db.sync_producer("x")
    errors = []

    def callback(value):
        try:
            producer.send(value)
        except SendDeadlock as er:
            errors.append(er.value)
        producer.try_send(value)

    micropython.schedule(callback, 4)
    equal(await reader.recv(5000), 4)
    equal(errors, [4])


async def test_a_packed_sample_reaches_its_reader_as_a_tuple():
    db, reader = record(BoundedQueue(1))
    imu = db.sync_producer("x", 3, "<Ihhh")
    assert isinstance(imu, PackedProducer)
    for i in range(5):
        equal(len(imu.slot), 10)
        struct.pack_into("<Ihhh", imu.slot, 0, 4000000000 + i, -i, i, 300)
        equal(imu.try_send_slot(), i < 3)
    equal(await read(reader, 3), [(4000000000 + i, -i, i, 300) for i in range(3)])
    imu.slot[:] = b"\1\0\0\0\2\0\3\0\4\0"
    imu.try_send_slot()
    equal(await reader.recv(5000), (1, 2, 3, 4))


async def test_what_cannot_be_taken_in_for_want_of_heap_is_taken_in_later():
    db, reader = record(SpmcRing(4))
    imu = db.sync_producer("x", 3, "<bb")
    for i in range(2):
        struct.pack_into("<bb", imu.slot, 0, i, i)
        imu.try_send_slot()
    with heap_locked():
        await asyncio.sleep_ms(0)
        await asyncio.sleep_ms(0)
    equal(await read(reader, 2), [(0, 0), (1, 1)])


async def test_a_value_for_which_memory_never_suffices_is_given_up_after_a_while_and_named():
    attempts = 0

    class Small(BoundedQueue):
        def try_push(self, value):
            nonlocal attempts
            if value == 1:
                attempts += 1
                raise MemoryError
            super().try_push(value)

        async def push_async(self, value):
            self.try_push(value)

    db, reader = record(Small(2))
    producer = db.sync_producer("x")
    producer.try_send(1)
    producer.try_send(2)
    await settle()
    with printing() as said, VirtualClock():
        await asyncio.sleep(9)
        equal(reader.has_value(), False)
        await asyncio.sleep(2)
        equal(reader.try_recv(), 2)
    assert attempts < 200, attempts
    assert "record 'x' did not store a value that was sent: MemoryError" in said.text, said.text
    equal(reader.buffer.metrics().dropped_count, 1)


async def test_a_packed_producer_refuses_in_words_what_is_no_sample_of_its_own():
    db, reader = record(SpmcRing(2))
    imu = db.sync_producer("x", 3, "<Ihhh")
    for value in (1, (1, 2, 3, 4), bytes(10), imu.slot):
        for call in (imu.try_send, imu.send):
            with raises(TypeError) as caught:
                call(value)
            assert "try_send_slot()" in str(caught.error)
    with raises(asyncio.TimeoutError):
        await reader.recv(20)


async def test_a_closed_producer_refuses_and_what_it_has_sent_arrives():
    db, reader = record(BoundedQueue(1))
    one, two = db.sync_producer("x", 2), db.sync_producer("x")
    equal([one.try_send(value) for value in range(3)], [True, True, False])
    one.close()
    one.close()
    equal(one.try_send(4), False)
    equal(await read(reader, 2), [0, 1])
    assert two.try_send(5)
    equal(await reader.recv(5000), 5)
    equal(reader.buffer.metrics().dropped_count, 2)


async def stays(make):
    # The heap is where it was, but for noise, when `make` is called again and again after a first time.
    rounds = 100 if harness.target == "unix" else 50
    make()
    await settle()
    gc.collect()
    before = gc.mem_alloc()
    for _ in range(rounds):
        make()
        await asyncio.sleep_ms(0)
    await settle()
    gc.collect()
    left = gc.mem_alloc() - before
    assert left < 30 * rounds, left


async def test_making_and_closing_producers_again_and_again_leaves_the_heap_where_it_was():
    db, reader = record(SpmcRing(4))

    def make():
        producer = db.sync_producer("x", 4)
        producer.try_send(1)
        producer.close()

    await stays(make)


async def test_producers_that_are_dropped_leave_nothing_behind_though_the_database_lives():
    db, reader = record(SpmcRing(4))

    def make():
        db.sync_producer("x", 16).try_send(1)
        db.sync_producer("x", 1, "<I").close()

    await stays(make)


async def test_an_idle_producer_keeps_none_that_rang_after_it_and_is_dropped():
    db, reader = record(SpmcRing(4))
    idle = last = db.sync_producer("x", 4)

    def make():
        nonlocal last
        producer = db.sync_producer("x", 16)
        last.try_send(1)
        producer.try_send(1)
        last = producer

    await stays(make)
    idle.close()


async def test_a_database_that_is_dropped_leaves_nothing_of_its_producers_behind():
    def make():
        db, reader = record(SpmcRing(4))
        db.sync_producer("x", 16).try_send(1)
        db.sync_producer("x", 16)

    make()
    await settle()
    gc.collect()
    before = gc.mem_alloc()
    for _ in range(30):
        make()
    await settle()
    gc.collect()
    # A few are kept by what looks like a reference on the stack.
    assert gc.mem_alloc() - before < 8 * 1000, gc.mem_alloc() - before


async def test_looking_costs_no_heap_in_the_long_run_whatever_becomes_of_what_is_sent():
    ring, queue, closed = SpmcRing(2), BoundedQueue(1), BoundedQueue(1)
    queue.push(0)
    closed.close()
    producers = [record(buffer)[0].sync_producer("x", 2) for buffer in (ring, queue, closed)]

    async def some(count):
        for _ in range(count):
            for producer in producers:
                producer.try_send(1)
            await asyncio.sleep_ms(0)

    await some(20)
    gc.collect()
    before = gc.mem_alloc()
    await some(400)
    gc.collect()
    assert gc.mem_alloc() - before < 2000, gc.mem_alloc() - before


async def test_a_soft_interrupt_and_tasks_share_one_producer():
    db, reader = record(BoundedQueue(8))
    producer = db.sync_producer("x", 8)
    random.seed(3)
    sent = []
    seen = []
    number = 0

    def send(_):
        nonlocal number
        value = number
        number += 1
        if producer.try_send(value):
            sent.append(value)

    async def task():
        for _ in range(300):
            if random.randrange(2):
                try:
                    micropython.schedule(send, None)
                except RuntimeError:
                    pass  # Too many are pending.
            send(None)
            if not random.randrange(3):
                await asyncio.sleep_ms(0)

    async def consume():
        while True:
            seen.append(await reader.recv())

    consumer = asyncio.create_task(consume())
    await asyncio.gather(task(), task())
    await settle()
    consumer.cancel()
    equal(len(seen), len(sent))
    equal(sorted(seen), sorted(sent))
    equal(number, len(sent) + producer.refused_count)


@only("rp2040", reason="the unix port has no timer that interrupts")
async def test_a_hard_interrupt_and_a_task_share_one_producer():
    from machine import Timer

    db, reader = record(BoundedQueue(16))
    producer = db.sync_producer("x", 16)
    counts = [0, 0]

    def tick(_):
        if producer.try_send(-1):
            counts[0] += 1

    timer = Timer(freq=900, hard=True, callback=tick)
    seen = [0, 0]

    async def consume():
        while True:
            seen[await reader.recv() >= 0] += 1

    consumer = asyncio.create_task(consume())
    started = ticks_ms()
    while ticks_diff(ticks_ms(), started) < 500:
        for _ in range(3):
            if producer.try_send(1):
                counts[1] += 1
        await asyncio.sleep_ms(2)
    timer.deinit()
    await asyncio.sleep_ms(200)
    consumer.cancel()
    equal(seen, counts)
    assert min(counts) > 50, counts


@only("unix", reason="to fill its heap takes the emulated chip too long")
async def test_making_a_producer_with_little_memory_is_all_or_nothing():
    for format in (None, "<Ih"):
        buffer = SpmcRing(4)
        db, reader = record(buffer)
        sync_producer = db.sync_producer
        sync_producer("x", 3, format)  # Loads what has to be.
        blocks = 0
        while True:
            scarce = Scarce(blocks)
            made = None
            with scarce:
                try:
                    made = sync_producer("x", 3, format)
                except MemoryError:
                    pass
            if made:
                break
            blocks += 1
        assert blocks > 2, blocks
        if format is None:
            made.try_send(blocks)
            equal(await reader.recv(5000), blocks)


@only("unix", reason="to fill its heap takes the emulated chip too long")
async def test_values_are_handed_over_all_however_little_memory_there_is_meanwhile():
    for make in (lambda: BoundedQueue(2), lambda: SpmcRing(8), lambda: Slots(2)):
        for blocks in range(0, 24):
            db, reader = record(make())
            imu = db.sync_producer("x", 5, "<h")
            for value in range(5):
                struct.pack_into("<h", imu.slot, 0, value)
                assert imu.try_send_slot()
            scarce = Scarce(blocks)
            with scarce:
                for _ in range(3):
                    await asyncio.sleep_ms(0)
            equal(await read(reader, 5), [(value,) for value in range(5)])


async def test_wrong_arguments_are_told_at_the_call():
    db, _ = record(SpmcRing(2))
    for depth in ("4", 2.0, None, True):
        with raises(TypeError):
            db.sync_producer("x", depth)
    for arguments in ((0,), (-1,), (4, ""), (4, "<y")):
        with raises(ValueError):
            db.sync_producer("x", *arguments)
    for no_buffer in (None, SpmcRing, db.producer("x")):
        with raises(TypeError):
            SyncProducer(no_buffer)
    with raises(RecordKeyNotFound):
        db.sync_producer("nowhere")
    producer = SyncProducer(BoundedQueue(1))
    for timeout_ms in ("4", 2.0, True):
        with raises(TypeError):
            producer.send(1, timeout_ms)
    for timeout_ms in (-1, 2**29, 2**40):
        with raises(ValueError):
            producer.send(1, timeout_ms)


async def test_a_wrong_depth_is_told_as_such_also_beside_a_format():
    db, _ = record(SpmcRing(2))
    for depth in (0, -1, "4"):
        with raises((ValueError, TypeError)) as told:
            db.sync_producer("x", depth, "<I")
        assert "depth is an int" in str(told.error), told.error


async def test_a_depth_for_which_no_board_has_memory_is_told_as_such_beside_a_format():
    db, _ = record(SpmcRing(2))
    for depth, format, most in ((2**29 - 1, "<d", 2**26 - 1), (2**27, "<dd", 2**25 - 1), (2**29, "b", 2**29 - 1)):
        with raises(ValueError) as told:
            db.sync_producer("x", depth, format)
        equal(str(told.error), "depth is an int from 1 to %d, not %d" % (most, depth))


async def test_a_sync_producer_can_be_made_of_a_buffer_alone():
    queue = BoundedQueue(2)
    producer = SyncProducer(queue)
    producer.try_send(1)
    equal(await queue.subscribe().recv(5000), 1)
    queue.close()
    with raises(BufferClosed):
        await queue.subscribe().recv(5000)
