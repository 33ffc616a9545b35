"""Computed records: `transform` and `transform_join`."""

import asyncio

from aimdb import (
    AimDb,
    BoundedQueue,
    Buffer,
    BufferClosed,
    DbError,
    InvalidConfiguration,
    Mailbox,
    Reader,
    SelfDeadlock,
    SingleLatest,
    SpmcRing,
    every,
)
from aimdb.timing import timed
from aimdb_conformance.support import drain, settle
from harness import equal, heap_locked, raises


def producing(values, close=True):
    """A source that produces them in one step, and closes its record."""

    async def source(producer):
        for value in values:
            await producer.produce_async(value)
        if close:
            producer.buffer.close()

    return source


def collecting(seen):
    async def tap(consumer):
        async for value in consumer.subscribe():
            seen.append(value)

    return tap


def double(value):
    return 2 * value


async def running(db):
    task = asyncio.create_task(db.run())
    await settle()
    return task


async def stopped(task):
    task.cancel()
    with raises(asyncio.CancelledError):
        await task


def run_and_leave(db, before_the_end=lambda: None):
    """Run it until it has come to rest, and leave the loop."""

    async def main():
        await running(db)
        before_the_end()
        raise OSError(5)

    with raises(OSError):
        asyncio.run(main())
    asyncio.new_event_loop()


async def mistakes_of(db):
    with raises(InvalidConfiguration) as caught:
        await db.run()
    return caught.error.errors


async def test_a_transform_computes_each_value():
    db = AimDb()
    seen = []
    db.configure("a", SpmcRing(8)).source(producing(range(5)))
    db.configure("b", SpmcRing(8)).transform("a", double).tap(collecting(seen))
    await db.run()
    equal(seen, [0, 2, 4, 6, 8])


async def test_none_emits_nothing():
    db = AimDb()
    seen = []
    db.configure("a", SpmcRing(8)).source(producing(range(6)))
    db.configure("b", SpmcRing(8)).transform("a", lambda n: n if n % 2 else None).tap(collecting(seen))
    await db.run()
    equal(seen, [1, 3, 5])


async def test_a_state_is_kept_from_value_to_value():
    db = AimDb()
    seen = []

    def total(value, sums):
        sums.append(value)
        return sum(sums)

    db.configure("a", SpmcRing(8)).source(producing([1, 2, 3]))
    db.configure("b", SpmcRing(8)).transform("a", total, state=[]).tap(collecting(seen))
    await db.run()
    equal(seen, [1, 3, 6])


async def test_a_state_that_is_false_is_a_state():
    db = AimDb()
    seen = []
    db.configure("a", SpmcRing(8)).source(producing([1, 2]))
    db.configure("b", SpmcRing(8)).transform("a", lambda value, state: value + state, state=0).tap(collecting(seen))
    await db.run()
    equal(seen, [1, 2])


async def test_values_that_are_false_are_values():
    db = AimDb()
    seen = []
    db.configure("a", SpmcRing(8)).source(producing([0, False, ""]))
    db.configure("b", SpmcRing(8)).transform("a", lambda value: value).tap(collecting(seen))
    await db.run()
    equal(seen, [0, False, ""])


async def test_stages_start_in_topological_order_inputs_last():
    # Whatever the order of configuring, nothing is missed of what a source produces in its first step.
    for order in ((0, 1, 2, 3), (3, 2, 1, 0), (2, 0, 3, 1)):
        db = AimDb()
        seen = []
        wirings = (
            lambda: db.configure("a", SpmcRing(8)).source(producing([1, 2])),
            lambda: db.configure("b", SpmcRing(8)).transform("a", double),
            lambda: db.configure("c", SpmcRing(8)).transform("b", double),
            lambda: db.configure("d", SpmcRing(8)).transform("c", double).tap(collecting(seen)),
        )
        for i in order:
            wirings[i]()
        await db.run()
        equal(seen, [8, 16])


