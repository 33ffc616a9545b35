"""The calls of a database that few programs make, as functions of the database. See registrar.py."""

from . import once

NAMES = (
    "configure consumer failed graph produce_any produce_any_async producer profile reset_profile run signals "
    "sync_producer"
)


def advice(_, name: str) -> str:
    """The rest of the sentence about a name that databases have not, or nothing."""
    if name in "produce try_produce produce_async subscribe source tap link_to link_from".split():
        return "; its records have: db.configure(key)." + name
    if name in "start loop run_forever main".split():
        return "; asyncio.run(db.run()) runs it"
    if name in "stop close cancel end shutdown".split():
        return "; cancel the task that awaits db.run(), or close the buffers"
    return ""


def profile(db):
    return db._profile.described(db) if db._profile else []


def signals(db):
    return [gauge.described() for gauge in db._profile.gauges] if db._profile else []


def reset_profile(db):
    if db._profile:
        db._profile.reset()


def graph(db):
    return once("graph").graph(db)


def sync_producer(db, key=None, depth=16, format=None):
    record = db.producer(key)
    if format is None:
        from .sync_producer import SyncProducer

        producer = SyncProducer(record.buffer, depth)
    else:
        from .packed_producer import PackedProducer

        producer = PackedProducer(record.buffer, depth, format)
    producer.record = record
    return producer


def run(db):
    begun: list = []
    awaited = once("awaited")
    run = once("running").run(db, begun, awaited.listen)
    once("reminding").remind(run, begun, awaited.may_begin)
    return run
