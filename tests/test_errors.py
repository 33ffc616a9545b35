"""What an error says: the record's key, and the numbers."""

import micropython
from aimdb import AimDb, BoundedQueue, BufferClosed, BufferFull, BufferLagged, DbError, SelfDeadlock, SpmcRing
from harness import equal, raises


def record(buffer):
    AimDb().configure("temperature", buffer)
    return buffer


def test_a_lag_says_how_many_values_were_missed_and_where():
    ring = record(SpmcRing(3))
    reader = ring.subscribe()
    for value in range(10):
        ring.push(value)
    with raises(BufferLagged) as caught:
        reader.try_recv()
    assert "temperature" in str(caught.error) and "7" in str(caught.error)


def test_a_lag_that_a_program_raises_itself_has_words():
    assert "None" in str(BufferLagged()), BufferLagged()


def test_an_error_that_a_program_makes_with_a_text_in_place_of_the_buffer_has_words():
    assert "None" in str(BufferFull(9, "the modem is busy")), BufferFull()


def test_a_refusal_says_the_record_and_its_capacity():
    queue = record(BoundedQueue(3))
    for value in range(3):
        queue.push(value)
    with raises(BufferFull) as caught:
        queue.try_push(9)
    assert "temperature" in str(caught.error) and "3" in str(caught.error)


def test_an_error_that_a_buffer_of_ones_own_derives_says_the_same_by_its_own_name():
    class NoPaper(BufferFull):
        pass

    equal(str(NoPaper(1, record(SpmcRing(3)))), "NoPaper: record 'temperature' (capacity 3) has no space")


def test_a_closed_buffer_says_its_record():
    ring = record(SpmcRing(3))
    ring.close()
    with raises(BufferClosed) as caught:
        ring.try_push(1)
    assert "temperature" in str(caught.error)


def test_an_error_names_its_kind_wherever_it_is_printed():
    error = BufferFull(9, record(BoundedQueue(3)))
    equal(str(error), "BufferFull: record 'temperature' (capacity 3) has no space")
    equal(repr(error), str(error))
    error = BufferLagged(7, record(SpmcRing(3)))
    equal(repr(error), "BufferLagged: record 'temperature' (capacity 3) has overwritten 7 unread values")


def raised_with_the_heap_locked(call):
    micropython.heap_lock()
    try:
        call()
    except DbError as er:
        return er
    finally:
        micropython.heap_unlock()


def test_an_error_raised_with_the_heap_locked_says_the_same():
    queue = record(BoundedQueue(3))
    for value in range(3):
        queue.push(value)
    error = raised_with_the_heap_locked(lambda: queue.try_push(9))
    equal((type(error), error.value, error.key, error.capacity), (BufferFull, 9, "temperature", 3))
    queue.close()
    error = raised_with_the_heap_locked(lambda: queue.try_push(9))
    equal((type(error), error.value, error.key, error.capacity), (BufferClosed, 9, "temperature", 3))


def test_a_lag_told_with_the_heap_locked_has_its_count():
    ring = record(SpmcRing(3))
    reader = ring.subscribe()
    for value in range(10):
        ring.push(value)
    error = raised_with_the_heap_locked(reader.try_recv)
    equal((type(error), error.count, error.key, error.capacity), (BufferLagged, 7, "temperature", 3))


def test_a_deadlock_says_whose_it_is():
    text = str(SelfDeadlock(9, record(BoundedQueue(3))))
    equal(text, "SelfDeadlock: record 'temperature' (capacity 3) is full, and only the task that waits has read it")
