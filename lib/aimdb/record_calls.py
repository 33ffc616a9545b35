"""The calls of a record that few programs make, as functions of the record. See registrar.py."""

from . import once

NAMES = (
    "buffer key link_from link_to produce produce_async remote signal_gauge source subscribe subscribe_async tap "
    "transform transform_join try_produce"
)


def advice(record, name: str) -> str:
    """The rest of the sentence about a name that records have not, or nothing."""
    if hasattr(record.buffer, name):
        return "; its buffer has: record.buffer." + name
    if name in "recv try_recv ready commit lagged".split():
        return "; reader = record.subscribe() once, and then reader." + name
    if name in "get get_nowait read value next latest".split():
        return "; a task reads values by record.subscribe(), and record.buffer.peek() looks at that of a SingleLatest"
    if name in "put put_nowait send set write push append publish emit".split():
        return "; produce(value), try_produce(value) and await produce_async(value) write it"
    return ""


def produce(record, *_):
    # That of a record without a buffer, so that it raises.
    return record.db.producer(record.key)


try_produce = push_async = subscribe = subscribe_async = produce


# An argument that is left out is None, so that the error names it. The interpreter's own would only count arguments.


def source(record, stage=None):
    # After the program has run. Before, and again from now on, `configuring` gives all records this call and `tap`.
    from .configuring import source

    return source(record, stage)


def tap(record, stage=None):
    from .configuring import tap

    return tap(record, stage)


def link_to(record, url=None, **options):
    return once("linking").link(record, "link_to", url, options)


def link_from(record, url=None, **options):
    return once("linking").link(record, "link_from", url, options)


def remote(record, write=False, codec=None):
    return once("access").grant(record, write, codec)


def transform(record, key=None, fn=None, state=None):
    if not isinstance(key, str):
        raise TypeError("record %r: a transform's input is a record's key, not %r" % (record.key, key))
    # The type of an async function is `generator`.
    if not callable(fn) or type(fn).__name__ == "generator":
        raise TypeError("record %r: a transform is a function without async, not %r" % (record.key, fn))
    from .configuring import add
    from .transforming import Transform

    return add(record, "transform", Transform(key, fn, state))


def transform_join(record, keys=None, stage=None):
    if not callable(stage):
        from .mistakes import refusal

        raise refusal("transform_join", record.key, stage)
    try:
        inputs = () if isinstance(keys, (str, bytes)) else tuple(keys)
    except (TypeError, AttributeError):  # The latter of a record.
        raise TypeError("record %r: a transform_join's inputs are a tuple of keys, not %r" % (record.key, keys))
    for key in inputs:
        if not isinstance(key, str):
            raise TypeError("record %r: a transform_join's inputs are records' keys, not %r" % (record.key, key))
    if not inputs or len(set(inputs)) < len(inputs):
        raise ValueError("record %r: a transform_join has a tuple of keys, all different, not %r" % (record.key, keys))
    from .configuring import add
    from .joining import Join

    return add(record, "transform_join", Join(inputs, stage))


def signal_gauge(record, name=None, unit=""):
    if not isinstance(name, str) or not isinstance(unit, str):
        raise TypeError("record %r: a gauge's name and unit are strings, not %r, %r" % (record.key, name, unit))
    check_name = once("arguments").check_name
    for each in (name, unit):
        check_name("record %r: a gauge's name or unit" % record.key, each)
    profile = record.db._profile
    if not profile:
        return _Off()
    for gauge in profile.gauges:
        if gauge.names == (record.key, name, unit):
            return gauge
    from .gauge import Gauge

    profile.gauges.append(Gauge(record.key, name, unit))
    return profile.gauges[-1]


class _Off:
    # A gauge where there is no profile.
    def update(self, _=None):
        return {}

    reset = described = update
