from aimdb import BufferEmpty, SingleLatest
from harness import equal, raises


def test_each_reader_sees_the_newest_once():
    latest = SingleLatest()
    early = latest.subscribe()
    for value in range(5):
        latest.push(value)
    late = latest.subscribe()
    for reader in (early, late):
        equal(reader.try_recv(), 4)
        with raises(BufferEmpty):
            reader.try_recv()


def test_producing_the_same_value_again_is_news():
    latest = SingleLatest()
    reader = latest.subscribe()
    for _ in range(2):
        latest.push(7)
        equal(reader.try_recv(), 7)


def test_overwriting_is_not_dropping():
    latest = SingleLatest()
    for value in range(5):
        latest.push(value)
    metrics = latest.metrics()
    equal((metrics.produced_count, metrics.dropped_count, metrics.occupancy), (5, 0, (1, 1)))


def test_peek_shows_the_newest_also_after_it_was_read():
    latest = SingleLatest()
    reader = latest.subscribe()
    latest.push(1)
    reader.try_recv()
    equal(latest.peek(), 1)


def test_the_version_never_goes_back_to_none_yet():
    latest = SingleLatest()
    latest._counts[0] = 2**29 - 1
    for value in range(3):
        latest.push(value)
        equal(latest.subscribe().try_recv(), value)
