"""The journal: the newest samples, on flash, so that they are there after the power was out.

    journal  FlashQueue  keep -> the broker, see telemetry.py

A sample is its number and the time in milliseconds, both since the board's start, and the temperature. Nothing is
lost but what was produced since the last flush, and the oldest samples once the journal is full.
"""

import time

from aimdb_flash import FlashQueue, StructCodec


def open_journal():
    return FlashQueue("/journal.queue", StructCodec("<2If"), max_size=32768, drop_oldest=True)


def keeper(journal):
    """A tap that writes each value into the journal."""

    async def keep(consumer):
        number = 0
        async for celsius in consumer.subscribe():
            journal.push((number, time.ticks_ms(), celsius))  # Staged; sixteen share a flush.
            number += 1

    return keep


def described(journal):
    oldest = journal.peek()
    if not oldest:
        return "empty"
    return "%d samples from before the restart, the oldest %.1f C at %.2f s" % (
        journal.held(),
        oldest[2],
        oldest[1] / 1000,
    )
