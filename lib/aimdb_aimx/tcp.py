"""Peers by TCP: where they come in, and their frames, which are four bytes with the length and then the JSON text."""

import asyncio
import errno

from aimdb.polling import readable

from . import once
from .frames import FramedStream, FrameError

# Of servers, by port: the number of the loop in which it is served, and the sockets.
sockets_of: dict = {}


class Frames(FramedStream):
    """What arrives has up to `size` bytes. A longer frame ends the connection, as AimDB does."""

    def __init__(self, stream, size: int):
        super().__init__(stream, size + 4)

    def next(self) -> "memoryview | None":
        """The next frame, or None when more must arrive first. Raises `FrameError`."""
        view = memoryview(self._data)
        start = self._start
        body = start + 4
        if body > self._end:
            return None
        length = int.from_bytes(view[start:body], "big")
        if length > self._most - 4:
            raise FrameError("a frame of %d bytes is longer than the %d that are allowed" % (length, self._most - 4))
        end = body + length
        if end > self._end:
            return None
        self._start = end
        return view[body:end]

    def send(self, pieces):
        """Send a frame. Awaited; raises `OSError`, and `FrameError` when the pieces have changed meanwhile."""
        left = 0
        for piece in pieces:
            left += len(piece)
        view = self._view
        view[:4] = left.to_bytes(4, "big")
        used = 4
        for piece in pieces:
            left -= len(piece)
            at = 0
            while at < len(piece):
                count = min(len(piece) - at, 256 - used)
                view[used : used + count] = memoryview(piece)[at : at + count]
                used += count
                at += count
                if used == 256:
                    yield from self._flush(256)
                    used = 0
        yield from self._flush(used)
        if left:
            raise FrameError("the pieces of a frame have lost %d bytes while they were sent" % left)


def serve(server):
    """Accept peers until cancelled. A task; nothing that the network does ends it."""
    complaint = door = None
    try:
        while True:
            try:
                door = once("admission").listen(server)
                if complaint:
                    complaint.end()
                yield from _accept(server, door)
            except (OSError, MemoryError) as er:
                try:
                    if not complaint:
                        complaint = once("admission").complaint(server)
                    server.last_error = "cannot listen at port %d: %r" % (server.tcp, er)
                    complaint.begin()
                except MemoryError:
                    pass
            if door:
                door.close()
                door = None
            yield from asyncio.sleep_ms(1000)
    finally:
        if complaint:
            complaint.end()
        if door:
            door.close()
            sockets_of.pop(server.tcp, None)


def _accept(server, door):
    failures = 0
    while True:
        yield readable(door)
        try:
            raw, _ = door.accept()
            failures = 0
        except OSError as er:
            failures += er.errno != errno.EAGAIN
            if failures > 3:
                raise
            yield from asyncio.sleep_ms(100)
            continue
        try:
            once("admission").admit(server, raw)
        except Exception as er:
            raw.close()
            server.turned_away_count += 1
            server.last_error = "a peer could not be let in: %r" % (er,)
