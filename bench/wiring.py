"""A record with its two ends, got the way that users get them."""

from aimdb import AimDb


def record(buffer):
    """The producer and the consumer of a new record with this buffer."""
    db = AimDb()
    db.configure("record", buffer)
    return db.producer("record"), db.consumer("record")