async def test_what_is_in_an_input_before_the_run_reaches_the_last_record():
    for order in ((0, 1, 2), (2, 1, 0)):
        db = AimDb()
        seen = []
        queue = BoundedQueue(2)
        queue.push(1)
        wirings = (
            lambda: db.configure("a", queue),
            lambda: db.configure("b", SpmcRing(8)).transform("a", double),
            lambda: db.configure("c", SpmcRing(8)).transform("b", double).tap(collecting(seen)),
        )
        for i in order:
            wirings[i]()
        queue.close()
        await db.run()
        equal(seen, [4])


async def test_lag_in_a_transform_is_skipped_and_counted():
    db = AimDb()
    seen = []
    ring = SpmcRing(2)
    db.configure("a", ring).source(producing(range(5)))
    db.configure("b", SpmcRing(8)).transform("a", double).tap(collecting(seen))
    await db.run()
    equal(seen, [6, 8])
    equal(ring.metrics().dropped_count, 3)


async def test_a_full_queue_holds_the_transform_back():
    db = AimDb()
    queue = BoundedQueue(2)
    ring = SpmcRing(4)
    db.configure("a", ring)
    db.configure("b", queue).transform("a", double)
    run = await running(db)
    for value in range(10):
        ring.push(value)
        await settle()
    reader = queue.subscribe()
    seen = []
    for _ in range(10):
        seen += drain(reader)
        await settle()
    # Two in the queue, one waits for space, and the ring has the last four.
    equal(seen, [0, 2, 4, 12, 14, 16, 18])
    equal(ring.metrics().dropped_count, 3)
    await stopped(run)


async def test_between_two_queues_nothing_is_lost_and_the_first_producer_waits():
    db = AimDb()
    seen = []
    db.configure("a", BoundedQueue(1)).source(producing(range(20)))
    db.configure("b", BoundedQueue(1)).transform("a", double)

    async def slow(consumer):
        async for value in consumer.subscribe():
            await asyncio.sleep_ms(0)
            seen.append(value)

    db.configure("b").tap(slow)
    await db.run()
    equal(seen, [2 * n for n in range(20)])


async def test_a_cancelled_run_loses_no_value_that_was_computed():
    db = AimDb()
    first, second = BoundedQueue(4), BoundedQueue(1)
    db.configure("a", first)
    db.configure("b", second).transform("a", double)
    for value in range(4):
        first.push(value)
    await stopped(await running(db))
    seen = drain(second.subscribe())
    equal(seen, [0])
    run = await running(db)
    for _ in range(8):
        seen += drain(second.subscribe())
        await settle()
    equal(seen, [0, 2, 4, 6])
    await stopped(run)


def test_a_transform_whose_loop_was_left_runs_again():
    db = AimDb()
    first, second = BoundedQueue(4), BoundedQueue(1)
    db.configure("a", first)
    db.configure("b", second).transform("a", double)
    for value in range(4):
        first.push(value)
    seen = []

    for _ in range(8):
        run_and_leave(db)
        seen += drain(second.subscribe())
    equal(seen, [0, 2, 4, 6])


async def test_what_fn_raises_ends_the_run_and_is_named():
    def fail(value):
        raise OSError(value)

    db = AimDb()
    db.configure("a", SpmcRing(8)).source(producing([5]))
    db.configure("b", SpmcRing(8)).transform("a", fail)
    with raises(OSError) as caught:
        await db.run()
    equal(db.failed, ("b", "transform", "fail", caught.error))


async def test_a_closed_record_that_fn_reads_ends_the_run():
    other = SpmcRing(1)
    reader = other.subscribe()
    other.close()

    db = AimDb()
    last = SpmcRing(8)
    db.configure("a", SpmcRing(8)).source(producing([5]))
    db.configure("b", last).transform("a", lambda value: reader.try_recv())
    with raises(BufferClosed):
        await db.run()
    equal(last.metrics().produced_count, 0)


async def test_a_value_that_its_record_refuses_for_good_does_not_come_again():
    class Picky(BoundedQueue):
        async def push_async(self, value):
            if value == 2:
                raise ValueError("2 is refused")
            await super().push_async(value)

    for first in (BoundedQueue(3), Log([])):
        db = AimDb()
        second = Picky(3)
        db.configure("a", first)
        db.configure("b", second).transform("a", double)
        for value in range(3):
            first.push(value)
        first.close()
        with raises(ValueError):
            await db.run()
        await db.run()
        equal(drain(second.subscribe()), [0, 4])


