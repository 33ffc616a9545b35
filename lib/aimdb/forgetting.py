"""Drops modules. Loaded for that, and not kept."""

import sys


def forget(package: str, *names: str) -> None:
    """Keep modules of a package no longer: a program that runs need not keep what has made and checked its parts."""
    for name in names:
        if sys.modules.pop(package + "." + name, None):
            delattr(sys.modules[package], name)
