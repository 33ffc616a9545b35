"""The calls of a record and of a database that few programs make. Loaded for each such call, and not kept.

Boards look here for an attribute that `Record` or `AimDb` has not.
"""

from . import once

_CALLS = {
    "Record": "buffer key link_from link_to produce produce_async remote signal_gauge source subscribe subscribe_async "
    "tap transform transform_join try_produce",
    "AimDb": "configure consumer failed graph produce_any produce_any_async producer profile reset_profile run signals "
    "sync_producer",
}

# Calls of a database that stay loaded.
_BY_KEY = ("producer", "consumer", "produce_any", "produce_any_async")


def find(kind: str, owner, name: str):
    """What their `__getattr__` returns: the call `name`, which is a function below, bound to its owner."""
    if kind == "AimDb" and name in _BY_KEY:
        once("by_key")
        return getattr(owner, name)
    function = globals().get(kind + "_" + name)
    if function is None:
        if name == "__dir__" or name == "\n":
            # This is dir() or the Tab key, which ask for every name that the interpreter knows, these first.
            be_listed(kind)
        raise AttributeError("'%s' object has no attribute '%s'%s" % (kind, name, _advice(kind, owner, name)))

    def call(*arguments, **options):
        if options:
            once("options").check_named(name, "aimdb", options)
        return function(owner, *arguments, **options)

    return call


def be_listed(kind: str) -> None:
    """Give the class a `__getattr__` that is quick for names that it has not."""
    from . import db

    calls = _CALLS[kind]
    names = calls.split()

    def __getattr__(owner, name):
        if name in names:
            return once("registrar").find(kind, owner, name)
        raise AttributeError("'%s' object has no attribute '%s'; it has %s" % (kind, name, calls))

    getattr(db, kind).__getattr__ = __getattr__


def _advice(kind, owner, name):
    if name[0] == "_":
        return ""
    if kind == "Record":
        if hasattr(owner.buffer, name):
            return "; its buffer has: record.buffer." + name
        if name in ("recv", "try_recv", "ready", "close"):
            return "; its readers have: record.subscribe()." + name
        if name in ("get", "read", "value", "next", "latest"):
            return "; a task reads by record.subscribe(), and record.buffer.peek() looks at the newest value"
        if name in ("put", "send", "set", "write", "push", "append", "publish", "emit"):
            return "; produce(value), try_produce(value) and await produce_async(value) write it"
    elif name in ("produce", "try_produce", "produce_async", "subscribe", "source", "tap", "link_to", "link_from"):
        return "; its records have: db.configure(key)." + name
    elif name in ("start", "loop", "run_forever", "main"):
        return "; asyncio.run(db.run()) runs it"
    names = _CALLS[kind].split()
    return "; it has " + ", ".join([each for each in names if each[:3] == name[:3]] or names)


def Record_produce(record, *_):
    # That of a record without a buffer, so that it raises.
    return record.db.producer(record.key)


Record_try_produce = Record_push_async = Record_subscribe = Record_subscribe_async = Record_produce


def Record_source(record, stage):
    # After the program has run. Before, and again from now on, `configuring` gives all records this call and `tap`.
    from .configuring import source

    return source(record, stage)


def Record_tap(record, stage):
    from .configuring import tap

    return tap(record, stage)


def Record_link_to(record, url, **options):
    return once("linking").link(record, "link_to", url, options)


def Record_link_from(record, url, **options):
    return once("linking").link(record, "link_from", url, options)


def Record_remote(record, write=False, codec=None):
    return once("access").grant(record, write, codec)


def Record_transform(record, key, fn, state=None):
    if not isinstance(key, str):
        raise TypeError("record %r: a transform's input is a record's key, not %r" % (record.key, key))
    # The type of an async function is `generator`.
    if not callable(fn) or type(fn).__name__ == "generator":
        raise TypeError("record %r: a transform is a function without async, not %r" % (record.key, fn))
    from .configuring import add
    from .transforming import Transform

    return add(record, "transform", Transform(key, fn, state))


def Record_transform_join(record, keys, stage):
    if not callable(stage):
        from .mistakes import error

        raise error("transform_join", record.key, stage)
    try:
        inputs = () if isinstance(keys, (str, bytes)) else tuple(keys)
    except TypeError:
        raise TypeError("record %r: a transform_join's inputs are a tuple of keys, not %r" % (record.key, keys))
    for key in inputs:
        if not isinstance(key, str):
            raise TypeError("record %r: a transform_join's inputs are records' keys, not %r" % (record.key, key))
    if not inputs or len(set(inputs)) < len(inputs):
        raise ValueError("record %r: a transform_join has a tuple of keys, all different, not %r" % (record.key, keys))
    from .configuring import add
    from .joining import Join

    return add(record, "transform_join", Join(inputs, stage))


def Record_signal_gauge(record, name, unit=""):
    if not isinstance(name, str) or not isinstance(unit, str):
        raise TypeError("record %r: a gauge's name and unit are strings, not %r, %r" % (record.key, name, unit))
    profile = record.db._profile
    if not profile:
        return _Off()
    from .gauge import Gauge

    profile.gauges.append(Gauge(record.key, name, unit))
    return profile.gauges[-1]


class _Off:
    # A gauge where there is no profile.
    def update(self, _):
        pass


def AimDb_profile(db):
    return db._profile.described(db) if db._profile else []


def AimDb_signals(db):
    return [gauge.described() for gauge in db._profile.gauges] if db._profile else []


def AimDb_reset_profile(db):
    if db._profile:
        db._profile.reset()


def AimDb_graph(db):
    return once("graph").graph(db)


def AimDb_sync_producer(db, key, depth=16, format=None):
    record = db.producer(key)
    if format is None:
        from .sync_producer import SyncProducer

        producer = SyncProducer(record.buffer, depth)
    else:
        from .packed_producer import PackedProducer

        producer = PackedProducer(record.buffer, depth, format)
    producer.record = record
    return producer


def AimDb_run(db):
    begun: list = []
    awaited = once("awaited")
    run = once("running").run(db, begun, awaited.listen)
    awaited.remind(run, begun)
    return run