async def test_a_value_that_its_record_refuses_for_now_is_stored_by_the_next_run():
    class Unreachable(BoundedQueue):
        errors = [OSError(5), DbError("not yet"), asyncio.TimeoutError(), MemoryError()]

        async def push_async(self, value):
            if self.errors:
                raise self.errors.pop()
            await super().push_async(value)

    db = AimDb()
    first, second = BoundedQueue(1), Unreachable(1)
    db.configure("a", first)
    db.configure("b", second).transform("a", double)
    first.push(1)
    first.close()
    for kind in (MemoryError, asyncio.TimeoutError, DbError, OSError):
        with raises(kind):
            await db.run()
    await db.run()
    equal(drain(second.subscribe()), [2])


async def test_a_value_for_which_memory_was_missing_is_computed_by_the_next_run():
    seen = []

    def compute(value):
        seen.append(value)
        if len(seen) == 2:
            raise MemoryError
        return value or 0

    db = AimDb()
    first, second = BoundedQueue(4), BoundedQueue(4)
    db.configure("a", first)
    db.configure("b", second).transform("a", compute)
    for value in (1, None, 2):
        first.push(value)
    with raises(MemoryError):
        await db.run()
    first.close()
    await db.run()
    equal(seen, [1, None, None, 2])
    equal(drain(second.subscribe()), [1, 0, 2])


async def test_a_transform_between_rings_needs_no_heap():
    first, second = SpmcRing(4), SpmcRing(4)
    db = AimDb()
    db.configure("a", first)
    db.configure("b", second).transform("a", double)
    run = await running(db)
    reader = second.subscribe()
    first.push(1)
    await settle()
    with heap_locked():
        for value in range(10):
            first.push(value)
            await asyncio.sleep_ms(0)
            await asyncio.sleep_ms(0)
    equal(second.metrics().produced_count, 11)
    await stopped(run)
    assert reader


async def test_a_transform_and_a_periodic_source_need_no_heap_for_a_mailbox():
    first, second, third = Mailbox(), Mailbox(), Mailbox()
    db = AimDb()
    db.configure("a", first)
    db.configure("b", second).transform("a", double)
    db.configure("c", third).source(every(1, lambda: 5))
    run = await running(db)
    with heap_locked():
        for value in range(10):
            first.push(value)
            await asyncio.sleep_ms(1)
    equal((second.peek(), run.done()), (18, False))
    assert third.metrics().produced_count > 2, third.metrics()
    await stopped(run)


async def test_a_closed_input_closes_what_is_computed_from_it():
    db = AimDb()
    last = SpmcRing(2)
    db.configure("a", SpmcRing(2)).source(producing([1]))
    db.configure("b", SpmcRing(2)).transform("a", double)
    db.configure("c", last).transform("b", double)
    reader = last.subscribe()
    await db.run()
    equal(await reader.recv(), 4)
    with raises(BufferClosed):
        await reader.recv()


async def test_a_closed_output_ends_the_transform_at_once_and_what_is_computed_from_it():
    for first in (SpmcRing(2), BoundedQueue(2), SingleLatest(), Mailbox()):
        for middle in (SpmcRing(2), BoundedQueue(2), SingleLatest(), Mailbox()):
            db = AimDb()
            last = SpmcRing(2)
            db.configure("a", first)
            db.configure("b", middle).transform("a", double)
            db.configure("c", last).transform("b", double)
            run = await running(db)
            middle.close()
            await asyncio.wait_for(run, 1)
            assert last.closed and not first.closed
            first.key = None  # For the next database.
            middle.close()  # As of a buffer that has no transform.


async def test_a_closed_output_leaves_the_input_to_others():
    db = AimDb()
    first, last = BoundedQueue(2), BoundedQueue(2)
    db.configure("a", first)
    db.configure("b", last).transform("a", double)
    last.close()
    for _ in range(2):
        await asyncio.wait_for(db.run(), 1)
    first.push(1)
    equal(first.subscribe().try_recv(), 1)


