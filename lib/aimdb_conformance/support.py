"""What the tests of the suite share."""

import asyncio
import time

from aimdb import BufferClosed, BufferEmpty, BufferLagged


class Suite:
    def __init__(self, make):
        self.make = make


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
