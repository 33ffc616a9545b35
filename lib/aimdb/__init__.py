"""A data layer for MicroPython: records with buffers between the tasks that produce and those that consume.

The public names are in `__init__.pyi`, for editors and people, and in `loading.py`, for boards. Packages that build on
this one also use the modules `waiting`, `timing`, `complaint`, `errors`, `polling` and `loop`, and `load`, `kept` and
`once`.
"""

import sys

__version__ = "0.1.0"


def kept(name, package="aimdb"):
    """Module `name` of a package, which the first call loads. The others need no heap."""
    module = sys.modules[package].__dict__.get(name)
    if not module:
        try:
            __import__(package + "." + name)
        except MemoryError:
            # If there was no heap to begin, a name is left without a module, and the next import of it would crash.
            for each in sys.modules:
                if sys.modules.get(each) is None:
                    sys.modules.pop(each, None)
                    break
            raise
        module = sys.modules[package].__dict__[name]
    return module


def once(name, package="aimdb"):
    """Module `name` of a package, for a single use: it is loaded, and not kept."""
    full_name = package + "." + name
    sys.modules.pop(full_name, None)
    module = kept(name, package)
    sys.modules.pop(full_name, None)
    delattr(sys.modules[package], name)
    return module


class _Help:
    # help(aimdb) shows it with the other values of the module.

    def __repr__(self):
        return once("guide").text()


help = _Help()
del _Help


def __getattr__(name):
    return once("loading").find(globals(), name)


if sys.implementation.name != "micropython":
    once("guide").refuse()