async def test_an_output_that_fn_closes_counts_the_value_as_dropped():
    def close(value):
        last.close()
        return value

    db = AimDb()
    first, last = BoundedQueue(2), BoundedQueue(2)
    db.configure("a", first)
    db.configure("b", last).transform("a", close)
    first.push(1)
    first.push(2)
    for _ in range(2):  # Once, though a second run begins with the closed record.
        await asyncio.wait_for(db.run(), 1)
        equal((last.metrics().dropped_count, first.held()), (1, 1))


async def test_an_output_that_fn_closes_before_it_has_a_value_counts_none_as_dropped():
    def close(value):
        last.close()
        raise BufferClosed(None, SpmcRing(1))

    db = AimDb()
    first, last = BoundedQueue(2), BoundedQueue(2)
    db.configure("a", first)
    db.configure("b", last).transform("a", close)
    first.push(1)
    await asyncio.wait_for(db.run(), 1)
    equal(last.metrics().dropped_count, 0)


async def test_a_transform_ends_when_its_output_is_closed_though_an_earlier_one_of_it_was_cancelled_in_between():
    db = AimDb()
    last = SpmcRing(2)
    db.configure("a", SpmcRing(2))
    db.configure("b", last).transform("a", double)
    run = await running(db)
    stage = db._stages[0][2]
    second = asyncio.create_task(stage(db.producer("b")))
    await asyncio.sleep_ms(0)
    run.cancel()
    await asyncio.sleep_ms(5)
    last.close()
    await asyncio.wait_for(second, 1)
    assert "close" not in last.__dict__, last.__dict__


async def test_an_output_that_is_closed_while_the_transform_waits_ends_it():
    db = AimDb()
    last = BoundedQueue(1)
    db.configure("a", BoundedQueue(3)).source(producing([1, 2], close=False))
    db.configure("b", last).transform("a", double)
    run = await running(db)
    last.close()
    await run
    equal(last.metrics().dropped_count, 1)


async def test_a_buffer_of_ones_own_is_reached_by_push_async():
    class Slow(Buffer):
        def __init__(self):
            self.stored = []

        def push(self, value):
            raise AssertionError("push was called")

        async def push_async(self, value):
            await asyncio.sleep_ms(1)
            self.stored.append(value)

    db = AimDb()
    slow = Slow()
    db.configure("a", BoundedQueue(3)).source(producing([1, 2, 3]))
    db.configure("b", slow).transform("a", double)
    await db.run()
    equal(slow.stored, [2, 4, 6])


async def test_what_can_be_committed_is_committed_when_the_computed_value_is_stored():
    class Committing(BoundedQueue):
        committed = 0

        def subscribe(self):
            reader = super().subscribe()
            reader.commit = self.commit
            return reader

        def commit(self):
            self.committed += 1

    db = AimDb()
    first, second = Committing(4), BoundedQueue(1)
    db.configure("a", first)
    db.configure("b", second).transform("a", double)
    for value in range(3):
        first.push(value)
    run = await running(db)
    equal(first.committed, 1)
    second.subscribe().try_recv()
    await settle()
    equal(first.committed, 2)
    await stopped(run)


class Log(Buffer):
    """Gives what was not committed once more to the next reader."""

    def __init__(self, values):
        self.values = list(values)
        self.committed = 0

    def push(self, value):
        self.values.append(value)
        self.wake()

    def subscribe(self):
        return LogReader(self)


class LogReader(Reader):
    def __init__(self, buffer):
        super().__init__(buffer)
        self.at = buffer.committed

    def has_value(self):
        return self.at < len(self.buffer.values)

    def try_recv(self):
        if not self.has_value():
            self.nothing()
        self.at += 1
        return self.buffer.values[self.at - 1]

    def commit(self):
        self.buffer.committed = self.at


def test_what_is_committed_comes_once_though_loops_are_left():
    db = AimDb()
    last = BoundedQueue(1)
    db.configure("a", Log(range(5)))
    db.configure("b", last).transform("a", double)
    seen = []

    for _ in range(6):
        run_and_leave(db)
        seen += drain(last.subscribe())
    equal(seen, [0, 2, 4, 6, 8])


