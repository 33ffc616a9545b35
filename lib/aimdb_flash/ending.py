"""What becomes of a queue that gives its storage to another one. Loaded when it does, and not kept."""

from .storage import StorageError, claimed


def release(queue) -> None:
    """What `FlashQueue.release` does."""
    cause = settle(queue)
    give_up(queue)
    claimed.pop(queue.path, None)
    if cause:
        raise StorageError(None, queue, cause)


def settle(queue) -> "Exception | None":
    """Put on flash what there is room for; returns why that failed, if it did. Raises `MemoryError`."""
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


def give_up(queue) -> None:
    """End: what is staged still is lost."""
    queue.close()
    for entry in queue._values.entries:
        queue.dropped_count += entry.waits is None
    queue._flusher.end()
    queue._line.close()
