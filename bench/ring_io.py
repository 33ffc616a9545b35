"""micropython.RingIO, the ring of bytes in the firmware, read through asyncio's StreamReader. A value is 4 bytes."""

from asyncio import StreamReader, create_task, sleep_ms
from struct import pack, unpack

from measure import case
from micropython import RingIO


@case("put: RingIO")
def put_into_ring_io(n, start, stop):
    # With space: when it is full it writes a part of the value, or nothing.
    ring = RingIO(4 * n + 1)
    start()
    for i in range(n):
        ring.write(pack("<i", i))
    stop()


@case("deliver: RingIO + StreamReader")
async def deliver_by_ring_io(n, start, stop):
    # The poll that finds the bytes comes after the producer has its turn already: it looks until they are gone.
    ring = RingIO(65)

    async def read():
        stream = StreamReader(ring)
        while True:
            unpack("<i", await stream.readexactly(4))

    create_task(read())
    await sleep_ms(0)
    start()
    for i in range(n):
        ring.write(pack("<i", i))
        while ring.any():
            await sleep_ms(0)
    stop()
