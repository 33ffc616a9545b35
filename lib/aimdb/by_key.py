"""The calls of a database that name a record by its key. Loaded when the first one is made; `AimDb` has them then."""

from . import kept
from .db import AimDb, Record


def producer(db, key: str) -> Record:
    record = db._records.get(key)
    if record is None or record.buffer is None:
        raise kept("mistakes").not_found(db, key)
    return record


def produce_any(db, key: str, value) -> None:
    producer(db, key).produce(value)


def produce_any_async(db, key: str, value, timeout_ms=None):
    return producer(db, key).produce_async(value, timeout_ms)


for call in (producer, produce_any, produce_any_async):
    setattr(AimDb, call.__name__, call)
setattr(AimDb, "consumer", producer)
