"""The whole run on the target; `tools/benchmarks/bench.py` calls it and reads what it prints."""

import sys

import footprint
import measure


def run(clock, names=None, more=1, peers=False, strangers=0, with_bytes=True):
    """Measure everything, or the cases of these names, with one of measure's clocks; `peers`: with primitives.

    The names of so many `strangers` are made known first. The interpreter's cache of look-ups has 64 places, and
    which of our names share one is a matter of how many names came before them.
    """
    for i in range(strangers):
        setattr(footprint, "stranger%d" % i, None)
        delattr(footprint, "stranger%d" % i)
    clock = getattr(measure, clock)()
    machine = getattr(sys.implementation, "_machine", sys.platform)
    measure.report("firmware", "MicroPython %s on %s" % (".".join(map(str, sys.implementation.version[:3])), machine))
    footprint.importing(clock)
    if with_bytes:
        footprint.objects()
    modules = [
        "floors",
        "producing",
        "receiving",
        "delivering",
        "timeouts",
        "queueing",
        "by_hand",
        "ring_io",
        "computing",
    ]
    for module in modules + (["hinch_queues"] if peers else []):
        __import__(module)
    measure.run(clock, names, more, with_bytes)
