"""The words for time that packages build on: Timer, timed, Complaint."""

import asyncio
import gc
import time

import aimdb.loop
import aimdb.polling
import harness
from aimdb import AimDb, BoundedQueue, BufferClosed, SpmcRing
from aimdb.complaint import Complaint
from aimdb.timing import Timer, timed
from aimdb_conformance.support import busy, raises_async, settle
from harness import equal, heap_locked, raises
from printing import printing
from stepping import outcome
from virtual_clock import VirtualClock

UNIT = 4 if harness.target == "unix" else 40  # Milliseconds: longer than a few steps take.


async def some_time():
    await asyncio.sleep_ms(3 * UNIT)
    await settle()


async def test_a_timer_calls_once():
    calls = []
    timer = Timer(lambda: calls.append(1))
    timer.start(UNIT)
    equal(timer.runs(), True)
    await some_time()
    await some_time()
    equal((calls, timer.runs()), ([1], False))


async def test_the_longest_times_hold_up_no_task_that_is_overdue():
    timer = Timer(None)
    reader = SpmcRing(1).subscribe()
    late = asyncio.create_task(some_time())
    await settle()
    busy(3 * UNIT)
    timer.start(2**29 - 1)
    long = asyncio.create_task(reader.recv(timeout_ms=2**29 - 1))
    await settle()
    await late
    equal(long.done(), False)
    timer.stop()
    long.cancel()


async def test_the_longest_times_are_kept():
    calls = []
    timer = Timer(lambda: calls.append(1))
    timer.start(2**29 - 1)
    reader = SpmcRing(1).subscribe()
    task = asyncio.create_task(reader.recv(timeout_ms=2**29 - 1))
    await settle()
    for _ in range(2):  # What the loop does half of that time from now, and when it is up.
        equal((calls, task.done()), ([], False))
        for entry in (timer._entry, task.data.entry):  # The task waits with an alarm.
            aimdb.waiting.current_loop().remove(entry)
            entry.coro.send(None)
        await settle()
    equal((calls, task.done()), ([1], True))
    assert isinstance(await outcome(task), asyncio.TimeoutError)


async def test_a_wait_has_its_whole_time_whatever_its_reader_has_waited_before():
    half, longest = 2**28, 2**29 - 1  # The loop calls for a wait of more than a half twice.
    with VirtualClock(aimdb.polling) as clock:
        for before, waited in ((longest, 10), (longest, half + 10), (half, 10), (5, 2)):
            for limit in (longest, half, half - 1, 5):
                ring = SpmcRing(1)
                reader = ring.subscribe()
                task = asyncio.create_task(reader.recv(before))
                await asyncio.sleep_ms(waited)
                ring.push(1)
                await task
                began = clock.now
                with raises(asyncio.TimeoutError) as caught:
                    await reader.recv(limit)
                equal(time.ticks_diff(clock.now, began), limit)
                assert "within %d ms" % limit in str(caught.error), caught.error


async def test_a_timer_that_is_stopped_does_not_call():
    calls = []
    timer = Timer(lambda: calls.append(1))
    timer.start(UNIT)
    timer.stop()
    timer.stop()
    await some_time()
    equal(calls, [])


async def test_a_timer_that_is_started_again_calls_at_the_new_time_only():
    calls = []
    timer = Timer(lambda: calls.append(1))
    timer.start(UNIT)
    timer.start(100000)
    await some_time()
    equal(calls, [])
    timer.start(UNIT)
    await some_time()
    equal(calls, [1])


async def test_a_timer_may_be_started_by_what_it_calls():
    calls = 0

    def call():
        nonlocal calls
        calls += 1
        if calls < 3:
            timer.start(0)

    timer = Timer(call)
    timer.start(0)
    equal(calls, 0)
    await settle()
    equal(calls, 3)


async def test_a_timer_goes_on_when_what_it_calls_has_started_it_and_then_raises():
    calls = []
    told = []

    def call():
        calls.append(1)
        if len(calls) < 3:
            timer.start(0)
            raise ValueError

    timer = Timer(call)
    timer.start(0)
    loop = asyncio.get_event_loop()
    loop.set_exception_handler(lambda _, context: told.append(type(context["exception"])))
    try:
        await settle()
    finally:
        loop.set_exception_handler(None)
    equal(len(calls), 3)
    equal(told, [ValueError, ValueError])


