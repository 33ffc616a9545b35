"""The metrics of a buffer. Loaded when they are first asked for."""

from collections import namedtuple

from .buffer import InMemory

Metrics = namedtuple("Metrics", ("produced_count", "consumed_count", "dropped_count", "occupancy"))
"""What `metrics()` returns. `occupancy` is a pair (held, capacity). With `every` as its source a record has three more:
`overruns`, `failures` and `lateness`."""


def metrics(buffer) -> Metrics:
    """What `Buffer.metrics` returns; what its `SyncProducer`s have refused counts as dropped."""
    if isinstance(buffer, InMemory):  # Whose `dropped_count` counts only what links have dropped.
        produced, consumed, dropped = buffer._counts[:3]
        dropped += buffer.dropped_count
    else:
        produced, consumed, dropped = buffer.produced_count, buffer.consumed_count, buffer.dropped_count
    if buffer.sync_refusals:
        dropped += buffer.sync_refusals[0]
    counts = produced, consumed, dropped, (buffer.held(), buffer.capacity)
    source = getattr(buffer, "periodic", None)
    if source:  # An `every`, which is loaded already.
        from .periodic import metrics

        return metrics(source, *counts)
    return Metrics(*counts)
