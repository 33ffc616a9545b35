"""How long producing into a FlashQueue takes on the chip; bench_flash.py runs it, and reads what it prints.

On an emulated chip its flash must be busy as a real one is, see `emulated_pico.flash`.
"""

import asyncio
import gc
import json
import struct
import time

from aimdb import BufferFull
from aimdb_flash import BlockStorage, FlashQueue
from machine import Timer

VALUE = b"." * 32
FULL = 700 * 1024


def report(medium, name, microseconds):
    print("\x1e" + json.dumps({"medium": medium, "name": name, "microseconds": round(microseconds)}))


def taken(start):
    return time.ticks_diff(time.ticks_us(), start)


async def produce(queue, count, times):
    for _ in range(count):
        start = time.ticks_us()
        await queue.push_async(VALUE)
        times.append(taken(start))


async def producing(medium, queue, producers, count):
    times = []
    start = time.ticks_us()
    await asyncio.gather(*[produce(queue, count, times) for _ in range(producers)])
    name = "%d producer%s, produce_async" % (producers, "s" if producers > 1 else "")
    report(medium, name + ", mean", sum(times) / len(times))
    report(medium, name + ", longest", max(times))
    report(medium, name + ", per value", taken(start) / len(times))


async def staging(medium, queue):
    push = queue.push
    start = time.ticks_us()
    for _ in range(16):
        push(VALUE)
    report(medium, "produce", taken(start) / 16)
    start = time.ticks_us()
    await queue.flush()
    report(medium, "a flush of 16 values", taken(start))


async def reading(medium, queue):
    reader = queue.subscribe()
    start = time.ticks_us()
    for _ in range(32):
        reader.try_recv()
    report(medium, "try_recv", taken(start) / 32)
    start = time.ticks_us()
    reader.commit()
    report(medium, "commit of 32, not awaited", taken(start))
    start = time.ticks_us()
    await reader.commit()
    await queue.flush()
    report(medium, "flush of an acknowledgement", taken(start))


class Gaps:
    """The longest time in which no interrupt was served."""

    def __init__(self):
        self.longest = 0
        self._last = time.ticks_us()
        self._timer = Timer(-1, freq=1000, hard=True, callback=self._tick)

    def _tick(self, _):
        now = time.ticks_us()
        gap = time.ticks_diff(now, self._last)
        self._last = now
        if gap > self.longest:
            self.longest = gap

    def stop(self):
        self._timer.deinit()


class Steps:
    """The longest step of the loop."""

    def __init__(self):
        self.longest = 0
        self._task = asyncio.create_task(self._watch())

    async def _watch(self):
        last = time.ticks_us()
        while True:
            await asyncio.sleep_ms(0)
            now = time.ticks_us()
            self.longest = max(self.longest, time.ticks_diff(now, last))
            last = now

    def stop(self):
        self._task.cancel()


async def bursts(medium, queue):
    for count, size in ((16, 32), (12, 3500)):
        reader = queue.subscribe()
        steps = Steps()
        await asyncio.gather(*[queue.push_async(bytes(size)) for _ in range(count)])
        steps.stop()
        report(medium, "longest step of the loop, %d values of %d bytes" % (count, size), steps.longest)
        for _ in range(queue.held()):
            reader.try_recv()
        await reader.commit()
        reader.close()
        await queue.flush()


def opening(medium, open_queue, count):
    queue = open_queue()

    async def fill():
        for i in range(count):
            while True:
                try:
                    queue.try_push(VALUE)
                    break
                except BufferFull:
                    await queue.flush()
        await queue.flush()

    asyncio.run(fill())
    held = queue.held()
    queue.release()
    gc.collect()
    start = time.ticks_us()
    queue = open_queue()
    report(medium, "opening with %d values held" % held, taken(start))
    queue.release()


def open_full(medium, free):
    """Open a queue of 700 KB that is full; filling.py has filled it."""
    import rp2

    storage = BlockStorage(rp2.Flash(start=free, len=FULL)) if medium == "raw" else "/full"
    gc.collect()
    start = time.ticks_us()
    queue = FlashQueue(storage, max_size=FULL)
    report(medium, "opening with 700 KB held", taken(start))
    print(queue.held(), "values are held")
    queue.release()


def mean_of(function, *arguments):
    for _ in range(10):
        function(*arguments)
    start = time.ticks_us()
    for _ in range(100):
        function(*arguments)
    return taken(start) / 100


def coding():
    """What `encode` takes, and what its check takes that a value comes back equal: the rest makes the bytes."""
    from aimdb import JsonCodec, StructCodec  # For which there is no room in the image of a full queue.

    small = {"celsius": 21.5}
    large = {"node": "roof", "count": 1234, "celsius": 21.5, "valid": True}
    numbers = (1234, 5678, 21.5)
    for name, codec, value, bare in (
        ("JsonCodec, %s" % json.dumps(small), JsonCodec(), small, lambda: json.dumps(small).encode()),
        ("JsonCodec, four fields", JsonCodec(), large, lambda: json.dumps(large).encode()),
        ('StructCodec("<2If")', StructCodec("<2If"), numbers, lambda: struct.pack("<2If", *numbers)),
    ):
        whole = mean_of(codec.encode, value)
        check = whole - mean_of(bare)
        print("\x1e" + json.dumps({"name": name, "microseconds": round(whole), "check": round(check)}))


async def run(medium, storage):
    queue = FlashQueue(storage, stage_bytes=50000)
    await producing(medium, queue, 1, 16)
    await producing(medium, queue, 8, 4)
    await staging(medium, queue)
    await reading(medium, queue)
    gaps = Gaps()
    # So many that something is erased on both.
    for _ in range(2 if medium == "littlefs" else 6):
        for _ in range(16):
            queue.push(VALUE)
        await queue.flush()
    gaps.stop()
    report(medium, "interrupts off, longest", gaps.longest)
    queue.release()


def main(free):
    import rp2

    def raw():
        return FlashQueue(BlockStorage(rp2.Flash(start=free, len=16 * 4096)))

    # The raw region first: littlefs may take these sectors later.
    asyncio.run(run("raw", BlockStorage(rp2.Flash(start=free, len=16 * 4096))))
    queue = raw()
    asyncio.run(bursts("raw", queue))
    queue.release()
    opening("raw", raw, 90)
    opening("raw", raw, 1000)
    asyncio.run(run("littlefs", "/queue"))
    queue = FlashQueue("/burst")
    asyncio.run(bursts("littlefs", queue))
    queue.release()
    opening("littlefs", lambda: FlashQueue("/open"), 90)
    opening("littlefs", lambda: FlashQueue("/open"), 1000)