def test_a_timer_of_a_loop_that_was_left_does_not_call_and_can_be_started_anew():
    calls = []
    timer = Timer(lambda: calls.append(1))

    async def start():
        timer.start(UNIT)
        assert timer.runs()

    asyncio.run(start())
    asyncio.new_event_loop()
    assert not timer.runs()
    asyncio.run(some_time())
    equal(calls, [])
    asyncio.run(start())
    asyncio.run(some_time())
    equal(calls, [1])


async def wait(event):
    await event.wait()
    return 7


async def test_what_a_timers_call_raises_is_told_without_a_handler_of_the_programs():
    def fail():
        raise ValueError

    with printing() as said:
        Timer(fail).start(0)
        await settle()
    assert said.text.startswith("aimdb: a timer's call failed\nfuture: "), said.text
    assert "wasn't retrieved" not in said.text, said.text  # As of an error in the telling.


async def test_what_is_done_in_time_gives_its_value():
    event = asyncio.Event()
    event.set()
    equal(await timed(wait(event), UNIT), 7)
    await asyncio.sleep_ms(2 * UNIT)  # Nothing is left that cancels this task.


async def test_what_is_not_done_in_time_is_cancelled_and_told():
    event = asyncio.Event()
    error = await raises_async(asyncio.TimeoutError, timed(wait(event), UNIT, "the wait"))
    assert "the wait" in str(error) and str(UNIT) in str(error), error


async def test_a_task_that_is_not_done_in_time_is_cancelled():
    task = asyncio.create_task(wait(asyncio.Event()))
    await raises_async(asyncio.TimeoutError, timed(task, UNIT))
    equal(task.done(), True)


async def test_a_result_that_meets_the_end_of_the_time_is_not_lost():
    event = asyncio.Event()
    task = asyncio.create_task(timed(wait(event), UNIT))
    await settle()
    event.set()
    busy(2 * UNIT)
    equal(await task, 7)


async def test_being_cancelled_is_not_running_out_of_time():
    for late in (False, True):
        task = asyncio.create_task(timed(wait(asyncio.Event()), UNIT))
        await settle()
        if late:
            busy(2 * UNIT)
        task.cancel()
        await raises_async(asyncio.CancelledError, task)


async def test_of_two_time_limits_the_one_that_is_over_is_told():
    async def inner():
        try:
            await timed(wait(asyncio.Event()), 100 * UNIT, "inner")
        except asyncio.TimeoutError:
            raise AssertionError("the inner time was not over")

    assert "outer" in str(await raises_async(asyncio.TimeoutError, timed(inner(), UNIT, "outer")))

    async def outer():
        error = await raises_async(asyncio.TimeoutError, timed(wait(asyncio.Event()), UNIT, "inner"))
        assert "inner" in str(error)
        return 8

    equal(await timed(outer(), 100 * UNIT, "outer"), 8)


async def test_a_complaint_comes_in_time_and_then_two_four_and_eight_times_as_late():
    said = []
    complaint = Complaint(said.append, UNIT)
    complaint.begin()
    complaint.begin()
    while len(said) < 4:
        await asyncio.sleep_ms(UNIT)
    complaint.end()
    equal(said, [UNIT, 2 * UNIT, 4 * UNIT, 8 * UNIT])
    await asyncio.sleep_ms(10 * UNIT)
    equal(len(said), 4)


async def test_a_complaint_about_a_wait_that_moves_on_begins_anew():
    said = []

    def say(milliseconds):
        said.append(milliseconds)
        return len(said) != 2 and None

    complaint = Complaint(say, UNIT)
    complaint.begin()
    while len(said) < 4:
        await asyncio.sleep_ms(UNIT)
    complaint.end()
    equal(said, [UNIT, 2 * UNIT, UNIT, 2 * UNIT])


class Hasty:
    """Has the loop believe that much more time has passed than has."""

    def __init__(self):
        polling = aimdb.polling
        self._module = polling if hasattr(polling, "ticks_ms") else aimdb.loop  # Joined, they are one module.
        self._kept = self._module.ticks_ms, asyncio.core.ticks
        self._ahead = 0

    def __enter__(self):
        self._module.ticks_ms = asyncio.core.ticks = self._ticks
        return self

    def __exit__(self, *_):
        self._module.ticks_ms, asyncio.core.ticks = self._kept

    def _ticks(self):
        return time.ticks_add(self._kept[0]() + self._ahead, 0)  # A board adds no more than half of all ticks.

    async def pass_by(self, milliseconds):
        self._ahead = time.ticks_add(self._ahead, milliseconds)
        await settle()


