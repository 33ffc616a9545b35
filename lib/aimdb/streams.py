"""Waiting for streams: what waiting.py is for all else. Apart from that one, so that only who has streams loads it.

core._io_queue      which task waits for which stream, and the poll object that tells
"""

from asyncio import core  # type: ignore[attr-defined]


def readable(stream):
    """What a generator yields to wait until `stream` has something to read."""
    return core._io_queue.queue_read(stream)


def writable(stream):
    """The same, until it takes something."""
    return core._io_queue.queue_write(stream)
