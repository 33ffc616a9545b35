"""A data logger that loses nothing, however often the power goes out, and uploads when somebody listens.

A sample is on the flash before the next one is taken. From there each goes over a serial line to a gateway: another
computer, a modem, a radio. Only when that has answered is the sample acknowledged, and may go. Cut the power or the
line at any moment: what has no answer is sent again.

Wiring: the gateway at UART 0, TX to GP0, RX to GP1, 115200 baud. It answers each line with `ok`, the start and the
number of the sample, so that a late answer counts for no other one. The samples are of the thermometer in the chip.
Ctrl-C ends it.
"""

import asyncio
import json

from aimdb import AimDb, every
from aimdb_flash import FlashQueue, JsonCodec
from machine import ADC, UART, Pin

EVERY_MS = 500  # Each sample costs about one erasure of a block: see docs/flash.md for how to take more of them.
PATIENCE_MS = 1000

chip = ADC(ADC.CORE_TEMP)
uart = UART(0, 115200, tx=Pin(0), rx=Pin(1))
answers = asyncio.StreamReader(uart)
gateway = asyncio.StreamWriter(uart, {})


def count_starts():
    try:
        with open("/starts") as file:
            starts = int(file.read()) + 1
    except (OSError, ValueError):
        starts = 1
    with open("/starts", "w") as file:
        file.write(str(starts))
    return starts


start = count_starts()
numbers = iter(range(1, 1 << 29))


def sample():
    celsius = 27 - (chip.read_u16() * 3.3 / 65535 - 0.706) / 0.001721
    return {"start": start, "number": next(numbers), "celsius": round(celsius, 1)}


async def upload(consumer):
    reader = consumer.subscribe()
    while True:
        value = await reader.recv()
        while not await is_taken(value):
            print("no answer; it stays on the flash, where %d wait" % log.held())
        await reader.commit()
        print("uploaded", value["start"], value["number"])


async def is_taken(value):
    gateway.write(json.dumps(value).encode() + b"\n")
    await gateway.drain()
    wanted = "ok %(start)d %(number)d" % value
    try:
        await asyncio.wait_for_ms(answer(wanted.encode()), PATIENCE_MS)
    except asyncio.TimeoutError:
        return False
    return True


async def answer(wanted):
    while (await answers.readline()).strip() != wanted:
        pass


log = FlashQueue("/log", JsonCodec())
print("start %d; %d samples are on the flash" % (start, log.held()))
db = AimDb()
db.configure("log", log).source(every(EVERY_MS, sample)).tap(upload)
asyncio.run(db.run())
