"""What is wrong with a program, or with what is on its flash. Loaded when something is, and kept."""

import sys

from aimdb.errors import DbError, RecordError


class CodecError(RecordError):
    """A value was read whose bytes the codec cannot decode; `value` has the bytes, `cause` what the codec raised.

    Given to the queue's `undecodable` function. The value is acknowledged, and readers get the next one.
    """

    value: bytes

    def __init__(self, value: bytes, buffer, cause: Exception):
        super().__init__(value, buffer)
        self.cause = cause

    def __str__(self) -> str:
        # The first bytes tell what wrote them; a value may have thousands.
        text = "CodecError: record %r holds %d bytes that its codec cannot decode, %r: %r"
        return text % (self.key, len(self.value), self.value[:16], self.cause)

    __repr__ = __str__


class UnknownFormat(DbError):
    """What is on the flash was written by a version of this package that this one does not know."""


def unknown_format(version, known) -> UnknownFormat:
    """What is raised for it."""
    return UnknownFormat(
        "the flash holds a queue of format version %d, and this release knows version %d: read it with the one that "
        "wrote it, or erase it" % (version, known)
    )


class QueueInUse(RecordError):
    """Another queue has opened the storage of this one, which is closed since then; a storage has one at a time."""

    def __str__(self) -> str:
        path = getattr(self.args[1], "path")
        return "QueueInUse: record %r is closed: another queue has opened %r since" % (self.key, path)

    __repr__ = __str__


def pass_over(values, value, data, cause) -> None:
    """Acknowledge the value that comes next, because the codec cannot decode it, and say so."""
    queue = values.queue
    error = CodecError(data, queue, cause)
    handed: list = []
    values.hand_out(value, handed)  # Up to here it may fail for want of heap, and has done nothing.
    values.acknowledge(handed, 1)
    queue.dropped_count += 1
    queue.undecodable_count = count = queue.undecodable_count + 1
    try:
        if queue.undecodable:
            queue.undecodable(error)
        elif not count & (count - 1):
            print("aimdb: %s (%d so far)" % (error, count), file=sys.stderr)
    except Exception as er:
        sys.print_exception(er)


def drop(queue, error) -> None:
    """Say that `produce` has dropped a value because the codec does not take it."""
    queue.unencodable_count = count = queue.unencodable_count + 1
    if not count & (count - 1):
        print("aimdb: record %r drops a value: %r (%d so far)" % (queue.key, error, count), file=sys.stderr)


def unfit(queue, data) -> Exception:
    """What is raised for a value of which the codec has made no bytes, or too many."""
    if not isinstance(data, bytes):
        codec = type(queue.codec).__name__
        if codec != "BytesCodec":
            return TypeError("record %r: the encode of its codec, %s, gave no bytes: %.60r" % (queue.key, codec, data))
        return TypeError("record %r stores bytes, not %.60r; a codec makes them: JsonCodec()" % (queue.key, data))
    return ValueError("record %r: a value has at most %d bytes, not %d" % (queue.key, queue.largest, len(data)))
