"""Periodic sources."""

import asyncio
import gc
from time import ticks_add, ticks_diff

import harness
from aimdb import AimDb, BoundedQueue, BufferClosed, SingleLatest, SpmcRing, every, periodic
from aimdb_conformance.support import drain, settle
from harness import equal, heap_locked, only, raises
from printing import Unspeakable, printing
from virtual_clock import VirtualClock


class Read:
    """A `read` that notes the times of its calls, does some `work` in them, and closes the buffer in the last."""

    def __init__(self, clock, calls=None, buffer=None, work=()):
        self.clock = clock
        self.calls = calls
        self.buffer = buffer
        self.work = dict(work)
        self.times = []

    def __call__(self):
        now = self.clock.ticks_ms()
        if not self.times:
            self.start = now
        self.times.append(ticks_diff(now, self.start))
        n = len(self.times)
        if n == self.calls:
            self.buffer.close()
        if n in self.work:
            self.work[n]()
        return n


def wired(buffer, source):
    db = AimDb()
    db.configure("t", buffer).source(source)
    return db


async def times_of(calls, period_ms, work=()):
    """The times of so many calls of a source, and the source."""
    with VirtualClock(periodic) as clock:
        ring = SpmcRing(8)
        read = Read(clock, calls, ring, [(n, (lambda ms: lambda: clock.busy(ms))(ms)) for n, ms in work])
        source = every(period_ms, read)
        await wired(ring, source).run()
        return read.times, source


async def stopped(run):
    run.cancel()
    with raises(asyncio.CancelledError):
        await run


async def test_it_reads_at_its_start_and_then_once_a_period():
    times, source = await times_of(5, 20)
    equal(times, [0, 20, 40, 60, 80])
    equal((source.overruns, source.lateness), (0, (0, 0.0, 0)))


async def test_it_does_not_drift_in_ten_thousand_periods():
    count = 10000 if harness.target == "unix" else 50
    with VirtualClock(periodic) as clock:
        ring = SpmcRing(1)
        start = clock.ticks_ms()
        calls = 0

        def read():
            nonlocal calls
            calls += 1
            if calls > count:
                ring.close()
            else:
                clock.busy(calls % 6)

        source = every(7, read)
        await wired(ring, source).run()
        equal(ticks_diff(clock.ticks_ms(), start), 7 * count)
    equal(source.overruns, 0)


async def test_what_it_misses_is_counted_and_not_made_up_for():
    # From 20 to 90: 40, 60 and 80 are past.
    times, source = await times_of(4, 20, [(2, 70)])
    equal(times, [0, 20, 100, 120])
    equal(source.overruns, 3)


async def test_a_read_that_takes_just_its_period_misses_nothing():
    times, source = await times_of(4, 20, [(2, 20), (3, 20)])
    equal(times, [0, 20, 40, 60])
    equal(source.overruns, 0)


async def test_a_read_that_takes_just_its_period_lets_other_tasks_run():
    turns = []

    async def other():
        while True:
            turns.append(1)
            await asyncio.sleep_ms(0)

    task = asyncio.create_task(other())
    await times_of(5, 20, [(n, 20) for n in range(5)])
    await stopped(task)
    assert len(turns) >= 5, turns


async def test_a_loop_that_is_held_up_for_periods_counts_them():
    with VirtualClock(periodic) as clock:
        ring = SpmcRing(8)
        read = Read(clock, 4, ring)
        source = every(20, read)
        run = asyncio.create_task(wired(ring, source).run())
        await asyncio.sleep_ms(30)
        clock.busy(60)  # Until 90: the read of 40 is late, those of 60 and 80 are missed.
        await run
    equal(read.times, [0, 20, 90, 100])
    equal(source.overruns, 2)
    equal(source.lateness[2], 50)


async def test_a_period_in_which_the_producer_waits_is_an_overrun():
    with VirtualClock(periodic) as clock:
        queue = BoundedQueue(1)
        read = Read(clock)
        source = every(10, read)
        run = asyncio.create_task(wired(queue, source).run())
        await asyncio.sleep_ms(55)  # The value of 10 waits.
        reader = queue.subscribe()
        equal(reader.try_recv(), 1)
        await settle()
        equal(source.overruns, 4)
        equal(reader.try_recv(), 2)  # It was not lost.
        await asyncio.sleep_ms(10)
        equal(read.times, [0, 10, 60])
        await stopped(run)


async def test_an_async_read_that_takes_too_long_misses_times():
    with VirtualClock(periodic) as clock:
        ring = SpmcRing(8)
        read = Read(clock, 3, ring)

        async def slow():
            await asyncio.sleep_ms(25)
            return read()

        source = every(10, slow)
        await wired(ring, source).run()
    equal(read.times, [0, 30, 60])
    equal(source.overruns, 4)


