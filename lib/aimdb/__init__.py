"""A data layer for MicroPython: records with buffers between the tasks that produce and those that consume."""

from micropython import const

__version__ = "0.1.0"

TYPE_CHECKING = const(0)  # For editors only: what is below it costs the board nothing.
if TYPE_CHECKING:
    from .bounded_queue import BoundedQueue as BoundedQueue
    from .bounded_queue import Mailbox as Mailbox
    from .buffer import Buffer as Buffer
    from .buffer import Metrics as Metrics
    from .buffer import Reader as Reader
    from .db import AimDb as AimDb
    from .errors import BufferClosed as BufferClosed
    from .errors import BufferEmpty as BufferEmpty
    from .errors import BufferFull as BufferFull
    from .errors import BufferLagged as BufferLagged
    from .errors import DbError as DbError
    from .errors import InvalidConfiguration as InvalidConfiguration
    from .errors import RecordKeyNotFound as RecordKeyNotFound
    from .errors import SelfDeadlock as SelfDeadlock
    from .errors import SendDeadlock as SendDeadlock
    from .packed_producer import PackedProducer as PackedProducer
    from .spmc_ring import SingleLatest as SingleLatest
    from .spmc_ring import SpmcRing as SpmcRing
    from .sync_producer import SyncProducer as SyncProducer

# The module of each public name; it is loaded when one of its names is first used.
_modules = {
    "AimDb": "db",
    "BoundedQueue": "bounded_queue",
    "Buffer": "buffer",
    "BufferClosed": "errors",
    "BufferEmpty": "errors",
    "BufferFull": "errors",
    "BufferLagged": "errors",
    "DbError": "errors",
    "InvalidConfiguration": "errors",
    "Mailbox": "bounded_queue",
    "Metrics": "buffer",
    "PackedProducer": "packed_producer",
    "Reader": "buffer",
    "RecordKeyNotFound": "errors",
    "SelfDeadlock": "errors",
    "SendDeadlock": "errors",
    "SingleLatest": "spmc_ring",
    "SpmcRing": "spmc_ring",
    "SyncProducer": "sync_producer",
}


def __getattr__(name):
    if name not in _modules:
        raise AttributeError(name)
    value = getattr(__import__(_modules[name], globals(), None, (name,), 1), name)
    globals()[name] = value
    return value
