"""The metrics of a buffer. Loaded when they are first asked for."""

from collections import namedtuple

Metrics = namedtuple("Metrics", ("produced_count", "consumed_count", "dropped_count", "occupancy"))


def metrics(buffer) -> Metrics:
    """What `Buffer.metrics` returns; what its `SyncProducer`s have refused counts as dropped."""
    produced, consumed, dropped = buffer.counted()
    for producer in buffer.sync_producers:
        dropped += producer.refused_count
    counts = produced, consumed, dropped, (buffer.held(), buffer.capacity)
    source = getattr(buffer, "periodic", None)
    if source:  # An `every`, which is loaded already.
        from .periodic import metrics

        return metrics(source, *counts)
    return Metrics(*counts)