async def test_a_complaint_about_the_longest_wait_comes_once_in_that_time():
    longest = 2**29 - 1
    said = []
    complaint = Complaint(said.append, 2**28)
    with Hasty() as time_flies:
        complaint.begin()
        for _ in range(7):
            await time_flies.pass_by(2**27)
        equal(said, [2**28, longest])
        for _ in range(8):
            await time_flies.pass_by(2**27)
        complaint.end()
    equal(len(said), 4)


async def test_of_two_time_limits_that_end_at_once_the_outer_one_ends_both():
    async def goes_on():
        try:
            await timed(asyncio.sleep_ms(100 * UNIT), UNIT, "the inner one")
        except asyncio.TimeoutError:
            await asyncio.sleep_ms(100 * UNIT)

    task = asyncio.create_task(timed(goes_on(), UNIT, "the outer one"))
    await settle()
    busy(2 * UNIT)
    error = await raises_async(asyncio.TimeoutError, asyncio.wait_for_ms(task, 50 * UNIT))
    equal(str(error), "the outer one was not done within %d ms" % UNIT)


async def test_a_produce_async_that_takes_too_long_is_told_with_its_record():
    record = AimDb().configure("q", BoundedQueue(1))
    record.produce(1)
    error = await raises_async(asyncio.TimeoutError, record.produce_async(2, timeout_ms=0))
    equal(str(error), "<Record 'q' BoundedQueue> was not done within 0 ms")


async def test_a_queue_that_nobody_reads_is_named_while_a_producer_waits():
    queue = BoundedQueue(1)
    producer = AimDb().configure("q", queue)
    reader = queue.subscribe()
    line = "aimdb: record 'q' is full (1 values), and nobody reads it; a producer waits, for %d s now\n"
    for _ in range(2):  # It begins anew with the next one that waits.
        producer.produce(1)
        with Hasty() as time_flies, printing() as said:
            task = asyncio.create_task(producer.produce_async(2))
            await settle()
            await time_flies.pass_by(9000)
            equal(said.text, "")
            await time_flies.pass_by(1000)
            equal(said.text, line % 10)
            await time_flies.pass_by(10000)
            equal(said.text, line % 10 + line % 20)
            equal((reader.try_recv(), await reader.recv()), (1, 2))
            await task
            await time_flies.pass_by(20000)
            equal(said.text, line % 10 + line % 20)


async def test_a_queue_that_nobody_reads_is_named_once_however_many_producers_wait():
    queue = BoundedQueue(1)
    queue.push(1)
    with Hasty() as time_flies, printing() as said:
        for i in range(3):
            asyncio.create_task(queue.push_async(i))
        await settle()
        await time_flies.pass_by(10000)
    equal(said.text.count("nobody reads it"), 1)


async def wait_for_space(queue):
    with Hasty() as time_flies:
        asyncio.create_task(queue.push_async(2))
        await settle()
        await time_flies.pass_by(10000)


def test_a_queue_that_nobody_reads_is_named_in_each_loop():
    queue = BoundedQueue(1)
    queue.push(1)

    with printing() as said:
        for _ in range(2):
            asyncio.run(wait_for_space(queue))
            asyncio.new_event_loop()
    equal(said.text.count("nobody reads it"), 2)


def test_a_full_queue_is_named_with_the_value_that_was_kept_for_a_reader_of_a_loop_that_was_left():
    queue = BoundedQueue(1)

    async def wake_a_reader():
        asyncio.create_task(queue.subscribe().recv())
        await settle()
        queue.push(1)

    asyncio.run(wake_a_reader())
    asyncio.new_event_loop()
    with printing() as said:
        asyncio.run(wait_for_space(queue))
    assert "is full (1 values)" in said.text, said.text


async def test_a_queue_that_is_dropped_after_a_producer_has_waited_is_collected_before_the_loop_goes_on():
    async def wait_for_space():
        queue = BoundedQueue(1)
        queue.push(bytearray(4000))
        reader = queue.subscribe()
        task = asyncio.create_task(queue.push_async(2))
        await settle()
        reader.try_recv()
        await task
        reader.try_recv()
        queue.push(bytearray(4000))

    await wait_for_space()
    gc.collect()
    before = gc.mem_alloc()
    for _ in range(10):
        await wait_for_space()
    gc.collect()
    # One may still be seen on the C stack, which the collector scans as it is.
    assert gc.mem_alloc() - before < 20000


