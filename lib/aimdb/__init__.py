"""A data layer for MicroPython: records with buffers between the tasks that produce and those that consume."""

from micropython import const

__version__ = "0.1.0"

_EDITOR = const(0)  # For editors only: what is below it costs the board nothing.
if _EDITOR:
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
    from .errors import SelfDeadlock as SelfDeadlock
    from .mistakes import InvalidConfiguration as InvalidConfiguration
    from .mistakes import RecordKeyNotFound as RecordKeyNotFound
    from .packed_producer import PackedProducer as PackedProducer
    from .spmc_ring import SingleLatest as SingleLatest
    from .spmc_ring import SpmcRing as SpmcRing
    from .sync_producer import SendDeadlock as SendDeadlock
    from .sync_producer import SyncProducer as SyncProducer

# A line for each module: it is loaded when one of its names is first used.
_MODULES = const("""\
db AimDb
bounded_queue BoundedQueue Mailbox
spmc_ring SingleLatest SpmcRing
buffer Buffer Metrics Reader
errors BufferClosed BufferEmpty BufferFull BufferLagged DbError SelfDeadlock
mistakes InvalidConfiguration RecordKeyNotFound
sync_producer SendDeadlock SyncProducer
packed_producer PackedProducer""")


def __getattr__(name):
    for line in _MODULES.split("\n"):
        module, *names = line.split()
        if name in names:
            value = globals()[name] = getattr(__import__(module, globals(), None, names, 1), name)
            return value
    raise AttributeError(name)
