from micropython import const

TYPE_CHECKING = const(0)  # For editors only: what is below it costs the board nothing.
if TYPE_CHECKING:
    from .buffer import Buffer


class DbError(Exception):
    """Base class of every error that aimdb raises on its own account."""

    def __repr__(self) -> str:
        # MicroPython prints an uncaught error with repr(): show the message there too.
        return "%s: %s" % (type(self).__name__, str(self))

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class BufferEmpty(DbError):
    """`try_recv` found nothing to read now; there may be something later."""


class BufferFull(DbError):
    """`try_produce` was refused for want of space; nothing was stored.

    `value` is the refused value, `key` the record, `capacity` its number of slots.
    """

    def __init__(self, value: object = None, buffer: "Buffer | None" = None):
        self.value = value
        self.key = buffer and buffer.key
        self.capacity = buffer and buffer.capacity

    def __str__(self) -> str:
        return "record %r: all %r slots are taken" % (self.key, self.capacity)


class BufferClosed(DbError):
    """The buffer, or this reader of it, is closed.

    For a producer `value` is the refused value, and nothing was stored; `key` is the record.
    """

    def __init__(self, value: object = None, buffer: "Buffer | None" = None):
        self.value = value
        self.key = buffer and buffer.key

    def __str__(self) -> str:
        return "record %r is closed" % (self.key,)


class BufferLagged(DbError):
    """This reader missed `count` values of record `key`; the next read goes on with the oldest one held."""

    def __init__(self, count: int = 0, buffer: "Buffer | None" = None):
        self.count = count
        self.key = buffer and buffer.key

    def __str__(self) -> str:
        return "record %r: %d values missed" % (self.key, self.count)


class SelfDeadlock(DbError):
    """A task waits for space in a queue that only this task has read so far: nobody else can make room.

    `value` is the value that was not stored.
    """

    def __init__(self, value: object = None, buffer: "Buffer | None" = None):
        self.value = value
        self.key = buffer and buffer.key
        self.capacity = buffer and buffer.capacity

    def __str__(self) -> str:
        return "record %r: deadlock: all %r slots are taken and only the task that waits for space reads them" % (
            self.key,
            self.capacity,
        )


class RecordKeyNotFound(DbError):
    """No record of this key has been given a buffer."""

    def __init__(self, key: object):
        self.key = key

    def __str__(self) -> str:
        return "no record %r: db.configure(%r, buffer) declares it" % (self.key, self.key)


class InvalidConfiguration(DbError):
    """`db.run()` found mistakes and started nothing; `errors` lists them all, a sentence each, with the record."""

    def __init__(self, errors: list):
        self.errors = errors

    def __str__(self) -> str:
        return "; ".join(self.errors)


# Raised again and again, so that looking into an empty buffer needs no heap.
EMPTY = BufferEmpty("nothing to read now")

# Used only while the heap is locked (an interrupt, say), where no new exception can be made.
_spares = {kind: kind() for kind in (BufferFull, BufferClosed, BufferLagged)}


def error(kind, detail, buffer):
    """A new `kind(detail, buffer)`, or the one kept in reserve when the heap is locked."""
    try:
        return kind(detail, buffer)
    except MemoryError:
        spare = _spares[kind]
        spare.__init__(detail, buffer)
        return spare
