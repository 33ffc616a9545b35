"""What a MicroPython firmware says about itself, in the texts that it prints when it starts."""

from __future__ import annotations

import re
from typing import NamedTuple

from emulated_pico.errors import FirmwareError

RELEASE = re.compile(rb"MicroPython v(\d+)\.(\d+)\.(\d+)(-preview[^ \0]*)? on \d{4}-\d\d-\d\d")
MACHINE = re.compile(rb"; ([ -~]{1,100} with [ -~]{1,30})\0")


class Identity(NamedTuple):
    """A firmware's MicroPython version, such as (1, 27, 0), and what `sys.implementation._machine` will be."""

    version: tuple[int, int, int]
    machine: str

    @property
    def version_text(self) -> str:
        return ".".join(str(number) for number in self.version)


def identify(content: bytes) -> Identity:
    """Find version and machine in a firmware's bytes.

    Raises:
        FirmwareError: they are not there, so that it is no MicroPython.
    """
    release, machine = RELEASE.search(content), MACHINE.search(content)
    if not release or not machine:
        raise FirmwareError(
            "The firmware does not say which MicroPython it is. Take an official one: micropython.org/download"
        )
    major, minor, patch = (int(number) for number in release.groups()[:3])
    return Identity((major, minor, patch), machine[1].decode())
