"""What a record of 32 bytes costs the flash, in erasures and programmed bytes: ours and what people do without it.

Runs on the unix port, on littlefs with the geometry of an RP2040 and on a raw device; the counts are those of the
board. `tools/benchmarks/bench_flash.py` calls it and reads what it prints.
"""

import asyncio
import json
import os

import vfs
from aimdb_flash import BlockStorage, FlashQueue

RECORDS = 2000
SIZE = 32
BLOCK = 4096
PAGE = 256


class Flash:
    """Counts."""

    def __init__(self, blocks):
        self.data = bytearray(b"\xff" * (blocks * BLOCK))
        self.erased = [0] * blocks
        self.programmed = 0

    def readblocks(self, block, buffer, offset=0):
        start = block * BLOCK + offset
        buffer[:] = self.data[start : start + len(buffer)]

    def writeblocks(self, block, buffer, offset=0):
        start = block * BLOCK + offset
        stop = start + len(buffer)
        there = int.from_bytes(self.data[start:stop], "big") & int.from_bytes(buffer, "big")
        self.data[start:stop] = there.to_bytes(len(buffer), "big")
        self.programmed += len(buffer)

    def ioctl(self, operation, argument):
        if operation == 4:
            return len(self.erased)
        if operation == 5:
            return BLOCK
        if operation == 6:
            self.data[argument * BLOCK : (argument + 1) * BLOCK] = b"\xff" * BLOCK
            self.erased[argument] += 1
            return 0


def filesystem():
    flash = Flash(212)  # As on a Pico W.
    vfs.VfsLfs2.mkfs(flash, progsize=PAGE)
    vfs.mount(vfs.VfsLfs2(flash, progsize=PAGE), "/flash")
    return flash


def record(i):
    return b"%032d" % i


def append_and_flush():
    with open("/flash/log", "ab") as file:
        for i in range(RECORDS):
            file.write(record(i))
            file.flush()


def file_per_record():
    # Eight wait to be sent, at any time.
    os.mkdir("/flash/log")
    for i in range(RECORDS):
        with open("/flash/log/%d" % i, "wb") as file:
            file.write(record(i))
        if i >= 8:
            os.remove("/flash/log/%d" % (i - 8))


async def queue(storage, flush_records, awaited):
    # All that is on flash is read and committed after each flush.
    log = FlashQueue(storage, flush_records=flush_records, flush_bytes=1 << 20, flush_ms=1 << 20, commit_ms=1 << 20)
    reader = log.subscribe()
    for i in range(0, RECORDS, flush_records):
        for j in range(i, i + flush_records):
            log.push(record(j))
        await asyncio.sleep_ms(0)
        await asyncio.sleep_ms(0)
        for _ in range(flush_records):
            reader.try_recv()
        done = reader.commit()
        if awaited:
            await asyncio.gather(done, log.flush())
    log.release()


async def every_second(storage, way):
    # A value a second with the default settings: each has its own flush, as the next one comes after `flush_ms`.
    log = FlashQueue(storage, drop_oldest=way == "kept")
    reader = log.subscribe()
    for i in range(RECORDS):
        if way == "kept":
            log.push(record(i))
            await log.flush()
            continue
        if way == "committed":
            log.push(record(i))
        else:
            await log.push_async(record(i))
        reader.try_recv()
        if way == "both awaited":
            await reader.commit()
        else:
            reader.commit()
    log.release()


WAYS = (
    ("A value a second, read and committed at once", "committed"),
    ("A value a second, kept while the network is down", "kept"),
    ("A value a second, each awaited", "awaited"),
    ("A value a second, each awaited, and its commit too", "both awaited"),
)


def on_files(records, awaited=False):
    return lambda: asyncio.run(queue("/flash/queue", records, awaited))


def measure(name, medium, flash, run):
    erased = sum(flash.erased)
    flash.programmed = 0
    run()
    erased = sum(flash.erased) - erased
    print(
        "\x1e"
        + json.dumps(
            {
                "pattern": name,
                "medium": medium,
                "erases": round(erased / RECORDS, 4),
                "programmed": round(flash.programmed / RECORDS, 1),
            }
        )
    )


def run():
    for name, function in (
        ("append to a file, flush", append_and_flush),
        ("one file per record", file_per_record),
        ("FlashQueue, flush_records=1", on_files(1)),
        ("FlashQueue, flush_records=4", on_files(4)),
        ("FlashQueue, default (16)", on_files(16)),
        ("FlashQueue, default (16), each commit awaited", on_files(16, True)),
        ("FlashQueue, flush_records=64", on_files(64)),
    ):
        measure(name, "littlefs", filesystem(), function)
        vfs.umount("/flash")
    for name, way in WAYS:
        measure(name, "littlefs", filesystem(), lambda: asyncio.run(every_second("/flash/queue", way)))
        vfs.umount("/flash")
    for name, way in WAYS:
        flash = Flash(16)
        measure(name, "raw", flash, lambda: asyncio.run(every_second(BlockStorage(flash, PAGE), way)))
    for records in (1, 4, 16, 64):
        flash = Flash(16)
        name = "FlashQueue, default (16)" if records == 16 else "FlashQueue, flush_records=%d" % records
        measure(name, "raw", flash, lambda: asyncio.run(queue(BlockStorage(flash, PAGE), records, False)))


if __name__ == "__main__":
    run()