async def test_a_value_at_which_the_function_fails_ends_one_run_and_not_each():
    def invert(value):
        return 6 // value

    db = AimDb()
    last = BoundedQueue(4)
    db.configure("a", Log([3, 0, 2]))
    db.configure("b", last).transform("a", invert)
    with raises(ZeroDivisionError):
        await db.run()
    run = await running(db)
    equal(drain(last.subscribe()), [2, 3])
    await stopped(run)


def test_what_a_join_has_committed_comes_once_though_loops_are_left():
    db = AimDb()
    inner = []

    async def stage(inputs, _):
        inner.append(inputs)
        await asyncio.sleep_ms(1000)

    db.configure("a", Log(range(40)))
    db.configure("b", SpmcRing(2)).transform_join(("a",), stage)
    seen = []

    for _ in range(4):
        run_and_leave(db, lambda: seen.extend([value for _, value in drain(inner[-1])]))
    equal(seen, list(range(40)))


async def test_an_async_fn_is_a_mistake():
    async def compute(value):
        return value

    db = AimDb()
    with raises(TypeError) as caught:
        db.configure("b", SpmcRing(2)).transform("a", compute)
    assert "'b'" in str(caught.error) and "async" in str(caught.error), caught.error
    db.configure("a", SpmcRing(2)).source(producing([1]))
    db.configure("b").transform("a", lambda value: compute(value))
    with raises(TypeError) as caught:
        await db.run()
    assert "async" in str(caught.error), caught.error


def test_wrong_arguments_are_named_at_the_call():
    record = AimDb().configure("b", Mailbox())
    for key, fn in ((5, double), (None, double), (("a",), double), ("a", None), ("a", 5)):
        with raises(TypeError) as caught:
            record.transform(key, fn)
        assert "'b'" in str(caught.error), caught.error
    for keys, kind in (
        ((), ValueError),
        ("a", ValueError),
        (("a", "a"), ValueError),
        (("a", 5), TypeError),
    ):
        with raises(kind) as caught:
            record.transform_join(keys, double)
        assert "'b'" in str(caught.error) and repr(keys[-1] if keys else keys) in str(caught.error), caught.error
    for keys in (5, None, double, record):
        with raises(TypeError) as caught:
            record.transform_join(keys, double)
        assert "'b'" in str(caught.error) and repr(keys) in str(caught.error), caught.error
    for stage in (None, 5):
        with raises(TypeError) as caught:
            record.transform_join(("a",), stage)
        assert "'b'" in str(caught.error), caught.error


async def test_computed_and_periodic_records_wait_for_a_buffer_that_has_its_push_async_from_another_object():
    class Door(Buffer):
        def __init__(self, queue):
            self.push = queue.push
            self.try_push = queue.try_push
            self.push_async = queue.push_async

    values = [0, 1, 2]
    doors = [BoundedQueue(1), BoundedQueue(1)]
    db = AimDb()
    db.configure("numbers", SpmcRing(4)).source(producing([0, 1, 2], False))
    db.configure("computed", Door(doors[0])).transform("numbers", lambda value: value)
    db.configure("periodic", Door(doors[1])).source(every(1, lambda: values.pop(0) if values else None, 1))
    task = asyncio.create_task(db.run())
    await asyncio.sleep_ms(10)
    for queue in doors:
        reader = queue.subscribe()
        for value in (0, 1, 2):
            equal(await reader.recv(1000), value)
    task.cancel()
    with raises(asyncio.CancelledError):
        await task


async def test_a_join_that_is_no_async_function_of_two_arguments_is_a_mistake():
    async def of_one(inputs):
        pass

    def plain(inputs, producer):
        pass

    for stage in (of_one, plain, lambda inputs, producer: 5):
        db = AimDb()
        db.configure("a", Mailbox())
        db.configure("b", Mailbox()).transform_join(("a",), stage)
        (mistake,) = await mistakes_of(db)
        assert "'b' has a transform_join, " in mistake and "of two arguments" in mistake, mistake


