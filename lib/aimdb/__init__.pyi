"""The public names of aimdb, for editors and type checkers. Boards find them by `loading.py`, and do not get this file.

A stage is annotated with `Producer` or `Consumer`, what `subscribe` gives with `Reader`:

    async def sensor(producer: Producer) -> None: ...
    async def display(consumer: Consumer) -> None: ...
"""

from types import ModuleType

from .bounded_queue import BoundedQueue as BoundedQueue
from .bounded_queue import Mailbox as Mailbox
from .buffer import Buffer as Buffer
from .buffer import Reader as Reader
from .bytes_codec import BytesCodec as BytesCodec
from .db import AimDb as AimDb
from .db import Record as Record
from .errors import BufferClosed as BufferClosed
from .errors import BufferEmpty as BufferEmpty
from .errors import BufferFull as BufferFull
from .errors import BufferLagged as BufferLagged
from .errors import DbError as DbError
from .errors import check_int as check_int
from .json_codec import JsonCodec as JsonCodec
from .loading import load as load
from .metrics import Metrics as Metrics
from .mistakes import AlreadyRunning as AlreadyRunning
from .mistakes import InvalidConfiguration as InvalidConfiguration
from .mistakes import RecordKeyNotFound as RecordKeyNotFound
from .mistakes import SelfDeadlock as SelfDeadlock
from .mistakes import SendDeadlock as SendDeadlock
from .packed_producer import PackedProducer as PackedProducer
from .periodic import Every
from .spmc_ring import SingleLatest as SingleLatest
from .spmc_ring import SpmcRing as SpmcRing
from .struct_codec import StructCodec as StructCodec
from .sync_producer import SyncProducer as SyncProducer

__version__: str
__all__ = [
    "AimDb",
    "AlreadyRunning",
    "BoundedQueue",
    "Buffer",
    "BufferClosed",
    "BufferEmpty",
    "BufferFull",
    "BufferLagged",
    "BytesCodec",
    "Consumer",
    "DbError",
    "InvalidConfiguration",
    "JsonCodec",
    "Mailbox",
    "Metrics",
    "PackedProducer",
    "Producer",
    "Reader",
    "Record",
    "RecordKeyNotFound",
    "SelfDeadlock",
    "SendDeadlock",
    "SingleLatest",
    "SpmcRing",
    "StructCodec",
    "SyncProducer",
    "check_int",
    "every",
]
help: object  # What it prints is a page about the package.

every = Every
Producer = Record
Consumer = Record

def kept(name: str, package: str = "aimdb") -> ModuleType: ...
def once(name: str, package: str = "aimdb") -> ModuleType: ...
