"""A queue on flash for aimdb: `FlashQueue`, a buffer whose values survive the power going out at any moment."""

from micropython import const

__version__ = "0.1.0"

_EDITOR = const(0)  # For editors only: what is below it costs the board nothing.
if _EDITOR:
    from .block_storage import BlockStorage as BlockStorage
    from .codecs import BytesCodec as BytesCodec
    from .codecs import JsonCodec as JsonCodec
    from .codecs import StructCodec as StructCodec
    from .errors import CodecError as CodecError
    from .errors import QueueInUse as QueueInUse
    from .errors import StorageError as StorageError
    from .errors import UnknownFormat as UnknownFormat
    from .file_storage import FileStorage as FileStorage
    from .flash_queue import FlashQueue as FlashQueue
    from .flash_reader import FlashReader as FlashReader
    from .storage import Storage as Storage

# The module of each public name; it is loaded when one of its names is first used.
_modules = {
    "BlockStorage": "block_storage",
    "BytesCodec": "codecs",
    "CodecError": "errors",
    "FileStorage": "file_storage",
    "FlashQueue": "flash_queue",
    "FlashReader": "flash_reader",
    "JsonCodec": "codecs",
    "QueueInUse": "errors",
    "Storage": "storage",
    "StorageError": "errors",
    "StructCodec": "codecs",
    "UnknownFormat": "errors",
}


def __getattr__(name):
    if name not in _modules:
        raise AttributeError(name)
    value = getattr(__import__(_modules[name], globals(), None, (name,), 1), name)
    globals()[name] = value
    return value
