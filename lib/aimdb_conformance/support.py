"""What the tests of the suite share."""

import asyncio
import time

from aimdb import BufferClosed, BufferEmpty, BufferLagged


class Way:
    """How a value comes from `push` to the readers. This is that of a buffer in memory: it is there at once.

    For a buffer whose values live elsewhere, and come back from there, derive a class and give it to `conformance`.
    """

    calls = 20000  # That the tests of growth make on a computer.

    def hold(self):
        """What is written from now on stays on its way, until `arrive`."""

    async def arrive(self):
        """Return when all that was written has arrived, and woken who waits for it; they have not run yet."""

    def unread(self, buffer):
        """What a buffer that is closed has accepted, and nobody has read."""
        return drain(buffer.subscribe())

    def forget(self, buffer):
        """What a program has to do with a buffer that it needs no more."""


class Suite:
    def __init__(self, make, way):
        self.make = make
        self.way = way
        self.hold = way.hold
        self.arrive = way.arrive


def raises(kind, function, *arguments):
    try:
        function(*arguments)
    except kind as er:
        return er
    raise AssertionError("%s not raised" % kind.__name__)


async def raises_async(kind, awaitable):
    try:
        await awaitable
    except kind as er:
        return er
    raise AssertionError("%s not raised" % kind.__name__)


async def settle():
    # Long enough for every task that can run to reach its next wait point.
    for _ in range(5):
        await asyncio.sleep_ms(0)


async def results(tasks):
    values = []
    for task in tasks:
        values.append(await task)
    return values


def drain(reader):
    values = []
    while True:
        try:
            values.append(reader.try_recv())
        except BufferLagged:
            pass
        except (BufferEmpty, BufferClosed):
            return values


def busy(milliseconds):
    end = time.ticks_add(time.ticks_ms(), milliseconds)
    while time.ticks_diff(end, time.ticks_ms()) > 0:
        pass
