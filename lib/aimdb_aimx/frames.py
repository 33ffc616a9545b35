"""What both ways to cut a stream into frames have in common, and what goes wrong with it. A frame is a JSON text.

Cancel safety: a `send` that is cancelled may have sent a part of its frame; the connection is of no use any more.
IRQ safety: none.
"""

from time import ticks_ms

from aimdb.polling import writable
from micropython import const

_FIRST = const(160)  # Bytes. What AimDB's own tools ask for is shorter.


class FramedStream:
    """Cuts what a stream brings into frames, and sends frames.

        count = frames.fill()
        while (frame := frames.next()) is not None:
            ...

    A subclass defines `next()`, and `send(pieces)`, which is awaited. What `next` returns lasts until the next `fill`,
    which is called when `next` has returned None.

    `pieces` are bytes, in a list, a tuple or anything else that can be gone through twice with the same result, so
    that no frame need ever be whole in RAM. One task sends at a time.

    What arrives is in a buffer that grows for a long frame, up to `most` bytes, and shrinks after it.
    """

    lost = 0  # Frames that were too long, or no COBS.
    cut = b""  # The beginning of one that was too long, until somebody has looked at it.
    longest = 65536  # Bytes of a frame that AimDB's client takes.
    _at_once = 256  # Bytes to offer the stream at once.
    _may_block = False  # Whether the stream must be asked before each write.

    def __init__(self, stream, most: int):
        self.stream = stream
        self._most = most
        self._data = bytearray(min(_FIRST, most))
        self._start = 0  # Where the next frame begins,
        self._end = 0  # and where what has arrived ends.
        self._out = bytearray(256)
        self._view = memoryview(self._out)
        self.stuck_since: "int | None" = None  # Since this `ticks_ms` the peer has not taken what is in `_out`.

    def fill(self) -> "int | None":
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
        count = self.stream.readinto(memoryview(data)[left:])
        self._end += count or 0
        return count

    def _flush(self, end):
        # What was not taken is offered again from the same place: TLS needs the same bytes.
        at = 0
        can_write = not self._may_block
        while at < end:
            if can_write:
                count = self.stream.write(self._view[at : min(end, at + self._at_once)])
                if count:
                    at += count
                    can_write = not self._may_block
                    continue
            if self.stuck_since is None:
                self.stuck_since = ticks_ms()
            yield writable(self.stream)
            can_write = True
        self.stuck_since = None
