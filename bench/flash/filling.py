"""Fills a queue of 700 KB on the image of a board's filesystem, which would take the emulated chip an hour.

`tools/benchmarks/bench_flash.py` runs it on the unix port, with an image, the medium, and a raw region's first block.
"""

import asyncio
import sys

import vfs
from aimdb import BufferFull
from aimdb_flash import BlockStorage, FlashQueue
from wear import BLOCK, PAGE, Flash

SIZE = 700 * 1024


class Region:
    """A part of a flash, as `rp2.Flash(start=…, len=…)` is."""

    def __init__(self, flash, first):
        self.flash = flash
        self.first = first

    def readblocks(self, block, buffer, offset=0):
        self.flash.readblocks(self.first + block, buffer, offset)

    def writeblocks(self, block, buffer, offset=0):
        self.flash.writeblocks(self.first + block, buffer, offset)

    def ioctl(self, operation, argument):
        if operation == 4:
            return SIZE // BLOCK
        return self.flash.ioctl(operation, argument + self.first)


async def fill(queue):
    held = -1
    while queue.held() != held:
        held = queue.held()
        try:
            while True:
                queue.try_push(b"." * 32)
        except BufferFull:
            await asyncio.sleep_ms(10)
    queue.release()


def run(image, medium, first):
    flash = Flash(212)
    with open(image, "rb") as file:
        file.readinto(flash.data)
    if medium == "raw":
        storage = BlockStorage(Region(flash, first))
    else:
        vfs.mount(vfs.VfsLfs2(flash, progsize=PAGE), "/flash")
        storage = "/flash/full"
    asyncio.run(fill(FlashQueue(storage, max_size=SIZE)))
    with open(image, "wb") as file:
        file.write(flash.data)


if __name__ == "__main__":
    run(sys.argv[1], sys.argv[2], int(sys.argv[3]))
