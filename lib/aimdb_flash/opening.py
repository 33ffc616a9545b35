"""What a queue is opened with. Loaded for that alone, and not kept."""

from aimdb import kept, once
from aimdb.errors import check_int
from micropython import const

from .storage import Storage, StorageError, claimed

_OVERHEAD = const(12)  # Bytes of a value on flash besides its own.


def configure(queue, storage, max_size: int) -> Storage:
    """Check the arguments of a `FlashQueue`, which has most of them already; returns its storage.

    Raises `TypeError` or `ValueError`.
    """
    for name in ("stage", "stage_bytes", "flush_records", "flush_bytes"):
        check_int(name, getattr(queue, name), 1)
    if queue.flush_ms is not None:
        check_int("flush_ms", queue.flush_ms)
    check_int("commit_ms", queue.commit_ms)
    check_int("max_size", max_size)
    if queue.drop_oldest not in (False, True):
        raise TypeError("drop_oldest is True or False, not %r" % (queue.drop_oldest,))
    if queue.undecodable is not None:
        once("arguments").check_function("undecodable", queue.undecodable)
    if isinstance(storage, str):
        from .file_storage import FileStorage

        storage = FileStorage(storage, max_size)
    elif isinstance(storage, Storage):
        _check(storage)
    else:
        advice = "; a block device goes into BlockStorage(device)" if hasattr(storage, "ioctl") else ""
        raise TypeError("storage is a path or a Storage, not %r%s" % (storage, advice))
    if queue.codec is None:
        from aimdb.bytes_codec import BytesCodec

        queue.codec = BytesCodec()
    codec = queue.codec
    kinds = [type(getattr(type(codec), name, None)).__name__ for name in ("encode", "decode")]
    if isinstance(codec, type) or kinds != ["function", "function"]:
        once("arguments").check_codec(codec)  # Says what is wrong. To load it takes 10 ms.
    check_int("codec.size", _size(queue))
    queue.flush_records = min(queue.flush_records, queue.stage)
    queue.flush_bytes = min(queue.flush_bytes, queue.stage_bytes)
    return storage


def _check(storage):
    # It may be one that a user has written.
    check_int("segment_size", storage.segment_size, 512)
    check_int("segment_count", storage.segment_count, 4)
    for method in ("numbers", "create", "append", "read", "remove"):
        if not hasattr(storage, method):  # Told now, and not when the flash is full.
            raise TypeError("%s, a Storage, has no method %s" % (type(storage).__name__, method))


def _size(queue):
    # How many bytes a value is likely to have.
    return getattr(queue.codec, "size", 32)


def capacity(queue, storage) -> int:
    """How many such values fit."""
    return (storage.segment_count - 2) * (queue.largest // (_OVERHEAD + _size(queue)))


class Succession:
    """`with Succession(queue, storage):` the queue is opened in it.

    If another queue has the path or device, that one ends when the new one is open, and not before. Raises
    `MemoryError`; then nothing has changed.
    """

    # Whether the program still uses it nobody can tell. Whoever does is told: see `FlashQueue.ended`.

    def __init__(self, queue, storage):
        if claimed and storage.identity not in claimed:
            once("capitals", "aimdb_flash").adopt(storage)
        self._queue = queue
        self._storage = storage
        self._places = getattr(storage, "places", None)  # Of a `BlockStorage`, which both queues may have.
        self._other = claimed.get(storage.identity)

    def __enter__(self):
        if self._other is not None:
            # What has no way to the flash now is lost when that queue ends.
            kept("ending", "aimdb_flash").settle(self._other)

    def __exit__(self, kind, error, traceback):
        if error is None:
            if self._other is not None:
                kept("ending", "aimdb_flash").end(self._other)
                self._other.taken_over = True
            claimed[self._storage.identity] = self._queue
            self._storage.tools = None
            return
        # The other works on.
        if self._places is not None:
            self._storage.places = self._places
        if isinstance(error, OSError):
            raise StorageError(None, self._queue, error)
