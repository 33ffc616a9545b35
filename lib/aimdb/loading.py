"""Finds the public names of a package in its modules, and drops modules. Loaded for that, and not kept."""

import sys

from micropython import const

from . import once

# A line for each module, which is loaded when one of its names is first used. `A=B`: A is another name of its B.
_MODULES = const("""\
aimdb.db AimDb Record Producer=Record Consumer=Record
aimdb.bounded_queue BoundedQueue Mailbox
aimdb.spmc_ring SingleLatest SpmcRing
aimdb.buffer Buffer Reader
aimdb.metrics Metrics
aimdb.errors BufferClosed BufferEmpty BufferFull BufferLagged DbError check_int
aimdb.json_codec JsonCodec
aimdb.bytes_codec BytesCodec
aimdb.struct_codec StructCodec
aimdb.mistakes AlreadyRunning InvalidConfiguration RecordKeyNotFound SelfDeadlock SendDeadlock
aimdb.sync_producer SyncProducer
aimdb.packed_producer PackedProducer
aimdb.periodic every=Every""")
# What the packages need besides. They are compiled for a core that is one module, and this one may not be: frozen, or
# as sources.
_FOR_PACKAGES = const("""\
aimdb.waiting Line current current_loop
aimdb.errors RecordError error new""")
# What `from package import *` asks for, and names that a package finds and does not list.
_UNLISTED = const("__all__ Line current current_loop RecordError error new polling load link_to link_from")


def find(package: dict, name: str) -> object:
    """What `aimdb.__getattr__` returns for `name`. `package`: the globals of aimdb."""
    if name == "load":
        return load
    return load(package, _FOR_PACKAGES if name in names_in(_FOR_PACKAGES) else _MODULES, name)


def load(package: dict, modules: str, name: str) -> object:
    """What a package's `__getattr__` returns for `name`: from the module whose line in `modules` has it, or a module.

    `package`: its globals, where the value is kept. Raises `ImportError` for a name that no line has.
    """
    for line in modules.split("\n"):
        if name in line and name in names_in(line):
            path, *names = line.split()
            module = __import__(path, None, None, names)
            for each in names:  # Those of the same module may be asked for next, and cost little.
                public, _, own = each.partition("=")
                if not own or public == name:
                    package[public] = getattr(module, own or public)
            return package[name]
    if name == "__all__":  # `from package import *`
        return names_in(modules)
    if not name[0].isalpha():
        # This is dir() or the Tab key, which ask for every name that the interpreter knows, these first.
        return Listing(package, modules)(name)
    try:
        return __import__(package["__name__"] + "." + name, None, None, (name,))  # `from package import module`
    except ImportError:
        pass
    # An AttributeError would be usual, but then it would be what `from package import misspelt` raises.
    names = names_in(modules)
    near = [each for each in names if each[0].lower() == name[0].lower()]
    advice = "it has " + ", ".join(near or names)
    for other in ("aimdb", "aimdb_flash", "aimdb_mqtt", "aimdb_aimx", "aimdb_node"):
        try:
            __import__(other)
            if name in names_in(_MODULES if other == "aimdb" else once("names", other).MODULES):
                advice = other + " has it"
        except ImportError:
            pass  # It is not installed.
    raise ImportError("%s has no name %s; %s" % (package["__name__"], name, advice))


class Listing:
    """The `__getattr__` of a package from now on, quick for names that it has not. Tab shows those that it has."""

    # No function in `load`: help(), which shows it, would show on the unix port all that such a function refers to.

    def __init__(self, package, modules):
        self.find = package["__getattr__"]
        self.public = names_in(modules)
        self.known = (modules + " " + _UNLISTED).replace(".", " ").replace("=", " ").split()
        self.before = ""
        package["__getattr__"] = self

    def __call__(self, name):
        # It comes first, of names without underscore; dir() asks for all.
        if name == "\n" and self.before != "__dir__":
            print("", *self.public)
        self.before = name
        if name in self.known:
            try:
                return self.find(name)
            except ImportError:
                pass
        raise AttributeError(name)


def names_in(modules: str) -> list[str]:
    """The public names in such lines."""
    return [each.partition("=")[0] for line in modules.split("\n") for each in line.split()[1:]]


def forget(package: str, *names: str) -> None:
    """Keep modules of a package no longer: a program that runs need not keep what has made and checked its parts."""
    for name in names:
        if sys.modules.pop(package + "." + name, None):
            delattr(sys.modules[package], name)
