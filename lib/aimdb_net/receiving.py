class Receiver:
    """Cuts what arrives into packets, in one buffer of fixed size.

    A packet that does not fit is handed out by its beginning, and the rest of it is skipped as it arrives.

    A subclass defines `header()`, which looks at `view` from `start` on: it returns the length of the packet's content,
    whose place it leaves in `at`, and something true about the packet in `first`; or -1 when more must arrive first.
    """

    def __init__(self, size: int):
        self.size = size
        self.view = memoryview(bytearray(size))
        self.start = 0  # Where the next packet begins,
        self.end = 0  # and where what has arrived ends.
        self.at = self.first = 0
        self.left = 0  # So many bytes of a packet that does not fit are still to come.
        self.body = self.view[:0]  # Of the packet that `next` found; it lasts until the next `fill`.
        self.whole = True  # Whether that is all of it.

    def header(self) -> int:
        raise NotImplementedError

    def fill(self, stream) -> "int | None":
        """Read what there is room for: the number of bytes, 0 at the end, None when there is nothing now."""
        view = self.view
        if self.left:
            count = stream.readinto(view[self.end : self.end + self.left])
            self.left -= count or 0
            return count
        if self.start:
            left = self.end - self.start
            view[:left] = view[self.start : self.end]
            self.start, self.end = 0, left
        count = stream.readinto(view[self.end :])
        self.end += count or 0
        return count

    def next(self) -> int:
        """`first` of the next packet, whose content is then in `body`; 0 when more must arrive first.

        Raises `ConnectionLost`.
        """
        length = -1 if self.left else self.header()
        if length < 0:
            return 0
        end = self.at + length
        if end <= self.end:
            self.whole = True
            self.start = end
        elif self.start or self.end < self.size:
            return 0  # More must arrive.
        else:  # It is too long: its beginning fills the buffer.
            self.whole = False
            self.left = end - self.end
            end = self.end
            self.start = self.end = 0
        self.body = self.view[self.at : end]
        return self.first
