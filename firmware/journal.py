"""The journal: the newest samples, on flash, so that they are there after the power was out.

    journal  FlashQueue  keep -> the broker, see telemetry.py

A sample is five values: which start of the board it is from, its number since then, the milliseconds since then, the
Unix time, which is 0 until the clock is set, and the temperature. Start and number are its name: what arrives
twice has the same. Nothing is lost but what was produced since the last flush, and the oldest samples once the
journal is full.
"""

import time

from aimdb import check_int
from aimdb_flash import FlashQueue, StructCodec, partition
from aimdb_node import Clock, Setting

# The partition for it in an ESP32's image is written with hardly any wear; elsewhere it has a folder.
samples = FlashQueue(partition() or "/samples.queue", StructCodec("<4If"), max_size=32768, drop_oldest=True)
starts = Setting("/starts.json", 0, lambda count: check_int("starts", count, 0, 1000000))
starts.push(starts.peek() % 1000000 + 1)
starts.save()  # Now: a start that is not written would be counted twice.
_now = Clock().now
_number = -1


async def keep(consumer):
    """A tap that writes each value into the journal."""
    global _number
    async for celsius in consumer.subscribe():
        _number += 1  # It goes on when the node is run again.
        samples.push((starts.peek(), _number, time.ticks_ms(), _now(), celsius))  # Staged; sixteen share a flush.


def described():
    oldest = samples.peek()
    if not oldest:
        return "empty"
    return "%d samples from before the restart, the oldest %.1f C of start %d" % (samples.held(), oldest[4], oldest[0])
