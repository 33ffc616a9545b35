"""A node to look at when no board is at hand."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from device_files import library_files
from emulated_pico import Board
from emulated_pico.filesystem import build_image
from run import Weather

PROGRAM = b"""
import asyncio
from aimdb import AimDb, BoundedQueue, SingleLatest, SpmcRing, every
from aimdb_aimx import AimxServer
from machine import ADC, UART

chip = ADC(ADC.CORE_TEMP)

def celsius():
    return 27 - (chip.read_u16() * 3.3 / 65535 - 0.706) / 0.001721

def mean(value, window):
    window.append(value)
    if len(window) == 8:
        result = sum(window) / 8
        window.clear()
        return result

async def archive(consumer):
    async for value in consumer.subscribe():
        await asyncio.sleep_ms(1500)  # A slow SD card.

async def send(consumer):
    async for value in consumer.subscribe():
        await asyncio.sleep_ms(900)  # A slow radio.

db = AimDb(profile=True)
interval = db.configure("interval", SingleLatest()).remote(write=True)
interval.produce(100)
db.configure("temperature", SpmcRing(16)).source(every(interval.buffer.peek, celsius)).tap(archive).remote()
db.configure("mean", BoundedQueue(8)).transform("temperature", mean, []).tap(send).remote()
AimxServer(db, serial=UART(0, 115200))
print("serves")
asyncio.run(db.run())
"""


@contextlib.contextmanager
def emulated_node() -> Iterator[str]:
    """Run that program on an emulated Pico: the URL at which it serves its records."""
    files = {path[1:]: data for path, data in library_files(["aimdb_aimx"], "armv6m").items()}
    with (
        Board(model="pico", paced=True, filesystem=build_image({**files, "main.py": PROGRAM})) as board,
        Weather(board),
    ):
        board.wait_for("serves", timeout=60)
        yield f"serial://{board.serve_uart(0)}"