async def test_a_number_that_changes_is_the_new_period():
    with VirtualClock(periodic) as clock:
        ring = SpmcRing(8)
        read = Read(clock, 4, ring)
        source = every(10, read)
        run = asyncio.create_task(wired(ring, source).run())
        await asyncio.sleep_ms(15)
        source.period_ms = 40
        await run
    equal(read.times, [0, 10, 50, 90])


async def test_a_record_can_hold_the_period():
    with VirtualClock(periodic) as clock:
        ring = SpmcRing(8)
        interval = SingleLatest()
        interval.push(10)
        read = Read(clock, 6, ring, [(3, lambda: interval.push(30))])
        await wired(ring, every(interval.peek, read)).run()
    equal(read.times, [0, 10, 20, 50, 80, 110])


async def test_a_period_that_becomes_short_is_noticed_within_a_second():
    with VirtualClock(periodic) as clock:
        ring = SpmcRing(8)
        interval = SingleLatest()
        interval.push(3600000)
        read = Read(clock, 3, ring)
        source = every(interval.peek, read)
        run = asyncio.create_task(wired(ring, source).run())
        await asyncio.sleep_ms(2300)
        interval.push(10)
        await run
    equal(read.times, [0, 3000, 3010])
    equal((source.overruns, source.lateness[2]), (0, 0))


async def test_a_long_period_is_kept():
    long = 7200000 if harness.target == "unix" else 60000  # Of which it sleeps through a second at a time.
    times, _ = await times_of(2, long)
    equal(times, [0, long])


async def test_what_it_reads_is_produced_and_none_is_not():
    ring = SpmcRing(8)
    values = [1, None, 0, None, False, "x"]

    def read():
        if len(values) == 1:
            ring.close()
        return values.pop(0)

    reader = ring.subscribe()
    await wired(ring, every(1, read)).run()
    equal(drain(reader), [1, 0, False])  # The last one came when the record was closed,
    equal(ring.metrics().dropped_count, 1)  # and is counted.


async def test_read_may_be_async():
    async def read():
        await asyncio.sleep_ms(1)
        return 7

    for function in (read, lambda: read()):
        ring = SpmcRing(8)
        reader = ring.subscribe()
        run = asyncio.create_task(wired(ring, every(1, function)).run())
        equal(await reader.recv(), 7)
        await stopped(run)


async def test_what_read_raises_is_counted_and_named_and_it_goes_on():
    ring = SpmcRing(16)
    calls = []

    def wire():
        calls.append(1)
        if len(calls) == 12:
            ring.close()
        if len(calls) % 3:
            raise OSError(5)
        return len(calls)

    reader = ring.subscribe()
    source = every(1, wire)
    with printing() as said:
        await wired(ring, source).run()
    equal(source.failures, 8)
    equal(drain(reader), [3, 6, 9])
    lines = said.text.strip().split("\n")
    equal(len(lines), 4)
    assert "'t'" in lines[0] and "wire" in lines[0] and "5" in lines[0] and "8 in all" in lines[3], lines


async def test_a_function_that_gives_no_period_is_not_said_to_be_read():
    interval = SingleLatest()  # It has no value.
    with printing() as said:
        await times_of(1, interval.peek)
    assert "period_ms of its source failed" in said.text and "None" in said.text, said.text


async def test_an_error_of_any_kind_that_read_raises_is_a_failure():
    class Odd(BaseException):
        pass

    errors = [Odd, asyncio.CancelledError, GeneratorExit, StopIteration, MemoryError]

    def read():
        if errors:
            raise errors.pop(0)
        ring.close()

    ring = SpmcRing(4)
    source = every(1, read)
    await wired(ring, source).run()
    equal(source.failures, 5)


def test_what_ends_a_program_does_so_also_when_read_raises_it():
    for kind in (KeyboardInterrupt, SystemExit):

        def read():
            raise kind

        with raises(kind):
            asyncio.run(wired(SpmcRing(2), every(1, read)).run())
        asyncio.new_event_loop()


