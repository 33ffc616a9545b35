"""What a mistake is answered with: a named error at the call, or all of them together from run."""

from aimdb import AimDb, BoundedQueue, InvalidConfiguration, Mailbox, SpmcRing
from harness import equal, raises


async def stage(handle):
    pass


async def mistakes_of(db):
    with raises(InvalidConfiguration) as caught:
        await db.run()
    return caught.error.errors


def test_a_capacity_below_one_is_a_value_error():
    for buffer in (SpmcRing, BoundedQueue):
        for capacity in (0, -1):
            with raises(ValueError) as caught:
                buffer(capacity)
            assert str(capacity) in str(caught.error)


def test_a_capacity_that_is_no_int_is_a_type_error():
    for buffer in (SpmcRing, BoundedQueue):
        for capacity in (1.5, "3", None, True):
            with raises(TypeError):
                buffer(capacity)


def test_an_empty_key_is_a_value_error():
    with raises(ValueError):
        AimDb().configure("", Mailbox())


def test_a_key_that_is_no_string_is_a_type_error():
    for key in (None, 5, b"key"):
        with raises(TypeError):
            AimDb().configure(key, Mailbox())


def test_what_is_no_buffer_is_a_type_error():
    for buffer in (SpmcRing, 5, [], "SpmcRing"):
        with raises(TypeError) as caught:
            AimDb().configure("temperature", buffer)
        assert "temperature" in str(caught.error)


def test_an_awaitable_passed_for_a_function_is_a_type_error_that_says_so():
    record = AimDb().configure("temperature", Mailbox())
    for add in (record.source, record.tap):
        with raises(TypeError) as caught:
            add(stage(None))
        assert "temperature" in str(caught.error) and "pass fn, not fn()" in str(caught.error)


async def test_a_source_that_was_refused_is_not_counted_as_the_first():
    db = AimDb()
    record = db.configure("temperature", Mailbox())
    with raises(TypeError):
        record.source(stage(None))
    record.source(stage)
    await db.run()


def test_a_stage_that_cannot_be_called_is_a_type_error():
    with raises(TypeError):
        AimDb().configure("temperature", Mailbox()).tap(5)


async def test_a_second_source_is_reported_with_its_record():
    db = AimDb()
    db.configure("temperature", Mailbox()).source(stage).source(stage)
    (mistake,) = await mistakes_of(db)
    assert "temperature" in mistake and "second source" in mistake


async def test_a_tap_on_a_record_that_was_never_declared_is_reported():
    db = AimDb()
    db.configure("humidity").tap(stage)
    (mistake,) = await mistakes_of(db)
    assert "humidity" in mistake and "no buffer" in mistake


async def test_a_second_buffer_for_a_record_is_reported():
    db = AimDb()
    db.configure("temperature", Mailbox())
    db.configure("temperature", Mailbox())
    (mistake,) = await mistakes_of(db)
    assert "temperature" in mistake


async def test_one_buffer_for_two_records_is_reported():
    db = AimDb()
    buffer = Mailbox()
    db.configure("temperature", buffer)
    db.configure("humidity", buffer)
    (mistake,) = await mistakes_of(db)
    assert "temperature" in mistake and "humidity" in mistake


called = []


def plain(consumer):
    called.append("plain")


async def without(): ...


async def test_a_plain_function_is_told_without_being_called():
    called.clear()
    db = AimDb()
    db.configure("temperature", Mailbox()).tap(plain)
    (mistake,) = await mistakes_of(db)
    assert "temperature" in mistake and "plain" in mistake and "async" in mistake, mistake
    equal(called, [])


async def test_a_stage_that_takes_other_arguments_is_told():
    db = AimDb()
    db.configure("temperature", Mailbox()).tap(without)
    (mistake,) = await mistakes_of(db)
    assert "temperature" in mistake and "without" in mistake and "argument" in mistake, mistake


