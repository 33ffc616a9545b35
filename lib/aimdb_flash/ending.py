"""What ends a reader, and a queue's use of its storage. Loaded when the first one ends."""

from aimdb import Reader
from micropython import const

from .storage import StorageError, claimed
from .values import number_of

_FREE = const(0)  # In the counts of the readers' line.


def leave(reader) -> None:
    """Detach a reader, and give what it has not committed back."""
    reader._renew()
    values = reader._values
    again = _merged(values, reader._taken)
    Reader.close(reader)  # It may lack memory; then nothing has changed.
    values.counts[_FREE] += len(again) - len(values.again)
    values.again = again
    values.line.share()
    reader._taken.clear()
    reader.buffer._readers -= 1
    reader.buffer._flusher.flushed.wake_all()  # A producer may wait in vain now.


def _merged(values, taken):
    # What comes again, in order, once these are given back, too.
    numbers = []
    entries = []
    for value in values.again + taken:
        number = number_of(value)
        if not number:
            entries.append(value)
        elif not values.log.ledger.has(number):  # Else the queue has dropped it.
            numbers.append(number)
    numbers.sort()
    entries.sort(key=lambda entry: entry.ticket)
    return numbers + entries


def settle(queue) -> "Exception | None":
    """Put on flash at once what there is room for; returns why that failed, if it did. Raises `MemoryError`."""
    flusher = queue._flusher
    failures = flusher.failures
    flusher.begin()
    while flusher.step():
        pass
    if failures == flusher.failures:
        return None
    if isinstance(flusher.cause, MemoryError):
        raise MemoryError
    return flusher.cause


def end(queue) -> None:
    """The queue has no storage any more, and what is staged still is lost."""
    flusher = queue._flusher
    queue.close()
    for entry in flusher.values.entries:
        queue.dropped_count += entry.loop is None
    flusher.unblock()
    flusher._timer.stop()
    flusher.log = None
    flusher.full = True  # For producers that wait still.
    flusher.flushed.wake_all()
    queue._line.close()


def release(queue) -> None:
    """Both, and another queue may open the storage."""
    cause = settle(queue)
    end(queue)
    claimed.pop(queue.path, None)
    if cause:
        raise StorageError(None, queue, cause)
