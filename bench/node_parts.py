"""What the parts of aimdb_node keep of the heap, each with what it needs of the others. bench_node.py calls it."""

import gc

import table_of_names

_held = []  # By the program, as one would in the field.
_before = 0


def _report(name):
    global _before
    gc.collect()
    print("RESULT heap of %s: 0, %d" % (name, gc.mem_alloc() - _before))
    gc.collect()
    _before = gc.mem_alloc()


def run(part):
    """Measure one part, of those below."""
    global _before
    import aimdb
    from aimdb import AimDb, JsonCodec, SingleLatest

    _held.append((AimDb, JsonCodec, SingleLatest, aimdb.check_int))
    import aimdb.loop
    import aimdb.polling
    import aimdb.timing

    table_of_names.begin()
    gc.collect()
    _before = gc.mem_alloc()
    import aimdb_node

    if part == "package":
        _report("the package itself")
    gc.collect()
    _before = gc.mem_alloc()
    parts[part](aimdb_node)


def setting(node):
    _held.append(node.Setting("/one", 1))
    _report("a first `Setting`")
    _held.append(node.Setting("/two", 1))
    _report("each further `Setting`")


def supervisor(node):
    async def application():
        pass

    _held.append(node.Supervisor(application, application))
    _report("`Supervisor` with `CrashBook` and `Watchdog`")


def commands(node):
    made = node.Commands()
    made.add("interval", print, node.whole("MS", 1, 3600000))
    _held.append((made, node.console()))
    _report("`Commands` and `console`")


def wifi(node):
    _held.append(node.Wifi("name", "password"))
    _report("`Wifi`")


def clock(node):
    _held.append(node.Clock())
    _report("`Clock`")


parts = {
    "package": lambda node: None,
    "setting": setting,
    "supervisor": supervisor,
    "commands": commands,
    "wifi": wifi,
    "clock": clock,
}
