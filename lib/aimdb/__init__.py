"""A data layer for MicroPython: records with buffers between the tasks that produce and those that consume.

The public names are in `__init__.pyi`, for editors and people, and in `loading.py`, for boards. Packages that build on
this one also use the modules `waiting`, `timing`, `complaint` and `errors`, and `load`, `kept` and `once`.
"""

import sys

__version__ = "0.1.0"


def kept(name, package="aimdb"):
    """Module `name` of a package, which the first call loads. The others need no heap."""
    module = sys.modules[package].__dict__.get(name)
    if not module:
        # An import that had no heap to begin leaves its name without a module, and the next one of it would crash.
        for each in list(sys.modules):
            if sys.modules.get(each) is None:
                sys.modules.pop(each)
        __import__(package + "." + name)
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
