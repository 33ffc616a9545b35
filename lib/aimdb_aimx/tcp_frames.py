"""Frames on TCP: four bytes with the length, the highest first, and then the JSON text."""

from .errors import FrameError
from .frames import FrameReceiver, FrameSender

# Of servers, by port: the number of the loop in which it is served, and the sockets.
sockets_of: dict = {}


class Receiver(FrameReceiver):
    """For frames of up to `size` bytes. A longer one ends the connection, as AimDB does."""

    def __init__(self, size: int):
        super().__init__(size + 4)
        self.size = size

    def next(self) -> "memoryview | None":
        """The next frame, or None when more must arrive first. Raises `FrameError`."""
        view = memoryview(self._data)
        start = self._start
        body = start + 4
        if body > self._end:
            return None
        length = view[start] << 24 | view[start + 1] << 16 | view[start + 2] << 8 | view[start + 3]
        if length > self.size:
            raise FrameError("a frame of %d bytes is longer than the %d that are allowed" % (length, self.size))
        end = body + length
        if end > self._end:
            return None
        self._start = end
        return view[body:end]


class Sender(FrameSender):
    def send(self, pieces):
        """Send a frame. Awaited; raises `OSError`, and `FrameError` when the pieces have changed meanwhile."""
        left = 0
        for piece in pieces:
            left += len(piece)
        buffer = self._buffer
        view = self._view
        for i in range(4):
            buffer[i] = left >> (24 - 8 * i) & 0xFF
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
