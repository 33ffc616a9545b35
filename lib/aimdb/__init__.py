"""A data layer for MicroPython: records with buffers between the tasks that produce and those that consume."""

from micropython import const

__version__ = "0.1.0"

_EDITOR = const(0)  # For editors only: what is below it costs the board nothing.
if _EDITOR:
    from .bounded_queue import BoundedQueue as BoundedQueue
    from .bounded_queue import Mailbox as Mailbox
    from .buffer import Buffer as Buffer
    from .metrics import Metrics as Metrics
    from .buffer import Reader as Reader
    from .codecs import BytesCodec as BytesCodec
    from .codecs import StructCodec as StructCodec
    from .db import AimDb as AimDb
    from .errors import BufferClosed as BufferClosed
    from .errors import BufferEmpty as BufferEmpty
    from .errors import BufferFull as BufferFull
    from .errors import BufferLagged as BufferLagged
    from .errors import DbError as DbError
    from .json_codec import JsonCodec as JsonCodec
    from .mistakes import InvalidConfiguration as InvalidConfiguration
    from .mistakes import RecordKeyNotFound as RecordKeyNotFound
    from .mistakes import SelfDeadlock as SelfDeadlock
    from .packed_producer import PackedProducer as PackedProducer
    from .spmc_ring import SingleLatest as SingleLatest
    from .spmc_ring import SpmcRing as SpmcRing
    from .sync_producer import SendDeadlock as SendDeadlock
    from .sync_producer import SyncProducer as SyncProducer

# A line for each module: it is loaded when one of its names is first used.
_MODULES = const("""\
aimdb.db AimDb
aimdb.bounded_queue BoundedQueue Mailbox
aimdb.spmc_ring SingleLatest SpmcRing
aimdb.buffer Buffer Reader
aimdb.metrics Metrics
aimdb.errors BufferClosed BufferEmpty BufferFull BufferLagged DbError
aimdb.json_codec JsonCodec
aimdb.codecs BytesCodec StructCodec
aimdb.mistakes InvalidConfiguration RecordKeyNotFound SelfDeadlock
aimdb.sync_producer SendDeadlock SyncProducer
aimdb.packed_producer PackedProducer""")


def load(package: dict, modules: str, name: str) -> object:
    """What a package's `__getattr__` returns for `name`: from the module whose line in `modules` has it.

    `package`: its globals, where the value is kept. Raises `AttributeError` for a name that no line has.

    Cancel safety: it does not wait. IRQ safety: none.
    """
    for line in modules.split("\n"):
        module, *names = line.split()
        if name in names:
            value = package[name] = getattr(__import__(module, None, None, names), name)
            return value
    raise AttributeError(name)


def __getattr__(name):
    return load(globals(), _MODULES, name)
