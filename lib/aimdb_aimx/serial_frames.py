"""Frames on a serial line: COBS, and then a zero.

In COBS a block is its length, of 1 to 255, and one byte less than that. Where a block of less than 255 ends, the text
has a zero. JSON has none, so only the last block is shorter.
"""

from . import parsed
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
        self.lost += self._end > self._start and not self._skips
        self._start = self._end = self._seen = 0
        self._skips = False

    def next(self) -> "memoryview | None":
        """The next frame, or None when more must arrive first."""
        data = self._data
        while True:
            end = data.find(b"\0", self._seen, self._end)
            if end < 0:
                self._seen = self._end
                if self._end - self._start == self._most:
                    if not self._skips:
                        self.lost += 1
                        self.cut = bytes(data[1:50])
                    self._skips = True
                    self._start = self._end - self._most // 2  # A frame may have begun in there, if it was noise.
                return None
            start = self._start
            self._start = self._seen = end + 1
            # A frame may stand behind noise, or behind a part of one whose sender is gone.
            last = data.rfind(b'{"t":', start, end) - 1
            if last > start and last + data[last] == end:
                try:
                    parsed(memoryview(data)[last + 1 : end])
                    self.lost += not self._skips
                    self._skips = False
                    start = last
                except ValueError:
                    pass  # It stands inside of a frame, whose end closes more braces than it opens.
            if self._skips:
                self._skips = False
            elif end > start:
                end = self._decode(start, end)
                if end >= 0:
                    return memoryview(data)[start:end]
                self.lost += 1

    def _decode(self, start, end):
        # In place. Returns where the frame ends; -1 when it is none.
        view = memoryview(self._data)
        to = start
        while start < end:
            length = view[start]
            after = start + length
            if after > end or length < 255 and after < end:
                return -1
            view[to : to + length - 1] = view[start + 1 : after]
            to += length - 1
            start = after
        return to

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
            piece = memoryview(piece)
            while piece:
                if used == 255:
                    buffer[0] = 255
                    yield from self._flush(255)
                    used = 1
                count = min(len(piece), 255 - used)
                view[used : used + count] = piece[:count]
                piece = piece[count:]
                used += count
        buffer[0] = used
        buffer[used] = 0
        yield from self._flush(used + 1)
        self._begun = False
