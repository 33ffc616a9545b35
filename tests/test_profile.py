"""`AimDb(profile=True)`: how long each stage runs in its own code, and gauges."""

import asyncio
import gc
import sys

import aimdb
import harness
from aimdb import AimDb, BoundedQueue, Buffer, SingleLatest, SpmcRing
from aimdb.profiling import Times
from aimdb_conformance.support import busy
from harness import equal, raises

FIELDS = "calls", "kind", "max_us", "mean_us", "min_us", "name", "record", "total_us"


async def source(producer):
    for value in range(5):
        busy(2)
        await producer.produce_async(value)
        await asyncio.sleep_ms(5)
    producer.buffer.close()


async def tap(consumer):
    async for _ in consumer.subscribe():
        busy(4)


def double(value):
    busy(3)
    return 2 * value


def of(db, kind):
    (found,) = [line for line in db.profile() if line["kind"] == kind]
    return found


def wired(profile):
    db = AimDb(profile=profile)
    db.configure("a", BoundedQueue(8)).source(source)
    db.configure("b", SpmcRing(8)).transform("a", double).tap(tap)
    return db


async def test_the_time_in_its_own_code_is_told_of_each_stage():
    db = wired(True)
    await db.run()
    equal([line["record"] + " " + line["kind"] + " " + line["name"] for line in db.profile()], PLAN)
    for line in db.profile():
        equal(sorted(line), list(FIELDS))
        assert line["min_us"] <= line["mean_us"] <= line["max_us"] <= line["total_us"], line
        equal(line["mean_us"], line["total_us"] // line["calls"])
    equal(of(db, "transform")["calls"], 5)
    for kind, milliseconds in (("source", 2), ("transform", 3), ("tap", 4)):
        # One less than `busy` is told, as the clock may tick as soon as it begins.
        assert of(db, kind)["total_us"] >= 5 * 1000 * (milliseconds - 1), of(db, kind)
    assert of(db, "transform")["min_us"] >= 2000, of(db, "transform")


async def test_two_taps_of_one_function_are_timed_separately():
    db = AimDb(profile=True)
    db.configure("a", SpmcRing(8)).source(source).tap(tap).tap(tap)
    await db.run()
    equal([line["calls"] for line in db.profile()], [6, 7, 7])  # A tap waits before each value, and before the end.


PLAN = ["a source source", "b transform double", "b tap tap"]


@harness.only("unix", reason="an emulated chip on a busy machine is as slow, but takes longer")
def test_the_mean_is_right_after_any_number_of_calls():
    times = Times(AimDb().configure("a", SpmcRing(1)), "tap", tap)
    times.calls = times._seconds = 2**29  # A second each.
    times.add(1000000)
    equal((times.described()["calls"], times.described()["mean_us"]), (2**29 + 1, 1000000))


def test_more_than_a_second_is_added_up():
    times = Times(AimDb().configure("a", SpmcRing(1)), "tap", tap)
    for microseconds in (600000, 900000, 2500000):
        times.add(microseconds)
    equal(times.described()["total_us"], 4000000)


async def test_waiting_is_taken_off():
    async def patient(producer):
        for _ in range(5):
            await asyncio.sleep_ms(20)

    db = AimDb(profile=True)
    db.configure("a", SpmcRing(8)).source(patient)
    await db.run()
    (line,) = db.profile()
    equal(line["calls"], 6)  # One before each wait, and one after the last.
    assert line["min_us"] < 1000, line


async def test_before_the_run_all_is_zero():
    db = wired(True)
    equal([line["record"] + " " + line["kind"] + " " + line["name"] for line in db.profile()], PLAN)
    for line in db.profile():
        equal([line[name] for name in FIELDS if name.endswith("_us")] + [line["calls"]], [0] * 5)


async def test_a_second_run_adds_to_the_first_and_a_reset_begins_anew():
    async def quick(producer):
        producer.produce(1)

    db = AimDb(profile=True)
    db.configure("a", SingleLatest()).source(quick)
    for count in (1, 2, 3):
        await db.run()
        equal(db.profile()[0]["calls"], count)
    db.reset_profile()
    equal(db.profile()[0]["calls"], 0)
    await db.run()
    equal(db.profile()[0]["calls"], 1)


async def test_a_stage_that_dies_or_is_cancelled_is_timed_and_treated_as_without():
    async def dying(producer):
        busy(2)
        raise OSError(5)

    async def waiting(consumer):
        try:
            await consumer.subscribe().recv()
        finally:
            busy(2)

    db = AimDb(profile=True)
    db.configure("a", SingleLatest()).source(dying).tap(waiting)
    with raises(OSError) as caught:
        await db.run()
    equal(db.failed, ("a", "source", "dying", caught.error))
    assert of(db, "source")["total_us"] >= 1000 and of(db, "tap")["max_us"] >= 1000, db.profile()


async def test_a_transform_gets_the_state_as_without():
    def total(value, sums):
        sums.append(value)
        return sum(sums)

    db = AimDb(profile=True)
    latest = SingleLatest()
    db.configure("a", BoundedQueue(8)).source(source)
    db.configure("b", latest).transform("a", total, state=[])
    for _ in range(2):
        if db._records["a"].buffer.closed:
            break
        await db.run()
    equal(latest.peek(), 10)


async def test_without_profile_nothing_is_loaded_and_the_list_is_empty():
    aimdb.once("loading").forget("aimdb", "profiling")
    db = wired(False)
    gauge = db.configure("a").signal_gauge("level", "mm")
    gauge.update(5)
    gauge.reset()
    equal(gauge.described(), {})
    await db.run()
    equal((db.profile(), db.signals()), ([], []))
    db.reset_profile()
    equal([name for name in sys.modules if name in ("aimdb.profiling", "aimdb.gauge")], [])


def test_a_gauge_has_last_least_largest_and_mean():
    db = AimDb(profile=True)
    gauge = db.configure("t", SpmcRing(2)).signal_gauge("celsius", "C")
    for value in (10, 30.5, -20, 19.5):
        gauge.update(value)
    (line,) = db.signals()
    equal(abs(line.pop("mean") - 10) < 1e-5, True)
    equal(
        line,
        {
            "record": "t",
            "name": "celsius",
            "unit": "C",
            "count": 4,
            "last": 19.5,
            "min": -20,
            "max": 30.5,
            "refused": 0,
        },
    )


def test_each_gauge_has_values_of_its_own():
    db = AimDb(profile=True)
    record = db.configure("t", SpmcRing(2))
    first, second = record.signal_gauge("celsius"), record.signal_gauge("percent")
    first.update(1)
    second.update(2)
    equal([(line["name"], line["last"]) for line in db.signals()], [("celsius", 1), ("percent", 2)])


def test_a_gauge_without_values_has_zeros_and_so_has_one_after_a_reset():
    db = AimDb(profile=True)
    gauge = db.configure("t", SpmcRing(2)).signal_gauge("celsius")
    empty = db.signals()
    equal([empty[0][name] for name in ("count", "last", "min", "max", "mean")], [0, 0, 0, 0, 0])
    gauge.update(5)
    assert db.signals() != empty
    db.reset_profile()
    equal(db.signals(), empty)
    gauge.update(3)
    equal([db.signals()[0][name] for name in ("count", "last", "min", "max", "mean")], [1, 3, 3, 3, 3])


def test_what_is_no_finite_number_changes_nothing_but_a_count():
    db = AimDb(profile=True)
    gauge = db.configure("t", SpmcRing(2)).signal_gauge("celsius")
    gauge.update(5)
    for value in (float("nan"), float("inf"), -float("inf"), None, "5", [], 1j):
        gauge.update(value)
    line = db.signals()[0]
    equal([line[name] for name in ("count", "last", "min", "max", "mean", "refused")], [1, 5, 5, 5, 5, 7])


def test_a_number_that_no_float_holds_is_refused_and_the_mean_goes_on():
    db = AimDb(profile=True)
    gauge = db.configure("a", SpmcRing(2)).signal_gauge("x")
    for value in (1, 10**400, -(10**400), 3):
        gauge.update(value)
    signal = db.signals()[0]
    equal((signal["count"], signal["refused"], signal["max"], signal["mean"]), (2, 2, 3, 2.0))


def test_the_mean_of_the_largest_numbers_of_both_signs_is_a_number():
    largest = 1.7e308 if 1e300 < float("inf") else 3.4e38  # A board's floats are shorter.
    db = AimDb(profile=True)
    gauge = db.configure("a", SpmcRing(2)).signal_gauge("x")
    for value in (largest, -largest, 3, 5):
        gauge.update(value)
    equal((db.signals()[0]["count"], db.signals()[0]["mean"]), (4, 2.0))


def test_the_counts_of_a_gauge_go_round():
    db = AimDb(profile=True)
    gauge = db.configure("a", SpmcRing(2)).signal_gauge("x")
    gauge._count = gauge._refused = 2**29
    gauge.update(1)
    gauge.update(None)
    signal = db.signals()[0]
    equal((signal["count"], signal["refused"]), (1, 1))


def test_a_value_that_raises_what_it_likes_is_refused():
    class Odd:
        def __sub__(self, other):
            raise KeyError(other)

    db = AimDb(profile=True)
    gauge = db.configure("a", SpmcRing(2)).signal_gauge("x")
    gauge.update(Odd())
    equal(db.signals()[0]["refused"], 1)


def test_what_is_no_number_is_refused_as_the_first_value_too():
    db = AimDb(profile=True)
    gauge = db.configure("a", SpmcRing(2)).signal_gauge("x")

    class Broken:
        def __sub__(self, _):
            raise OSError(5)

    for value in ("5", 1j, [], None, Broken()):
        gauge.update(value)
    signal = db.signals()[0]
    equal((signal["count"], signal["refused"], signal["max"]), (0, 5, 0.0))


def test_a_switch_is_a_number():
    db = AimDb(profile=True)
    gauge = db.configure("a", SpmcRing(2)).signal_gauge("x")
    for value in (True, False, True):
        gauge.update(value)
    equal([type(db.signals()[0][name]) for name in ("last", "min", "max")], [int, int, int])


def test_a_gauge_of_the_same_name_and_unit_is_the_same():
    db = AimDb(profile=True)
    record = db.configure("a", SpmcRing(2))
    gauge = record.signal_gauge("x", "m")
    assert record.signal_gauge("x", "m") is gauge
    record.signal_gauge("x")
    db.configure("b", SpmcRing(2)).signal_gauge("x", "m")
    equal([(each["record"], each["unit"]) for each in db.signals()], [("a", "m"), ("a", ""), ("b", "m")])


def test_a_gauges_name_and_unit_are_strings():
    for profile in (True, False):
        record = AimDb(profile=profile).configure("t", SpmcRing(2))
        for arguments in ((5,), ("a", 5), (None, "C")):
            with raises(TypeError) as caught:
                record.signal_gauge(*arguments)
            assert "'t'" in str(caught.error), caught.error


async def test_what_a_buffer_runs_is_timed_and_not_among_the_stages():
    class Connected(SpmcRing):
        async def run(self):
            busy(2)

    db = AimDb(profile=True)
    db.configure("r", Connected(2))
    await db.run()
    equal(db.profile(), [])


async def test_nothing_grows():
    class Log(Buffer):
        def push(self, value):
            pass

    async def quick(producer):
        producer.produce(1)
        producer.produce(2)
        gauge.update(5)

    db = AimDb(profile=True)
    gauge = db.configure("a", SpmcRing(4)).source(quick).signal_gauge("x")
    db.configure("b", Log()).transform("a", lambda value: value)
    sizes = []
    for _ in range(4):
        for _ in range(20):
            run = asyncio.create_task(db.run())
            for _ in range(4):
                await asyncio.sleep_ms(0)
            run.cancel()
            with raises(asyncio.CancelledError):
                await run
        gc.collect()
        sizes.append(gc.mem_alloc())
    equal(db.profile()[0]["calls"], 80)
    assert sizes[3] - sizes[2] <= 64, sizes
