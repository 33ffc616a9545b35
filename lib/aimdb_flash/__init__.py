"""A queue on flash for aimdb: `FlashQueue`, a buffer whose values survive the power going out at any moment."""

from aimdb import load
from micropython import const

__version__ = "0.1.0"

_EDITOR = const(0)  # For editors only: what is below it costs the board nothing.
if _EDITOR:
    from aimdb.codecs import BytesCodec as BytesCodec
    from aimdb.codecs import StructCodec as StructCodec
    from aimdb.json_codec import JsonCodec as JsonCodec

    from .block_storage import BlockStorage as BlockStorage
    from .errors import CodecError as CodecError
    from .errors import QueueInUse as QueueInUse
    from .errors import StorageError as StorageError
    from .errors import UnknownFormat as UnknownFormat
    from .file_storage import FileStorage as FileStorage
    from .flash_queue import FlashQueue as FlashQueue
    from .flash_reader import FlashReader as FlashReader
    from .storage import Storage as Storage

# A line for each module: it is loaded when one of its names is first used.
_MODULES = const("""\
aimdb_flash.flash_queue FlashQueue
aimdb_flash.flash_reader FlashReader
aimdb_flash.storage Storage
aimdb_flash.block_storage BlockStorage
aimdb_flash.file_storage FileStorage
aimdb_flash.errors CodecError QueueInUse StorageError UnknownFormat
aimdb.json_codec JsonCodec
aimdb.codecs BytesCodec StructCodec""")


def __getattr__(name):
    return load(globals(), _MODULES, name)
