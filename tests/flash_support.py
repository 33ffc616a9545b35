"""What the tests of a queue on flash share."""

import asyncio

import aimdb_flash.storage
from aimdb import BufferClosed, BufferEmpty
from aimdb_flash import BlockStorage, FlashQueue, JsonCodec, Storage
from harness import equal

NEVER = 1000000


async def settle():
    # Long enough for every task that can run to reach its next wait point. Not that of the conformance suite, all of
    # which would be loaded.
    for _ in range(5):
        await asyncio.sleep_ms(0)


def drain(reader):
    values = []
    while True:
        try:
            values.append(reader.try_recv())
        except (BufferEmpty, BufferClosed):
            return values


def power_cut(flash):
    """The flash after the power has gone and come back."""
    aimdb_flash.storage.claimed.clear()
    return flash.restarted()


def opened(flash, codec=None, **options):
    if flash.operations == 0:
        aimdb_flash.storage.claimed.clear()  # Of the tests before.
    options.setdefault("flush_ms", 0)
    return FlashQueue(BlockStorage(flash), codec or JsonCodec(), **options)


async def filled(flash, values, codec=None, **options):
    """A queue that has these values on flash."""
    queue = opened(flash, codec, **options)
    for value in values:
        await queue.push_async(value)
    return queue


def after_restart(flash, codec=None):
    return drain(opened(power_cut(flash), codec).subscribe())


def fill(queue):
    """Have tasks produce until the flash is full; returns them, those that wait last."""
    return [asyncio.create_task(queue.push_async(i)) for i in range(100)]


class Pieces(Storage):
    """A storage as a user may write it: segments in RAM."""

    def __init__(self):
        self.identity = self
        self.pieces = {}

    def numbers(self):
        return list(self.pieces)

    def length(self, number):
        return len(self.pieces[number])

    def create(self, number, data):
        self.pieces[number] = data

    def append(self, number, offset, data):
        equal(offset, len(self.pieces[number]))
        self.pieces[number] += data

    def read(self, number, offset, size):
        return self.pieces[number][offset : offset + size]

    def remove(self, number):
        self.pieces.pop(number, None)
