"""The boards of this repository, as their folders below boards/ declare them: boards/README.md has the form."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]


class DeployError(Exception):
    """A sentence for the user: what is wrong, and what to do about it."""


class Chip(NamedTuple):
    """What all boards with a chip have in common.

    `architecture` is mpy-cross's name for its native code. `drive` is what a bootloader that shows itself as a
    drive calls itself, and `uf2_family` the mark of files meant for it; a chip without one is flashed by esptool.
    """

    port: str
    architecture: str
    drive: str | None = None
    uf2_family: int | None = None


CHIPS = {
    "rp2040": Chip("rp2", "armv6m", "RPI-RP2", 0xE48BFF56),
    "rp2350": Chip("rp2", "armv7emsp", "RP2350", 0xE48BFF59),
    "esp32": Chip("esp32", "xtensawin"),
    "esp32s3": Chip("esp32", "xtensawin"),
    "esp32c3": Chip("esp32", "rv32imc"),
}


class Board(NamedTuple):
    """One board. Places and sizes in the flash are in bytes, from its start."""

    folder: str
    name: str
    chip_name: str
    firmware: str  # MicroPython's name for the board
    flash_size: int
    filesystem_start: int
    filesystem_size: int
    bootloader: str  # What a person does to start it.
    queue_start: int = 0
    queue_size: int = 0  # Of the partition for queues on flash; 0: there is none.

    @property
    def chip(self) -> Chip:
        return CHIPS[self.chip_name]


def board_called(folder: str, root: Path = ROOT) -> Board:
    """Read the declaration of one board.

    Raises:
        DeployError: there is no such board, or something in its declaration is missing or impossible.
    """
    values = declared_values(board_file(folder, root))
    where = f"boards/{folder}/board.py"

    def value(name: str, kind: type) -> object:
        if not isinstance(values.get(name), kind):
            raise DeployError(f"{where} must give {name} as {kind.__name__}; see boards/README.md.")
        return values[name]

    chip = value("_CHIP", str)
    if chip not in CHIPS:
        raise DeployError(f"{where} names the chip {chip!r}; known are {', '.join(CHIPS)}.")

    def place(name: str) -> tuple[int, int]:
        pair = value(name, tuple)
        if len(pair) != 2 or any(not isinstance(kb, int) or kb <= 0 or kb % 4 for kb in pair):
            raise DeployError(f"{where} must give {name} as start and size, in multiples of 4.")
        return pair

    flash, filesystem = value("_FLASH_KB", int), place("_FILESYSTEM_KB")
    queue = place("_QUEUE_KB") if "_QUEUE_KB" in values else (0, 0)
    for what, pair in (("filesystem", filesystem), ("queue's partition", queue)):
        if sum(pair) > flash:
            raise DeployError(f"{where}: the {what} ends at {sum(pair)} KB, but the flash at {flash} KB.")
    return Board(
        folder,
        value("NAME", str),
        chip,
        value("_FIRMWARE", str),
        flash * 1024,
        filesystem[0] * 1024,
        filesystem[1] * 1024,
        value("_BOOTLOADER", str),
        queue[0] * 1024,
        queue[1] * 1024,
    )


def chip_of(folder: str, root: Path = ROOT) -> str | None:
    """The name of a board's chip, or None when it declares none that is known: then it can only be deployed to."""
    chip = declared_values(board_file(folder, root)).get("_CHIP")
    return chip if chip in CHIPS else None


def architecture_of(folder: str, root: Path = ROOT) -> str | None:
    """The architecture that native code for a board is compiled for, or None when it declares no chip."""
    chip = chip_of(folder, root)
    return CHIPS[chip].architecture if chip else None


def board_folders(root: Path = ROOT) -> list[str]:
    """The names of all boards."""
    return sorted(path.parent.name for path in root.glob("boards/*/board.py"))


def board_file(folder: str, root: Path = ROOT) -> Path:
    """The file that declares a board."""
    known = board_folders(root)
    if folder not in known:
        raise DeployError(
            f"There is no board called '{folder}'. Boards in this repository: {', '.join(known) or 'none'}."
        )
    return root / "boards" / folder / "board.py"


def declared_values(file: Path) -> dict[str, object]:
    """The names in a board file that are set to a plain value or to const(value), without running it."""
    try:
        tree = ast.parse(file.read_bytes())
    except SyntaxError as error:
        raise DeployError(f"{file}, line {error.lineno}: {error.msg}. Nothing was copied.") from None
    values = {}
    for statement in tree.body:
        if not isinstance(statement, ast.Assign) or not isinstance(statement.targets[0], ast.Name):
            continue
        value = statement.value
        if isinstance(value, ast.Call) and getattr(value.func, "id", None) == "const" and value.args:
            value = value.args[0]
        try:
            values[statement.targets[0].id] = ast.literal_eval(value)
        except ValueError:
            continue  # Made by code, so only the board knows it.
    return values
