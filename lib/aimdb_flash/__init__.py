"""A queue on flash for aimdb: `FlashQueue`, a buffer whose values survive the power going out at any moment."""

from aimdb import once
from micropython import const

__version__ = "0.1.0"

_BOARD = const(1)
if not _BOARD:  # So that the board's compiler knows the constant, and stores nothing.
    TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from aimdb.bytes_codec import BytesCodec as BytesCodec
    from aimdb.json_codec import JsonCodec as JsonCodec
    from aimdb.struct_codec import StructCodec as StructCodec

    from .block_storage import BlockStorage as BlockStorage
    from .file_storage import FileStorage as FileStorage
    from .flash_queue import FlashQueue as FlashQueue
    from .flash_reader import FlashReader as FlashReader
    from .mistakes import CodecError as CodecError
    from .mistakes import QueueInUse as QueueInUse
    from .mistakes import UnknownFormat as UnknownFormat
    from .partitions import partition as partition
    from .storage import Storage as Storage
    from .storage import StorageError as StorageError

else:

    def __getattr__(name):
        return once("loading").load(globals(), once("names", "aimdb_flash").MODULES, name)
