"""Values per second, and bytes of heap per value, to a hub and from it; bench_dialling.py calls it on the board."""

import asyncio
import gc
import time

from aimdb import AimDb, BoundedQueue
from aimdb_aimx import AimxRecord, Hub

COUNT = 100


def run(host, port):
    """Measure everything and print a line for each: name, values per second, bytes per value."""
    url = "aimx://%s:%d" % (host, port)
    Hub(url)
    for measure in (producing, linking, watching):
        asyncio.run(measure(url + "/bench"))


def started():
    gc.collect()
    return time.ticks_us(), gc.mem_alloc()


def report(name, began, before):
    used = gc.mem_alloc() - before
    took = time.ticks_diff(time.ticks_us(), began)
    print("RESULT %s: %.0f, %.0f" % (name, COUNT * 1000000 / took, used / COUNT))


async def producing(url):
    record = AimxRecord(url)
    db = AimDb()
    db.configure("bench", record)
    task = asyncio.create_task(db.run())
    await record.push_async(0)
    began, before = started()
    for value in range(COUNT):
        await record.push_async(value)
    report("produce_async, one at a time", began, before)
    record.close()
    await task


async def linking(url):
    queue = BoundedQueue(8)
    db = AimDb()
    db.configure("bench", queue).link_to(url)
    window = AimxRecord(url).hub.window
    task = asyncio.create_task(db.run())
    await queue.push_async(0)
    while queue.held():
        await asyncio.sleep_ms(10)
    began, before = started()
    for value in range(COUNT):
        await queue.push_async(value)
    while queue.held() or window.flights:
        await asyncio.sleep_ms(0)
    report("BoundedQueue linked to a hub's record", began, before)
    queue.close()
    await task


async def watching(url):
    # The hub sends as many events as it is told to by a value of "burst", at once.
    queue = BoundedQueue(COUNT)
    db = AimDb()
    db.configure("bench", queue).link_from(url, capacity=COUNT)
    starter = AimxRecord(url[: -len("bench")] + "burst")
    task = asyncio.create_task(db.run())
    await starter.hub.online(True)
    await asyncio.sleep_ms(200)
    began, before = started()
    await starter.push_async(COUNT)
    reader = queue.subscribe()
    for _ in range(COUNT):
        await reader.recv()
    report("events of a hub's record, linked to a BoundedQueue", began, before)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        pass