async def test_an_attribute_that_there_is_not_is_named():
    with raises(AttributeError) as caught:
        AimDb().configure("a", Mailbox()).transforms("b", double)
    assert "transforms" in str(caught.error), caught.error


async def test_a_join_of_other_inputs_begins_anew_with_the_same_buffer():
    seen = []

    async def stage(inputs, producer):
        async for pair in inputs:
            seen.append(pair)

    output = Mailbox()
    for keys in (("a",), ("b", "a")):
        db = AimDb()
        db.configure("joined", output).transform_join(keys, stage)
        for key in keys:
            db.configure(key, BoundedQueue(1)).buffer.push(key)
        with raises(asyncio.TimeoutError):
            await asyncio.wait_for_ms(db.run(), 100)
    equal(sorted(seen), [("a", "a"), ("a", "a"), ("b", "b")])


async def test_one_task_writes_a_record():
    async def stage(*_):
        pass

    def source(record):
        record.source(stage)

    def transform(record):
        record.transform("a", double)

    def join(record):
        record.transform_join(("a",), stage)

    for first in (source, transform, join):
        for second in (source, transform, join):
            db = AimDb()
            db.configure("a", Mailbox())
            record = db.configure("b", Mailbox())
            first(record)
            second(record)
            (mistake,) = await mistakes_of(db)
            assert "record 'b' has a " in mistake and "one task writes a record" in mistake, mistake
            assert ("second" in mistake) == (first is second), mistake


async def test_cycles_are_mistakes_that_name_their_records():
    db = AimDb()
    db.configure("a", Mailbox()).transform("c", double)
    db.configure("b", Mailbox()).transform("a", double)
    db.configure("c", Mailbox()).transform("b", double)
    db.configure("d", Mailbox()).transform("c", double)
    mistakes = await mistakes_of(db)
    equal(len(mistakes), 3)
    for mistake, key in zip(mistakes, "abc"):
        assert mistake.startswith("record '%s' has a transform" % key), mistake
        assert "cycle: 'a', 'b', 'c'" in mistake, mistake
    db = AimDb()
    db.configure("a", Mailbox()).transform("a", double)
    (mistake,) = await mistakes_of(db)
    assert "cycle: 'a'" in mistake, mistake


async def test_all_mistakes_are_reported_at_once():
    async def stage(*_):
        pass

    db = AimDb()
    db.configure("unknown input", Mailbox()).transform("nothing", double)
    db.configure("two writers", Mailbox()).source(stage).transform("unknown input", double)
    db.configure("cycle", Mailbox()).transform_join(("cycle", "nobody"), stage)
    db.configure("no buffer").transform("cycle", double)
    db.configure("bad link", Mailbox()).link_to("nowhere://host/x")
    db.configure("plain tap", Mailbox()).tap(double)
    mistakes = await mistakes_of(db)
    for words in (
        "'unknown input' has a transform of 'nothing'",
        "'two writers' has a transform, double, beside its source",
        "'cycle' has a transform_join in a cycle",
        "'cycle' has a transform_join of 'nobody'",
        "'no buffer' has no buffer",
        "'bad link' has a link_to",
        "'plain tap' has a tap, double, that is not an async function",
    ):
        assert any(words in mistake for mistake in mistakes), (words, mistakes)
    equal(len(mistakes), 7)


# Joins.


async def test_a_join_whose_record_has_no_buffer_is_a_mistake():
    async def stage(inputs, producer):
        pass

    db = AimDb()
    db.configure("a", Mailbox())
    db.configure("no buffer").transform_join(("a",), stage)
    (mistake,) = await mistakes_of(db)
    assert "'no buffer' has no buffer" in mistake, mistake


async def test_a_join_gets_the_values_of_its_inputs_with_their_keys():
    db = AimDb()
    seen = []

    async def pair(inputs, producer):
        newest = {}
        async for key, value in inputs:
            newest[key] = value
            if len(newest) == 2:
                producer.produce((newest["a"], newest["b"]))

    db.configure("a", SingleLatest())
    db.configure("b", SpmcRing(4))
    db.configure("c", SpmcRing(8)).transform_join(("a", "b"), pair).tap(collecting(seen))
    run = await running(db)
    for key, value in (("a", 1), ("b", 2), ("a", 3), ("b", 4)):
        db.produce_any(key, value)
        await settle()
    equal(seen, [(1, 2), (3, 2), (3, 4)])
    await stopped(run)


