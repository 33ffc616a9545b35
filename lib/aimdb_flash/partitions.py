from aimdb import kept
from micropython import const

_BOARD = const(1)
if not _BOARD:  # So that the board's compiler knows the constant, and stores nothing.
    TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from .block_storage import BlockStorage


def partition(label: str = "queue") -> "BlockStorage | None":
    """The storage in the data partition of an ESP32 that is called `label`; the images of `make image` have one.

        queue = FlashQueue(partition() or "/journal.queue")

    None where there is no such partition, and on other chips. Raises `ValueError` when it is too small for a queue.
    """
    try:
        from esp32 import Partition  # type: ignore[import-not-found]
    except ImportError:
        return None
    found = Partition.find(Partition.TYPE_DATA, label=label)
    if not found:
        return None
    storage = kept("block_storage", "aimdb_flash").BlockStorage
    if found[0].info()[5]:  # Encrypted: it is written in pieces of 32 bytes, each only once.
        return storage(found[0], write_size=32, rewritable=False)
    return storage(found[0], write_size=1)