async def test_what_only_a_call_shows_is_told_when_there_is_no_other_mistake():
    calls = []

    def closure(consumer):
        calls.append("closure")
        return 5

    class Display:
        def show(self, consumer):
            calls.append("show")

        def __call__(self, consumer):
            calls.append("call")

    db = AimDb()
    db.configure("a", Mailbox()).tap(closure).tap(Display().show).tap(Display()).tap(lambda consumer: plain(consumer))
    found = await mistakes_of(db)
    equal(len(found), 4)
    for mistake, name in zip(found, ("closure", "show", "Display", "lambda")):
        assert "record 'a'" in mistake and name in mistake, mistake
    equal(calls, ["closure", "show", "call"])

    db.configure("a").tap(plain)
    (mistake,) = await mistakes_of(db)
    assert "plain" in mistake, mistake
    equal(len(calls), 3)


async def test_every_kind_of_callable_that_gives_a_coroutine_is_a_stage():
    ran = []

    async def closure(consumer):
        ran.append("closure")

    class Display:
        async def show(self, consumer):
            ran.append("show")

        async def __call__(self, consumer):
            ran.append("call")

    class Wrapper:
        def __call__(self, consumer):
            return note("wrapped")

    async def note(name):
        ran.append(name)

    record = AimDb().configure("a", Mailbox())
    record.tap(closure).tap(Display().show).tap(Display()).tap(lambda consumer: note("lambda")).tap(Wrapper())
    await record.db.run()
    equal(sorted(ran), ["call", "closure", "lambda", "show", "wrapped"])


async def test_a_buffer_whose_run_is_not_async_is_told():
    class Connected(SpmcRing):
        def run(self):
            called.append("run")

    called.clear()
    db = AimDb()
    db.configure("temperature", Connected(2))
    (mistake,) = await mistakes_of(db)
    assert "temperature" in mistake and "Connected" in mistake, mistake
    equal(called, [])


async def test_all_mistakes_come_together_and_nothing_is_started():
    db = AimDb()
    started = []

    async def note(handle):
        started.append(1)

    db.configure("a", Mailbox()).source(note).source(note)
    db.configure("b").tap(note)
    db.configure("c", Mailbox()).tap(note)
    for _ in range(2):
        found = await mistakes_of(db)
        equal(len(found), 2)
        for key, mistake in zip("ab", found):
            assert repr(key) in mistake
    equal(started, [])


async def test_mistakes_of_all_kinds_come_together():
    db = AimDb()
    buffer = Mailbox()
    db.configure("a", buffer).source(stage).source(stage).tap(plain).tap(without).link_to("nowhere://host")
    db.configure("b", buffer)
    db.configure("c").tap(stage)
    db.configure("d", Mailbox())
    db.configure("d", Mailbox())
    found = await mistakes_of(db)
    equal(sorted(mistake[:10] for mistake in found), ["record 'a'"] * 4 + ["record 'b'", "record 'c'", "record 'd'"])


def test_the_text_of_invalid_configuration_is_all_the_mistakes():
    error = InvalidConfiguration(["record 'a' is wrong", "record 'b' too"])
    equal(str(error), "record 'a' is wrong; record 'b' too")


async def test_a_wrong_timeout_is_named_with_its_range_and_stores_nothing():
    db = AimDb()
    db.configure("a", BoundedQueue(1))
    producer = db.producer("a")
    reader = producer.subscribe()
    for kind, values in ((TypeError, ("5", 1.5, True)), (ValueError, (-1, 2**29, 2**31))):
        for timeout_ms in values:
            for call in (
                lambda: reader.recv(timeout_ms=timeout_ms),
                lambda: producer.produce_async(1, timeout_ms=timeout_ms),
                lambda: db.produce_any_async("a", 1, timeout_ms),
            ):
                with raises(kind) as caught:
                    await call()
                assert "timeout_ms is an int from 0 to 536870911" in str(caught.error), caught.error
    equal(producer.buffer.metrics().produced_count, 0)
