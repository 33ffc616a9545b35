"""The MicroPython firmware that emulated boards run: found, fetched once, and checked at every use.

`python -m emulator.firmware` fetches it ahead of time and prints its path.
"""

import os
import sys
from pathlib import Path

from board_declaration import CHIPS
from images import firmware, uf2
from images.errors import FirmwareError

__all__ = ["FirmwareError", "check", "find", "flash_end_of"]

OFFICIAL = "RPI_PICO_W"
FAMILY = CHIPS["rp2040"].uf2_family


def find() -> Path:
    """The image to run: the one that the environment variable FIRMWARE names, else the official one.

    Raises:
        FirmwareError: there is none, or it is not what it should be.
    """
    override = os.environ.get(firmware.OVERRIDE)
    return check(Path(override)) if override else firmware.packaged(OFFICIAL)


def check(image: Path) -> Path:
    """Return the path when the file is a complete UF2 image for an RP2040.

    Raises:
        FirmwareError: it is missing, or is something else.
    """
    uf2.read(image, FAMILY)
    return image


def flash_end_of(image: Path) -> int:
    """The offset in the flash, in bytes, behind the last byte of the firmware in a UF2 image."""
    return uf2.first_gap(uf2.read(image, FAMILY))


if __name__ == "__main__":
    try:
        print(find())
    except FirmwareError as error:
        sys.exit(str(error))
