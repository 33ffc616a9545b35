"""The words for time that packages build on: Timer, timed, Complaint."""

import asyncio

import harness
from aimdb.complaint import Complaint
from aimdb.timing import Timer, timed
from aimdb_conformance.support import busy, raises_async, settle
from harness import equal

UNIT = 4 if harness.target == "unix" else 40  # Milliseconds: longer than a few steps take.


async def some_time():
    await asyncio.sleep_ms(3 * UNIT)
    await settle()


async def test_a_timer_calls_once():
    calls = []
    Timer(lambda: calls.append(1)).start(UNIT)
    await some_time()
    await some_time()
    equal(calls, [1])


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


async def test_what_is_done_in_time_gives_its_value():
    event = asyncio.Event()
    event.set()
    equal(await timed(wait(event), UNIT), 7)
    await asyncio.sleep_ms(2 * UNIT)  # Nothing is left that cancels this task.


async def test_what_is_not_done_in_time_is_cancelled_and_told():
    event = asyncio.Event()
    error = await raises_async(asyncio.TimeoutError, timed(wait(event), UNIT, "the wait"))
    assert "the wait" in str(error) and str(UNIT) in str(error), error


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
