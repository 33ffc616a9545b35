"""What a queue on flash keeps of the heap. bench_flash.py calls it on the board, and reads what it prints."""

import gc
import json

import table_of_names

_COUNT = 32
_SIZE = 32  # Bytes of a value.

_held = []  # By the program, as one would in the field.


def _used():
    gc.collect()
    return gc.mem_alloc()


def _report(name, bytes_):
    print("\x1e" + json.dumps({"name": name, "bytes": bytes_}))


def _kept(name, make):
    before = _used()
    _held.append(make())
    _report(name, _used() - before)
    return _held[-1]


def _time_limits():
    import aimdb.loop
    import aimdb.timing

    return aimdb


def _queue():
    from aimdb_flash import FlashQueue

    return FlashQueue("/first", stage=_COUNT)


def _another():
    from aimdb_flash import FlashQueue

    return FlashQueue("/second")


def run():
    """Measure everything, and print a line for each."""
    from aimdb import AimDb, BytesCodec, SingleLatest

    _held.append((AimDb, BytesCodec, SingleLatest))
    table_of_names.begin()
    _kept("time limits of the core, which every queue needs", _time_limits)
    queue = _kept("the package, with a first queue in a folder", _queue)
    _kept("each further queue", _another)
    for number in range(_COUNT // 2):  # What the first ones load stays.
        queue.push(b"%0*d" % (_SIZE, number))
    before = _used()
    for number in range(_COUNT // 2):
        queue.push(b"%0*d" % (_SIZE, number))
    _report("a staged value of %d bytes" % _SIZE, (_used() - before) // (_COUNT // 2))