async def test_transform_join_bounded_fanin_backpressure_no_deadlock():
    # 200 values in order through its queue of 16.
    db = AimDb()
    seen = {"a": [], "b": []}

    async def join(inputs, producer):
        async for key, value in inputs:
            seen[key].append(value)
            if value % 7 == 0:
                await asyncio.sleep_ms(0)
            await producer.produce_async(value)

    db.configure("a", BoundedQueue(2)).source(producing(range(100)))
    db.configure("b", BoundedQueue(1)).source(producing(range(100)))
    db.configure("c", BoundedQueue(1)).transform_join(["a", "b"], join).tap(collecting([]))
    await db.run()
    equal(seen, {"a": list(range(100)), "b": list(range(100))})


async def test_a_join_misses_nothing_of_a_source_that_produces_at_once():
    db = AimDb()
    seen = []

    async def join(inputs, producer):
        await asyncio.sleep_ms(5)
        async for key, value in inputs:
            seen.append((key, value))

    db.configure("a", SpmcRing(8)).source(producing([1, 2]))
    db.configure("b", SpmcRing(8)).transform("a", double)
    db.configure("c", SpmcRing(8)).transform_join(("a", "b"), join)
    await db.run()
    equal(sorted(seen), [("a", 1), ("a", 2), ("b", 2), ("b", 4)])


async def test_sixteen_values_wait_for_a_join_and_then_the_inputs_rule_decides():
    db = AimDb()
    queue = BoundedQueue(4)
    go = asyncio.Event()
    seen = []

    async def join(inputs, producer):
        await go.wait()
        async for key, value in inputs:
            seen.append(value)

    db.configure("a", queue)
    db.configure("b", SpmcRing(8)).transform_join(("a",), join)
    run = await running(db)
    for value in range(40):
        queue.push(value)
        await settle()
    go.set()
    await settle()
    equal(seen, list(range(16 + 1 + 4)))
    equal(queue.metrics().dropped_count, 40 - 21)
    await stopped(run)


async def test_a_join_ends_when_all_inputs_are_closed_and_closes_its_record():
    db = AimDb()
    last = SpmcRing(4)
    buffers = SpmcRing(2), Mailbox()
    ended = []

    async def join(inputs, producer):
        async for pair in inputs:
            producer.produce(pair)
        ended.append(True)

    db.configure("a", buffers[0])
    db.configure("b", buffers[1])
    db.configure("c", last).transform_join(("a", "b"), join)
    reader = last.subscribe()
    run = await running(db)
    buffers[0].close()
    buffers[1].push(1)
    await settle()
    equal(ended, [])
    buffers[1].close()
    await run
    equal(drain(reader), [("b", 1)])
    assert last.closed


async def test_a_join_that_returns_leaves_its_inputs_alone():
    db = AimDb()
    queue = BoundedQueue(4)

    async def first(inputs, producer):
        async for key, value in inputs:
            producer.produce(value)
            return

    last = BoundedQueue(4)
    db.configure("a", queue)
    db.configure("b", last).transform_join(("a",), first)
    queue.push(1)
    queue.push(2)
    await db.run()
    assert not last.closed
    reader = last.subscribe()
    equal(drain(reader), [1])
    await db.run()  # What had been taken from the input comes first.
    equal(drain(reader), [2])


async def test_what_a_join_raises_ends_the_run_and_is_named():
    async def fail(inputs, producer):
        async for key, value in inputs:
            raise OSError(value)

    db = AimDb()
    db.configure("a", SpmcRing(8)).source(producing([5]))
    db.configure("b", SpmcRing(8)).transform_join(("a",), fail)
    with raises(OSError) as caught:
        await db.run()
    equal(db.failed, ("b", "transform_join", "fail", caught.error))