async def test_failures_and_overruns_are_counted_round():
    ring = SpmcRing(8)
    with VirtualClock(periodic) as clock:
        read = Read(clock, 3, ring, [(1, lambda: clock.busy(70)), (2, lambda: 1 // 0)])
        source = every(20, read)
        source.failures = 2**29
        source.overruns = 2**29 - 1
        with printing():
            await wired(ring, source).run()
    equal((source.failures, source.overruns), (1, 2))


async def test_an_error_that_has_no_words_is_a_failure_too():
    ring = SpmcRing(16)
    calls = []

    def wire():
        calls.append(1)
        if len(calls) == 3:
            ring.close()
        raise Unspeakable

    source = every(1, wire)
    with printing():
        await wired(ring, source).run()
    equal(source.failures, 3)


async def test_what_the_record_refuses_is_a_failure():
    class Strict(SpmcRing):
        def try_push(self, value):
            if value < 0:
                raise ValueError("negative")
            super().try_push(value)

    ring = Strict(8)
    values = [-1, 1, -2, 2]

    def read():
        if not values:
            ring.close()
            return None
        return values.pop(0)

    reader = ring.subscribe()
    source = every(1, read)
    with printing():
        await wired(ring, source).run()
    equal(drain(reader), [1, 2])
    equal(source.failures, 2)


async def test_it_gives_up_after_so_many_failures_in_a_row():
    ring = SpmcRing(16)
    calls = []

    def wire():
        calls.append(1)
        if len(calls) in (1, 2, 4, 5, 6):
            raise OSError(len(calls))
        return 1

    db = wired(ring, every(1, wire, give_up_after=3))
    with printing():
        with raises(OSError) as caught:
            await db.run()
    equal(caught.error.args[0], 6)
    equal(db.failed[:3], ("t", "source", "wire"))


async def test_while_a_period_is_none_the_one_before_holds():
    for nonsense in (None, 0, -1, 1.5, "10", True, 1 << 29, OSError(5)):
        periods = [10, 10, 10]

        def period():
            if periods:
                return periods.pop()
            if isinstance(nonsense, OSError):
                raise nonsense
            return nonsense

        with printing() as said:
            times, source = await times_of(6, period)
        assert source.failures and "'t'" in said.text, said.text
        equal(times, [0, 10, 20, 30, 40, 50])


async def test_a_record_that_holds_no_period_yet_stands_for_a_second():
    with printing() as said:
        times, source = await times_of(3, SingleLatest().peek)
    equal(times, [0, 1000, 2000])
    assert "period_ms" in said.text and "None" in said.text, said.text


def test_wrong_arguments_are_named_at_the_call():
    for period in (0, -1, 1 << 29):
        with raises(ValueError) as caught:
            every(period, print)
        assert "period_ms" in str(caught.error) and str(period) in str(caught.error), caught.error
    for period in (None, 1.5, "10", True):
        with raises(TypeError) as caught:
            every(period, print)
        assert "period_ms" in str(caught.error), caught.error
    for period in (SingleLatest(), AimDb().configure("interval", SingleLatest())):
        with raises(TypeError) as caught:
            every(period, print)
        assert "peek" in str(caught.error), caught.error
    for read in (None, 5):
        with raises(TypeError) as caught:
            every(10, read)
        assert "read" in str(caught.error), caught.error
    with raises(ValueError):
        every(10, print, give_up_after=0)
    with raises(TypeError):
        every(10, print, give_up_after=1.5)


async def test_the_least_lateness_is_that_of_the_read_that_was_least_late():
    ring = SpmcRing(8)
    with VirtualClock(periodic) as clock:
        read = Read(clock, 3, ring)
        source = every(20, read)
        run = asyncio.create_task(wired(ring, source).run())
        await asyncio.sleep_ms(15)
        clock.busy(10)
        await asyncio.sleep_ms(10)
        clock.busy(8)
        await run
    equal(source.lateness, (3, 4.0, 5))


async def test_lateness_and_overruns_are_in_the_records_metrics():
    ring = SpmcRing(8)
    with VirtualClock(periodic) as clock:
        read = Read(clock, 4, ring, [(2, lambda: clock.busy(50))])
        source = every(20, read)
        run = asyncio.create_task(wired(ring, source).run())
        await asyncio.sleep_ms(90)
        clock.busy(13)
        await run
    metrics = ring.metrics()
    equal(metrics[:4], (3, 0, 1, (3, 8)))
    equal((metrics.overruns, metrics.failures, metrics.lateness), (2, 0, (0, 1.0, 3)))


async def test_a_record_without_such_a_source_has_the_usual_metrics():
    async def source(producer):
        producer.produce(1)

    ring = SpmcRing(8)
    await wired(ring, source).run()
    equal(ring.metrics(), (1, 0, 0, (1, 8)))


async def test_it_ends_when_its_record_is_closed():
    for buffer in (SpmcRing(2), BoundedQueue(1)):
        with VirtualClock(periodic) as clock:
            start = clock.ticks_ms()
            run = asyncio.create_task(wired(buffer, every(86400000, lambda: 1)).run())
            await asyncio.sleep_ms(5500)
            buffer.close()
            await run
            assert ticks_diff(clock.ticks_ms(), start) <= 6000


async def test_a_read_that_ends_with_its_record_has_no_value_that_counts_as_dropped():
    ring = SpmcRing(2)

    async def read():
        ring.close()
        raise BufferClosed(None, SpmcRing(1))

    await wired(ring, every(1, read)).run()
    equal(ring.metrics().dropped_count, 0)


async def test_what_read_raises_of_another_record_does_not_end_it():
    other, ring = SpmcRing(2), SpmcRing(2)
    other.close()

    def read():
        if source.failures == 3:
            ring.close()
        raise BufferClosed(None, other)

    source = every(1, read)
    with printing():
        await wired(ring, source).run()
    equal(source.failures, 3)


async def test_it_runs_again_after_a_run_that_was_cancelled():
    with VirtualClock(periodic) as clock:
        ring = SpmcRing(64)
        read = Read(clock)
        db = wired(ring, every(5, read))
        for n in range(1, 4):
            run = asyncio.create_task(db.run())
            await asyncio.sleep_ms(12)
            await stopped(run)
            equal(len(read.times), 3 * n)
        equal(read.times, [0, 5, 10, 12, 17, 22, 24, 29, 34])


def test_it_runs_again_in_a_new_loop():
    calls = []
    db = wired(SpmcRing(64), every(5, lambda: calls.append(1)))

    async def leave(count):
        asyncio.create_task(db.run())
        while len(calls) < count:
            await asyncio.sleep_ms(1)
        raise OSError(5)

    for n in range(1, 4):
        with raises(OSError):
            asyncio.run(leave(3 * n))
        asyncio.new_event_loop()


async def test_times_are_right_when_the_ticks_of_the_clock_go_round():
    with VirtualClock(periodic) as clock:
        shift = ticks_diff(ticks_add(0, -30), clock.ticks_ms())
        periodic.ticks_ms = lambda: ticks_add(clock.ticks_ms(), shift)
        ring = SpmcRing(8)
        read = Read(clock, 6, ring, [(4, lambda: clock.busy(15))])
        source = every(10, read)
        await wired(ring, source).run()
    equal(read.times, [0, 10, 20, 30, 50, 60])
    equal(source.overruns, 1)


@only("unix", reason="a board's own clock cannot be set so far ahead")
async def test_a_read_that_takes_a_week_is_followed_by_others():
    # A board's clock goes round after 12.4 days, so that a difference of more than 6.2 has the wrong sign.
    size = 1 << 30
    with VirtualClock(periodic) as clock:
        periodic.ticks_ms = lambda: clock.now % size
        periodic.ticks_add = lambda ticks, difference: (ticks + difference) % size
        periodic.ticks_diff = lambda late, early: (late - early + size // 2) % size - size // 2
        try:
            ring = SpmcRing(8)
            read = Read(clock, 5, ring, [(2, lambda: clock.busy(7 * 24 * 3600 * 1000))])
            source = every(1000, read)
            await wired(ring, source).run()
        finally:
            periodic.ticks_add, periodic.ticks_diff = ticks_add, ticks_diff
    assert read.times[4] - read.times[2] == 2000, read.times
    assert source.overruns > 500000, source.overruns


async def test_it_needs_no_heap():
    with VirtualClock(periodic) as clock:
        ring = SpmcRing(4)
        calls = 0

        def read():
            nonlocal calls
            calls += 1
            clock.busy(calls % 7)
            return calls

        source = every(5, read)
        run = asyncio.create_task(wired(ring, source).run())
        await asyncio.sleep_ms(20)
        before = calls
        with heap_locked():
            await asyncio.sleep_ms(100)
        assert calls > before + 10 and source.failures == 0 and source.overruns
        await stopped(run)


async def test_nothing_grows():
    with VirtualClock(periodic) as clock:
        ring = SpmcRing(2)
        counts = range(3000 if harness.target == "unix" else 40)
        source = every(1, lambda: clock.busy(2))
        run = asyncio.create_task(wired(ring, source).run())
        sizes = []
        for _ in range(3):
            for _ in counts:
                await asyncio.sleep_ms(1)
            gc.collect()
            sizes.append(gc.mem_alloc())
        assert sizes[2] - sizes[1] <= 64, sizes
        await stopped(run)


def test_it_is_named_after_what_it_reads():
    equal(every(1, test_it_is_named_after_what_it_reads).__name__, "test_it_is_named_after_what_it_reads")
