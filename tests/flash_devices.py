"""A flash in RAM that can lose its power, or fail, at any operation that changes it."""

from errno import EIO

BEFORE, PARTLY, AFTER = range(3)  # How far an operation had come when the power went out.


class PowerCut(BaseException):
    """Ends everything, as nothing in a program catches it."""


class Flash:
    """Behaves as NOR flash: an erased byte is 0xFF, and writing can only clear bits.

    `operations` counts writes and erasures. At operation number `cut_at` (from 1) the power goes out, `how` far into
    it; nothing works from then on. `fails(number)` says whether an operation fails with EIO, `how` far into it. To read
    a block that is in `unreadable` fails, too.
    """

    def __init__(self, blocks=6, block_size=1024, data=None, how=AFTER):
        self.blocks = blocks
        self.block_size = block_size
        self.data = data or bytearray(blocks * block_size)
        if not data:
            for block in range(blocks):
                self._erase(block * block_size, block_size)
        self.operations = 0
        self.erased = 0
        self.programmed = 0
        self.cut_at = 0
        self.fails = None
        self.unreadable = ()
        self.how = how
        self.dead = False

    def _erase(self, start, size):
        self.data[start : start + size] = b"\xff" * size

    def restarted(self):
        """The same flash after the power has come back."""
        return Flash(self.blocks, self.block_size, self.data)

    def _operation(self, start, size, change):
        # `change(start, size)` makes the change.
        if self.dead:
            raise PowerCut
        self.operations += 1
        cut = self.operations == self.cut_at
        fails = self.fails and self.fails(self.operations)
        if cut or fails:
            if self.how != BEFORE:
                change(start, size if self.how == AFTER else size // 2)
            if cut:
                self.dead = True
                raise PowerCut
            return -EIO  # Block devices report errors so; an exception would unwind littlefs, too.
        change(start, size)
        return 0

    def readblocks(self, block, buffer, offset=0):
        if self.dead:
            raise PowerCut
        if block in self.unreadable:
            return -EIO
        start = block * self.block_size + offset
        buffer[:] = self.data[start : start + len(buffer)]

    def writeblocks(self, block, buffer, offset=0):
        def program(start, size):
            there = int.from_bytes(self.data[start : start + size], "big")
            there &= int.from_bytes(buffer[:size], "big")
            self.data[start : start + size] = there.to_bytes(size, "big")

        self.programmed += len(buffer)
        return self._operation(block * self.block_size + offset, len(buffer), program)

    def ioctl(self, operation, argument):
        if operation == 4:
            return self.blocks
        if operation == 5:
            return self.block_size
        if operation == 6:
            self.erased += 1
            return self._operation(argument * self.block_size, self.block_size, self._erase)