async def test_a_join_that_fails_at_once_leaves_no_reader_at_its_inputs():
    async def fail(inputs, producer):
        raise OSError(5)

    db = AimDb()
    queue = BoundedQueue(1)
    db.configure("a", queue)
    db.configure("b", SpmcRing(8)).transform_join(("a",), fail)
    with raises(OSError):
        await db.run()
    queue.push(1)
    queue.subscribe().try_recv()
    queue.push(2)
    with raises(SelfDeadlock):  # With another reader it would wait.
        await timed(queue.push_async(3), 1000)


async def test_what_an_input_of_a_join_raises_ends_the_run():
    class Broken(Buffer):
        def push(self, value):
            self.wake()

        def has_value(self, reader):
            return True

        def take(self, reader):
            raise OSError(5)

    async def join(inputs, producer):
        async for _ in inputs:
            pass

    async def stubborn(inputs, producer):
        try:
            await join(inputs, producer)
        except asyncio.CancelledError:
            pass

    for stage in (join, stubborn):
        db = AimDb()
        db.configure("a", Broken())
        db.configure("b", SpmcRing(8)).transform_join(("a",), stage)
        with raises(OSError):
            await db.run()
        equal(db.failed[:2], ("b", "transform_join"))


async def test_what_an_input_of_a_join_raises_is_not_hidden_by_a_stage_that_catches_its_cancel():
    class Unreachable(SpmcRing):
        async def subscribe_async(self):
            raise OSError(5)

    async def stage(inputs, _):
        try:
            await inputs.recv()
        except asyncio.CancelledError:
            pass

    db = AimDb()
    db.configure("a", Unreachable(2))
    db.configure("b", SpmcRing(2)).transform_join(("a",), stage)
    with raises(OSError):
        await db.run()


async def test_an_input_of_a_join_that_awaits_what_was_cancelled_ends_the_run():
    class Unreachable(SpmcRing):
        async def subscribe_async(self):
            task = asyncio.create_task(asyncio.Event().wait())
            task.cancel()
            await task

    async def stage(inputs, _):
        await inputs.recv()

    db = AimDb()
    db.configure("a", Unreachable(2))
    db.configure("b", SpmcRing(2)).transform_join(("a",), stage)
    with raises(DbError):
        await asyncio.wait_for(db.run(), 1)
    equal(db.failed[:2], ("b", "transform_join"))


async def test_a_cancelled_join_loses_nothing_that_it_has_not_handed_out():
    db = AimDb()
    queue = BoundedQueue(30)
    go = []
    seen = []
    values = list(range(16)) + [None] + list(range(13))  # The None is in hand when the run is cancelled.

    async def join(inputs, producer):
        if not go:
            await asyncio.sleep(100)
        async for key, value in inputs:
            seen.append(value)

    db.configure("a", queue)
    db.configure("b", SpmcRing(8)).transform_join(("a",), join)
    for value in values:
        queue.push(value)
    for _ in range(3):
        await stopped(await running(db))
    equal(queue.held(), 30 - 17)
    go.append(True)
    run = await running(db)
    equal(seen, values)
    await stopped(run)


def test_a_join_whose_loop_was_left_runs_again_with_what_it_held():
    db = AimDb()
    queue = BoundedQueue(30)
    seen = []

    async def join(inputs, producer):
        while len(seen) < 30:
            seen.append((await inputs.recv())[1])
            await asyncio.sleep_ms(0)
            await asyncio.sleep_ms(0)

    db.configure("a", queue)
    db.configure("b", SpmcRing(8)).transform_join(("a",), join)
    for value in range(30):
        queue.push(value)

    for _ in range(40):
        run_and_leave(db)
    equal(seen, list(range(30)))


async def test_a_generator_that_is_only_handed_on_is_a_value_like_others():
    # What an async function gives has the same type.
    db = AimDb()
    given, computed = BoundedQueue(1), BoundedQueue(1)
    db.configure("given", given)
    db.configure("computed", computed).transform("given", lambda value: value)
    value = (each for each in (1, 2))
    given.push(value)
    given.close()
    await db.run()
    assert computed.subscribe().try_recv() is value
