"""Finds what `Record` and `AimDb` have not at hand. Loaded when a program asks for it, and not kept.

The modules `record_calls` and `db_calls` have the calls that few programs make. They are loaded for each such call, and
not kept either.
"""

from micropython import const

from . import once
from .db import AimDb

# Calls of a database that stay loaded.
_BY_KEY = const("producer consumer produce_any produce_any_async")


def find(owner, name: str):
    """What the `__getattr__` of a record or a database returns: its call of this name."""
    is_db = isinstance(owner, AimDb)
    if is_db and name in _BY_KEY.split():
        once("by_key")
        return getattr(owner, name)
    module = once("db_calls" if is_db else "record_calls")
    names = module.NAMES.split()
    if name not in names and name != "push_async":  # A record without a buffer has none, and is told that.
        if name == "__dir__" or name == "\n":
            # This is dir() or the Tab key, which ask for every name that the interpreter knows, these first.
            be_listed(type(owner), names)
        advice = ""
        if name[0] != "_":
            near = [each for each in names if each[:3] == name[:3]]
            advice = module.advice(owner, name) or "; it has " + ", ".join(near or names)
        raise AttributeError("'%s' object has no attribute '%s'%s" % (type(owner).__name__, name, advice))
    function = getattr(module, name)

    def call(*arguments, **options):
        if options:
            once("options").check_named(name, "aimdb", options)
        return function(owner, *arguments, **options)

    return call


def fill() -> None:
    """Give the class `AimDb` all of its calls: `super()` in a subclass does not look further."""
    once("by_key")
    module = once("db_calls")
    for name in module.NAMES.split():
        if hasattr(module, name):
            setattr(AimDb, name, getattr(module, name))


def be_listed(kind, names: list) -> None:
    """Give the class a `__getattr__` that is quick for names that it has not."""

    def __getattr__(owner, name):
        if name in names:
            return once("registrar").find(owner, name)
        raise AttributeError("'%s' object has no attribute '%s'; it has %s" % (kind.__name__, name, " ".join(names)))

    kind.__getattr__ = __getattr__
