"""What a program may say when it makes something or adds a link. Looked at when it says something, and not kept.

A package of ours has such a module of its own, for its own classes and links.
"""

import sys

from . import once

# A line for each name: its options, in the order in which it takes them.
OPTIONS = """\
AimDb profile
BoundedQueue capacity
Mailbox
SingleLatest
SpmcRing capacity
StructCodec format
configure key buffer
every period_ms read give_up_after
graph
profile
remote write codec
reset_profile
run
signal_gauge name unit
signals
source stage
sync_producer key depth format
tap stage
transform key fn state
transform_join keys stage"""

# What other clients of MQTT take as options.
_OF_URLS = ("host", "server", "port", "user", "username", "password")


def refuse(kind, options: dict) -> None:
    """Raise `TypeError` for the first of `options` that the class `kind` has not."""
    for package in list(sys.modules):  # Compiled, a class does not name its own.
        if package.startswith("aimdb") and kind in sys.modules[package].__dict__.values():
            check_named(kind.__name__, package.partition(".")[0], options)


def check_named(name: str, package: str, options: dict) -> None:
    """The same for a class or a function of this name in a package."""
    try:
        lines = OPTIONS if package == "aimdb" else once("options", package).OPTIONS
    except ImportError:
        return
    for line in lines.split("\n"):
        known, *names = line.split()
        if known.lower() == name.lower():
            for option in options:
                if option not in names:
                    names.sort(key=lambda each: -_likeness(each, option))
                    advice = "it has " + (", ".join(names) or "none")
                    if package == "aimdb_mqtt" and option in _OF_URLS:
                        advice = "the URL has it: mqtt://user:password@host:1883"
                    raise TypeError("%s has no option %r; %s" % (known, option, advice))


def _likeness(name, option):
    # How many letters they share, less those that only one has.
    letters = set(name)
    return 2 * len(letters & set(option)) - len(letters) + (name[:1] == option[:1])