async def test_a_queue_that_is_read_slowly_is_not_named():
    queue = BoundedQueue(1)
    producer = AimDb().configure("q", queue)
    reader = queue.subscribe()
    producer.produce(0)
    with Hasty() as time_flies, printing() as said:
        tasks = [asyncio.create_task(producer.produce_async(value)) for value in range(1, 6)]
        for value in range(5):
            await settle()
            await time_flies.pass_by(9000)
            equal(reader.try_recv(), value)
    await asyncio.gather(*tasks)
    equal(said.text, "")


async def test_a_complaint_for_which_there_was_no_memory_comes_later():
    said = []

    def say(milliseconds):
        said.append(milliseconds)
        if len(said) == 1:
            raise MemoryError

    complaint = Complaint(say, UNIT)
    complaint.begin()
    while len(said) < 3:
        await asyncio.sleep_ms(UNIT)
    complaint.end()
    equal(said, [UNIT, UNIT, 2 * UNIT])


async def test_two_tasks_that_share_a_reader_each_keep_their_time_limit():
    ring = SpmcRing(4)
    reader = ring.subscribe()

    async def read_on():
        equal(await reader.recv(100 * UNIT), 1)
        await reader.recv(100 * UNIT)

    other = asyncio.create_task(read_on())
    await settle()
    task = asyncio.create_task(reader.recv(UNIT))
    await settle()
    busy(2 * UNIT)
    ring.push(1)  # Wakes both, the second for nothing and when its time is over.
    await raises_async(asyncio.TimeoutError, task)
    other.cancel()
    await raises_async(asyncio.CancelledError, other)


async def test_a_time_limit_for_whose_error_there_is_no_memory_ends_the_wait():
    reader = SpmcRing(4).subscribe()
    task = asyncio.create_task(reader.recv(UNIT))
    await settle()
    busy(2 * UNIT)
    with heap_locked():
        await asyncio.sleep_ms(0)
        await asyncio.sleep_ms(0)
    await raises_async(MemoryError, task)
    await raises_async(asyncio.TimeoutError, reader.recv(UNIT))


async def test_a_value_that_comes_as_the_time_ends_leaves_the_next_read_its_whole_time():
    ring = SpmcRing(4)
    reader = ring.subscribe()
    for _ in range(2):
        task = asyncio.create_task(reader.recv(UNIT))
        await settle()
        busy(2 * UNIT)  # The time is up before the loop can tell, and the value is there before it does.
        ring.push(1)
        equal(await task, 1)
        task = asyncio.create_task(reader.recv(3 * UNIT))
        await asyncio.sleep_ms(UNIT)
        assert not task.done()
        await raises_async(asyncio.TimeoutError, task)


async def test_ctrl_c_while_a_reader_with_a_time_limit_is_woken_leaves_it_waiting_and_stores_nothing():
    ring = SpmcRing(4)
    reader = ring.subscribe()
    task = asyncio.create_task(reader.recv(2 * UNIT))
    await settle()
    alarm = task.data
    stop = alarm.stop
    alarm.stop = interrupted
    with raises(KeyboardInterrupt):
        ring.push(1)
    alarm.stop = stop
    equal(ring.metrics().produced_count, 0)
    await raises_async(asyncio.TimeoutError, task)
    ring.push(2)
    equal(await reader.recv(UNIT), 2)


def interrupted():
    raise KeyboardInterrupt


async def test_a_time_limit_on_what_waits_by_wait_for_cancels_nothing_later():
    async def cleans_up():
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep_ms(0)

    for inner in (asyncio.Event().wait, cleans_up):
        with raises(asyncio.TimeoutError):
            await timed(asyncio.wait_for(inner(), 10), 5)
        await asyncio.sleep_ms(20)


async def test_a_stage_that_goes_on_though_it_is_cancelled_is_named_while_the_run_waits_for_it():
    async def stubborn(consumer):
        reader = consumer.subscribe()
        while not reader.closed:
            try:
                await reader.recv()
            except asyncio.CancelledError:
                pass
            except BufferClosed:
                return

    db = AimDb()
    db.configure("x", SpmcRing(1)).tap(stubborn)
    with Hasty() as time_flies, printing() as said:
        run = asyncio.create_task(db.run())
        await settle()
        run.cancel()
        await some_time()
        await time_flies.pass_by(9000)
        equal(said.text, "")
        await time_flies.pass_by(1500)
        equal(said.text, "aimdb: tap stubborn of record 'x' was cancelled and goes on, for 10 s now\n")
        db.consumer("x").buffer.close()
        with raises(asyncio.CancelledError):
            await run
        await time_flies.pass_by(20000)
        equal(said.text.count("\n"), 1)
