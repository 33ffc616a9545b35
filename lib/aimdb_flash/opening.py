"""What a queue is opened with. Loaded for that alone, and not kept."""

from aimdb import once
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
    if queue.drop_oldest not in (False, True):
        raise TypeError("drop_oldest is True or False, not %r" % (queue.drop_oldest,))
    if queue.undecodable is not None and not callable(queue.undecodable):
        raise TypeError("undecodable is a function, not %r" % (queue.undecodable,))
    if isinstance(storage, str):
        from .file_storage import FileStorage

        storage = FileStorage(storage, max_size)
    elif isinstance(storage, Storage):
        storage.tools = storage.tools or once("places", "aimdb_flash")
        storage.tools.check(storage)
    else:
        advice = "; a block device goes into BlockStorage(device)" if hasattr(storage, "ioctl") else ""
        raise TypeError("storage is a path or a Storage, not %r%s" % (storage, advice))
    if queue.codec is None:
        from aimdb.codecs import BytesCodec

        queue.codec = BytesCodec()
    codec = queue.codec
    made = callable(getattr(codec, "encode", None)) and callable(getattr(codec, "decode", None))
    if isinstance(codec, type) or not made:
        once("arguments").check_codec(codec)  # Says what is wrong. To load it takes 10 ms.
    check_int("codec.size", _size(queue))
    queue.flush_records = min(queue.flush_records, queue.stage)
    queue.flush_bytes = min(queue.flush_bytes, queue.stage_bytes)
    return storage


def _size(queue):
    # How many bytes a value is likely to have.
    return getattr(queue.codec, "size", 32)


def capacity(queue, storage) -> int:
    """How many such values fit."""
    return (storage.segment_count - 2) * (queue.largest // (_OVERHEAD + _size(queue)))


class Before:
    """The queue that has the path or device now, if there is one: it ends when the new one is open, and not before.

    Raises `MemoryError`; then nothing has changed.
    """

    # Whether the program still uses it nobody can tell. Whoever does is told: see `FlashQueue.ended`.

    def __init__(self, queue, device):
        self._queue = queue
        self._device = device
        self._places = getattr(device, "places", None)  # Of a `BlockStorage` that both may have.
        for path in claimed:
            if _differ_in_capitals(path, queue.path) and once("capitals", "aimdb_flash").are_one(path, queue.path):
                queue.path = device.identity = path
        self._other = claimed.get(queue.path)
        if self._other is not None:
            self._other.settle()  # Should it fail, the new one does without.

    def stays(self, error):
        """It works on, as the new one cannot be opened; returns what is raised."""
        if self._places is not None:
            self._device.places = self._places
        return StorageError(None, self._queue, error) if isinstance(error, OSError) else error

    def ends(self) -> None:
        """The new one has its storage."""
        if self._other is not None:
            self._other.give_up()
            self._other.taken_over = True
        claimed[self._queue.path] = self._queue


def _differ_in_capitals(path, other):
    if not (isinstance(path, str) and isinstance(other, str)) or path == other:
        return False
    return path[0] == "/" and path.lower() == other.lower()
