"""Whether a firmware loads a .mpy file: what the first bytes of one say."""

from __future__ import annotations

from board_declaration import Board
from device_files import MPY_VERSION
from emulated_pico.errors import FirmwareError
from pytest_micropython.mpy import ARCHITECTURES

from images.identity import Identity

# Since MicroPython 1.23 native code has this minor version. It matters to nothing else.
NATIVE_VERSION = 3
OLDEST_FOR_NATIVE = (1, 23, 0)


def check(path: str, content: bytes, board: Board, firmware: Identity) -> None:
    """Raises FirmwareError when the firmware would refuse to import the file."""
    mark, version, features = content[:3]
    if mark != ord("M") or version != MPY_VERSION:
        raise FirmwareError(f"{path} is not a .mpy file of version {MPY_VERSION}, which MicroPython loads.")
    native = ARCHITECTURES[features >> 2 & 0xF]
    if not native:
        return
    if native != board.chip.architecture:
        raise FirmwareError(f"{path} has native code for {native}, but {board.name} runs {board.chip.architecture}.")
    if features & 3 != NATIVE_VERSION or firmware.version < OLDEST_FOR_NATIVE:
        raise FirmwareError(
            f"{path} has native code of version {version}.{features & 3}, which MicroPython {firmware.version_text} "
            "does not load."
        )
