"""What AimX costs a board: calls and events per second, heap, and what a watched record costs its producer.

bench_aimx.py calls it on the board. Requests come by a cable in memory, all at once: what is measured is the chip's own
work, client excluded. On a line the line itself may be slower.
"""

import asyncio
import gc
import io
import time

import aimdb.timing  # With JsonCodec it is in the memory of most programs: AimX is what comes on top.
import table_of_names
from aimdb import AimDb, JsonCodec, SingleLatest, SpmcRing

JsonCodec, aimdb.timing
COUNT = 40
GET = b'{"t":"req","id":2,"method":"record.get","params":{"name":"sensors.number1"}}'
SET = b'{"t":"req","id":2,"method":"record.set","params":{"name":"setting","value":{"level":3}}}'
HELLO = b'{"t":"req","id":1,"method":"hello","params":{"client":"aimdb-client","version":"3.0"}}'
PING = b'{"t":"ping"}'
LIST = b'{"t":"req","id":2,"method":"record.list","params":null}'
WATCH = b'{"t":"sub","id":3,"topic":"sensors.number2"}'


class Line(io.IOBase):
    """A stream that gives what was put in, and counts what comes out."""

    def __init__(self):
        self.data = b""
        self.at = 0
        self.bytes = 0

    def ioctl(self, request, flags):
        return ((1 if self.at < len(self.data) else 0) | 4) & flags

    def readinto(self, view):
        count = min(len(view), len(self.data) - self.at)
        view[:count] = memoryview(self.data)[self.at : self.at + count]
        self.at += count
        return count or None

    def write(self, data):
        self.bytes += len(data)
        return len(data)


def cobs(frame):
    return bytes((len(frame) + 1,)) + frame + b"\0"


def used():
    gc.collect()
    gc.collect()
    return gc.mem_alloc()


async def quiet(line):
    """Wait until all has been read, and nothing more comes out."""
    before = -1
    while line.at < len(line.data) or line.bytes != before:
        before = line.bytes
        await asyncio.sleep_ms(30)


async def call(line, name, frame, count=COUNT):
    line.data, line.at, line.bytes = cobs(frame), 0, 0
    while not line.bytes:
        await asyncio.sleep_ms(5)
    await quiet(line)
    size = line.bytes
    line.at = line.bytes = 0
    line.data = cobs(frame) * count
    gc.collect()
    began = time.ticks_us()
    while line.bytes < count * size:
        await asyncio.sleep_ms(0)
    took = time.ticks_diff(time.ticks_us(), began)
    print("RESULT %s: %.0f, %d" % (name, count * 1000000 / took, size))


async def events(line, ring):
    ring.push(1)
    await quiet(line)
    line.bytes = 0
    ring.push(1)
    await quiet(line)
    size = line.bytes
    line.bytes = 0
    gc.collect()
    began = time.ticks_us()
    for _ in range(COUNT):
        ring.push(1)
    while line.bytes < COUNT * size:
        await asyncio.sleep_ms(0)
    took = time.ticks_diff(time.ticks_us(), began)
    print("RESULT events: %.0f, %d" % (COUNT * 1000000 / took, size))


def produce(record, count):
    """Microseconds of a produce."""
    record.produce(1)
    began = time.ticks_us()
    for _ in range(count):
        record.produce(1)
    return time.ticks_diff(time.ticks_us(), began) / count


async def ten_records(begin=table_of_names.begin):
    """A database, and what of the heap is used before it is served."""
    db = AimDb()
    for number in range(9):
        db.configure("sensors.number%d" % number, SpmcRing(COUNT + 8) if number == 2 else SingleLatest())
    setting = db.configure("setting", SingleLatest())

    async def rest(producer):
        await asyncio.sleep(1000)

    setting.source(rest)
    db.produce_any("sensors.number1", 21.5)
    # A run without a server, so that only what the server adds is counted.
    task = asyncio.create_task(db.run())
    await asyncio.sleep_ms(50)
    task.cancel()
    await asyncio.sleep_ms(10)
    db._stages.clear()
    begin()
    before = used()
    for number in range(9):
        db.configure("sensors.number%d" % number).remote()
    setting.remote(write=True)
    return db, before


async def heap_by_tcp():
    """Serve until a peer has come and been greeted: what of the heap that takes."""
    db, before = await ten_records()
    from aimdb_aimx import AimxServer

    server = AimxServer(db, tcp=7433, anyone="write")
    task = asyncio.create_task(db.run())
    await asyncio.sleep_ms(1000)
    print("serving")
    while not server.peek():
        await asyncio.sleep_ms(20)
    await asyncio.sleep_ms(1000)
    print("RESULT heap of a server by TCP, with a peer and 10 records: 0, %d" % (used() - before))
    task.cancel()


async def greeted(db):
    """Serve on a line until a peer has been greeted there: (line, task)."""
    from aimdb_aimx import AimxServer

    line = Line()
    AimxServer(db, serial=line, timeout_ms=60000)
    task = asyncio.create_task(db.run())
    await asyncio.sleep_ms(50)
    for frame in (HELLO, PING):  # The second, because what greeted is garbage only after that.
        await said(line, frame)
    return line, task


async def said(line, frame):
    line.data, line.at = cobs(frame), 0
    await quiet(line)


async def heap_by_a_line():
    db, before = await ten_records()
    line, task = await greeted(db)
    print("RESULT heap of a server on a serial line, with a peer and 10 records: 0, %d" % (used() - before))
    for frame in (GET, SET, LIST, WATCH):
        await said(line, frame)
    print("RESULT heap of the same, with a record watched and one written: 0, %d" % (used() - before))
    task.cancel()


async def by_a_line():
    db, _ = await ten_records(begin=lambda: None)
    line, task = await greeted(db)
    await call(line, "record.get", GET)
    await call(line, "record.set", SET)
    await call(line, "hello", HELLO, 5)
    await call(line, "record.list of 10", LIST, 5)
    ring = db.consumer("sensors.number2").buffer
    record = db.producer("sensors.number2")
    alone = produce(record, 20)
    await said(line, WATCH)
    watched = produce(record, 1)
    await quiet(line)
    print("RESULT produce, microseconds: not watched: %.0f, 0" % alone)
    print("RESULT produce, microseconds: watched, while the task that sends waits: %.0f, 0" % watched)
    await events(line, ring)
    task.cancel()


def run():
    """Measure what the chip does, and print a line for each: name, times per second, bytes."""
    asyncio.run(by_a_line())
