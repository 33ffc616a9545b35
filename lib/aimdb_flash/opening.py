"""What a queue is opened with. Loaded for that alone, and not kept."""

from aimdb import once
from aimdb.errors import check_int
from aimdb.waiting import current_loop

from .storage import Storage, StorageError, claimed


def configure(
    queue,
    storage,
    codec,
    max_size,
    stage,
    flush_records,
    flush_bytes,
    flush_ms,
    commit_ms,
    drop_oldest,
    stage_bytes,
    undecodable,
):
    """Check the arguments of a `FlashQueue`, and give it what they say.

    Returns its storage, and how many bytes a value is likely to have. Raises `TypeError` or `ValueError`.
    """
    check_int("stage", stage, 1)
    check_int("stage_bytes", stage_bytes, 1)
    check_int("flush_records", flush_records, 1)
    check_int("flush_bytes", flush_bytes, 1)
    if flush_ms is not None:
        check_int("flush_ms", flush_ms)
    check_int("commit_ms", commit_ms)
    if undecodable is not None and not callable(undecodable):
        raise TypeError("undecodable is a function, not %r" % (undecodable,))
    if isinstance(storage, str):
        from .file_storage import FileStorage

        storage = FileStorage(storage, max_size)
    elif isinstance(storage, Storage):
        once("places", "aimdb_flash").check(storage)
    else:
        raise TypeError("storage is a path or a Storage, not %r" % (storage,))
    if codec is None:
        from aimdb.codecs import BytesCodec

        codec = BytesCodec()
    codec.encode, codec.decode  # Told now what is missing.
    size = getattr(codec, "size", 32)
    check_int("codec.size", size)
    queue.codec = codec
    queue.stage = stage
    queue.stage_bytes = stage_bytes
    queue.flush_records = min(flush_records, stage)
    queue.flush_bytes = min(flush_bytes, stage_bytes)
    queue.flush_ms = flush_ms
    queue.commit_ms = commit_ms
    queue.drop_oldest = bool(drop_oldest)
    queue.undecodable = undecodable
    queue.path = storage.identity
    return storage, size


def claim(queue) -> None:
    """Take a path or device for this queue.

    A queue that has it is released first, with all that it has staged: it was left behind by a task that ended, or by
    a loop that was left. `QueueInUse` when the task that opened it still runs.
    """
    other = claimed.get(queue.path)
    if other is not None:
        opener = other.opener
        if opener is not None and other.loop is current_loop() and not opener.done():
            from .mistakes import QueueInUse

            raise QueueInUse("%r is open already in another queue; release() that first" % (queue.path,))
        try:
            other.release()
        except StorageError:
            pass  # It is released even so.
    claimed[queue.path] = queue


def failed(queue, error):
    """Let another queue have the path or device of this one; returns what is raised."""
    if claimed.get(queue.path) is queue:
        del claimed[queue.path]
    return StorageError(None, queue, error) if isinstance(error, OSError) else error
