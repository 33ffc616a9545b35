"""The journal: the newest samples, on flash, so that they are there after the power was out.

    journal  FlashQueue  keep -> (whoever reads it out)

A sample is the time since the board's start, in milliseconds, and the temperature. Nothing is lost but what was
produced since the last flush, and the oldest samples once the journal is full.
"""

import time

from aimdb_flash import FlashQueue, StructCodec


def open_journal():
    return FlashQueue("/journal.queue", StructCodec("<If"), max_size=32768, drop_oldest=True)


def keeper(journal):
    """A tap that writes each value into the journal."""

    async def keep(consumer):
        async for celsius in consumer.subscribe():
            journal.push((time.ticks_ms(), celsius))  # Staged; sixteen share a flush.

    return keep


def described(journal):
    oldest = journal.peek()
    if not oldest:
        return "empty"
    return "%d samples from before the restart, the oldest %.1f C at %.2f s" % (
        journal.held(),
        oldest[1],
        oldest[0] / 1000,
    )
