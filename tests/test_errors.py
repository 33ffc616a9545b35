"""What an error says: the record's key, and the numbers."""

import micropython
from aimdb import AimDb, BoundedQueue, BufferClosed, BufferFull, BufferLagged, SpmcRing
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


def test_a_refusal_says_the_record_and_its_capacity():
    queue = record(BoundedQueue(3))
    for value in range(3):
        queue.push(value)
    with raises(BufferFull) as caught:
        queue.try_push(9)
    assert "temperature" in str(caught.error) and "3" in str(caught.error)


def test_a_closed_buffer_says_its_record():
    ring = record(SpmcRing(3))
    ring.close()
    with raises(BufferClosed) as caught:
        ring.try_push(1)
    assert "temperature" in str(caught.error)


def test_an_error_raised_with_the_heap_locked_says_the_same():
    queue = record(BoundedQueue(3))
    for value in range(3):
        queue.push(value)
    error = None
    micropython.heap_lock()
    try:
        queue.try_push(9)
    except BufferFull as er:
        error = er
    finally:
        micropython.heap_unlock()
    equal((error.value, error.key, error.capacity), (9, "temperature", 3))
