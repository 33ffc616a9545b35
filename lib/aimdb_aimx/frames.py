"""What both ways to cut a stream into frames have in common. A frame is a JSON text.

Cancel safety: a `send` that is cancelled may have sent a part of its frame; the connection is of no use any more.
IRQ safety: none.
"""

from time import ticks_ms

from aimdb.loop import writable
from micropython import const

_FIRST = const(160)  # Bytes. What AimDB's own tools ask for is shorter.


class FrameReceiver:
    """Cuts what arrives into frames, in one buffer that grows for a long frame, and shrinks after it.

        count = receiver.fill(stream)
        while (frame := receiver.next()) is not None:
            ...

    A subclass defines `next()`. What it returns lasts until the next `fill`, which is called when `next` has returned
    None. `most`: bytes that the buffer grows to.
    """

    lost = 0  # How many frames were none.

    def __init__(self, most: int):
        self._most = most
        self._data = bytearray(min(_FIRST, most))
        self._start = 0  # Where the next frame begins,
        self._end = 0  # and where what has arrived ends.

    def fill(self, stream) -> "int | None":
        """Read what there is room for: the number of bytes, 0 at the end, None when there is nothing now."""
        data = self._data
        left = self._end - self._start
        size = len(data)
        if left == size < self._most:
            size = min(2 * size, self._most)
        elif not left and size > _FIRST:
            size = _FIRST
        if self._start or size != len(data):
            kept = data if size == len(data) else bytearray(size)
            memoryview(kept)[:left] = memoryview(data)[self._start : self._end]
            self._data = data = kept
            self._start, self._end = 0, left
        count = stream.readinto(memoryview(data)[left:])
        self._end += count or 0
        return count


class FrameSender:
    """Sends frames, 256 bytes at a time. A subclass defines `send(pieces)`, which is awaited.

    `pieces` are bytes, in a list, a tuple or anything else that can be gone through twice with the same result, so
    that no frame need ever be whole in RAM. One task sends at a time.
    """

    _most = 256  # Bytes to offer the stream at once.
    _may_block = False  # Whether the stream must be asked before each write.

    def __init__(self, stream):
        self._stream = stream
        self._buffer = bytearray(256)
        self._view = memoryview(self._buffer)
        self.stuck_since: "int | None" = None  # Since this `ticks_ms` the peer takes nothing.

    def _flush(self, end):
        # What was not taken is offered again from the same place: TLS needs the same bytes.
        at = 0
        while at < end:
            if not self._may_block or self.stuck_since is not None:
                count = self._stream.write(self._view[at : min(end, at + self._most)])
                if count:
                    at += count
                    self.stuck_since = None
                    continue
            if self.stuck_since is None:
                self.stuck_since = ticks_ms()
            yield writable(self._stream)
