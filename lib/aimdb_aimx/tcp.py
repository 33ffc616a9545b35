"""Peers by TCP: where they come in, and their frames, which are four bytes with the length and then the JSON text."""

import asyncio

from aimdb.polling import readable

from . import once
from .frames import FramedStream


class Frames(FramedStream):
    """What arrives has up to `size` bytes. A longer frame ends the connection, as AimDB does."""

    def __init__(self, stream, size: int):
        super().__init__(stream, size + 4)

    def next(self) -> "memoryview | None":
        """The next frame, or None when more must arrive first. Raises `ValueError`."""
        view = memoryview(self._data)
        start = self._start
        body = start + 4
        if body > self._end:
            return None
        length = int.from_bytes(view[start:body], "big")
        if length > self._most - 4:
            raise once("ending").too_long(length, self._most - 4)
        end = body + length
        if end > self._end:
            return None
        self._start = end
        return view[body:end]

    def send(self, pieces):
        """Send a frame. Awaited; raises `OSError`, and `ValueError` when the pieces have changed meanwhile."""
        left = 0
        for piece in pieces:
            left += len(piece)
        view = self._view
        view[:4] = left.to_bytes(4, "big")
        used = 4
        for piece in pieces:
            piece = memoryview(piece)
            left -= len(piece)
            while piece:
                count = min(len(piece), 256 - used)
                view[used : used + count] = piece[:count]
                piece = piece[count:]
                used += count
                if used == 256:
                    yield from self._flush(256)
                    used = 0
        yield from self._flush(used)
        if left:
            raise ValueError("the pieces of a frame have lost %d bytes while they were sent" % left)


def serve(server):
    """Accept peers until cancelled. A task; nothing that the network does ends it."""
    while True:
        try:
            server.door = door = yield from once("admission").listen(server)
            failures = 0
            while failures < 4:  # Then the door is broken.
                yield readable(door)
                failures = yield from once("admission").accept(server, failures)
        except MemoryError:
            pass
        finally:
            if server.door:
                server.door.close()
                server.door = None
        yield from asyncio.sleep_ms(1000)
