"""Frames on a serial line: COBS, which leaves no zero in them, and then a zero.

In COBS a block is its length, of 1 to 255, and one byte less than that. A zero stood after it, unless the length is
255 or the block is the last one.
"""

from .frames import FramedStream


class Frames(FramedStream):
    """What arrives has up to `size` bytes. What is longer, or no COBS, is skipped and counted in `lost`."""

    longest = 8192  # Of a longer one AimDB's client waits for the end for ever.
    _at_once = 64
    _begun = True  # A part of a frame may be on the line: of the peer before.
    _may_block = True  # A UART without room blocks the loop until it has sent the rest.

    def __init__(self, stream, size: int):
        super().__init__(stream, size + size // 254 + 2)
        self._seen = 0  # Up to here there is no zero.
        self._skips = False  # What arrives now is the rest of a frame that was too long.

    def fill(self) -> "int | None":
        self._seen -= self._start
        return super().fill()

    def drop(self) -> None:
        """Forget what has come of a frame."""
        self.lost += self._end > self._start
        self._start = self._end = self._seen = 0
        self._skips = False

    def next(self) -> "memoryview | None":
        """The next frame, or None when more must arrive first."""
        while True:
            end = self._data.find(b"\0", self._seen, self._end)
            if end < 0:
                self._seen = self._end
                if self._skips or self._end - self._start == self._most:
                    if not self._skips:
                        self.lost += 1
                        self.cut = bytes(self._data[1:50])
                    self._skips = True
                    self._start = self._end = self._seen = 0
                return None
            start = self._start
            self._start = self._seen = end + 1
            if self._skips:
                self._skips = False
            elif end > start:
                end = self._decode(start, end)
                if end:
                    return memoryview(self._data)[start : end - 1]
                self.lost += 1

    def _decode(self, start, end):
        # In place. Returns where the frame ends, plus one; 0 when it is no COBS.
        view = memoryview(self._data)
        to = start
        while start < end:
            length = view[start]
            after = start + length
            if after > end:
                return 0
            view[to : to + length - 1] = view[start + 1 : after]
            to += length - 1
            if length < 255:
                view[to] = 0
                to += 1
            start = after
        # The last zero is not of the frame; a block of 255 has none.
        return to if length < 255 else to + 1

    def send(self, pieces):
        """Send a frame. Awaited; raises `OSError`."""
        buffer = self._out
        view = self._view
        if self._begun:
            buffer[0] = 0
            yield from self._flush(1)
        self._begun = True
        used = 1
        for piece in pieces:
            at = 0
            while at < len(piece):
                if used == 255:
                    buffer[0] = 255
                    yield from self._flush(255)
                    used = 1
                end = piece.find(b"\0", at, at + 255 - used)
                count = (min(len(piece), at + 255 - used) if end < 0 else end) - at
                view[used : used + count] = memoryview(piece)[at : at + count]
                used += count
                at += count
                if end >= 0:
                    buffer[0] = used
                    yield from self._flush(used)
                    used = 1
                    at += 1
        buffer[0] = used
        buffer[used] = 0
        yield from self._flush(used + 1)
        self._begun = False
