"""Images for ESP32 boards: one file for the flash, from its first byte on."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from board_declaration import Board
from emulated_pico.errors import FirmwareError
from emulated_pico.filesystem import SECTOR, Geometry, build_image, read_image, sectors_in_use
from esp_idf_defs.partitions import (
    InputError,
    PartitionDefinition,
    PartitionTable,
    get_ptype_as_int,
    get_subtype_as_int,
)
from esptool.bin_image import LoadFirmwareImage
from esptool.targets import CHIP_DEFS
from esptool.util import FatalError

from images.identity import Identity, identify

TABLE_OFFSET = 0x8000
TABLE_SIZE = 0xC00

# MicroPython mounts the data partition with this label; the subtype is the one that it gives to those it adds itself.
LABEL = "vfs"
APPLICATION = get_ptype_as_int("app")
DATA = get_ptype_as_int("data")
FAT = get_subtype_as_int("data", "fat")
# `aimdb_flash.partition` looks for this one. No part of the firmware touches a partition of this subtype.
QUEUE_LABEL = "queue"
UNDEFINED = get_subtype_as_int("data", "undefined")

# MicroPython's VfsLfs2 writes in units of 32 bytes unless told otherwise, and the ESP32 port does not tell it.
PAGE = 32

ERASED = b"\xff"


def build(firmware: Path, board: Board, files: dict[str, bytes]) -> bytes:
    """The content of the image with this firmware and these files, made by esptool.

    Raises:
        FirmwareError: the firmware is damaged, or is not for this board.
        LittleFSError: the files do not fit.
    """
    start = bootloader_offset(board)
    flash = bytearray(ERASED * start + firmware.read_bytes())
    check_programs(flash, board, str(firmware))
    table = table_in(flash, str(firmware))
    add_partitions(table, board)
    check_table(table, board)
    flash[TABLE_OFFSET : TABLE_OFFSET + TABLE_SIZE] = table.to_binary()
    filesystem = build_image(files, Geometry(board.filesystem_start, board.filesystem_size, PAGE))
    # What is behind the last sector in use is erased before it is used, so that it need not be in the file.
    filesystem = filesystem[: (sectors_in_use(filesystem, PAGE)[-1] + 1) * SECTOR]
    with tempfile.TemporaryDirectory() as folder:
        parts = {start: Path(folder, "firmware"), board.filesystem_start: Path(folder, "filesystem")}
        parts[start].write_bytes(flash[start:])
        parts[board.filesystem_start].write_bytes(filesystem)
        merged = Path(folder, "merged")
        command = [sys.executable, "-m", "esptool", "--chip", board.chip_name, "merge-bin", "--output", str(merged)]
        # The bootloader's header gets the size that the flash has at least; its checksum is made anew.
        command += ["--flash-size", f"{board.flash_size >> 20}MB"]
        command += [text for offset, part in parts.items() for text in (hex(offset), str(part))]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode:
            raise FirmwareError(f"esptool could not make the image: {last_line(result.stdout + result.stderr)}")
        return merged.read_bytes()


def read_back(image: Path, board: Board) -> tuple[Identity, dict[str, bytes]]:
    """What a finished image holds: the firmware's identity, and the files by path with no leading slash.

    The checks are those of the chip's own start: each program's checksum and hash, and the table's. The filesystem is
    looked for as the firmware does, by its label.

    Raises:
        FirmwareError: it is damaged, or not for this board.
        LittleFSError: there is no filesystem in the partition.
    """
    flash = image.read_bytes()
    check_programs(flash, board, str(image))
    table = table_in(flash, str(image))
    check_table(table, board)
    partition = table.find_by_name(LABEL)
    if partition is None or partition.offset >= len(flash):
        raise FirmwareError(f"{image} has no partition '{LABEL}'.")
    end = partition.offset + partition.size
    filesystem = flash[partition.offset : end].ljust(partition.size, ERASED)
    return identify(flash[: partition.offset]), read_image(filesystem, PAGE)


def bootloader_offset(board: Board) -> int:
    """Where the chip looks for its bootloader, and where official firmware files belong."""
    return CHIP_DEFS[board.chip_name].BOOTLOADER_FLASH_OFFSET


def check_programs(flash: bytes, board: Board, name: str) -> None:
    """Have esptool check the bootloader and each application that the file has; there must be one."""
    check_program(flash[bootloader_offset(board) : TABLE_OFFSET], board, f"the bootloader in {name}")
    places = [partition for partition in table_in(flash, name) if partition.type == APPLICATION]
    programs = [bytes(flash[place.offset : place.offset + place.size]) for place in places]
    # Of two that are updated in turn, the second is empty at first.
    programs = [program for program in programs if program.strip(ERASED)]
    if not programs:
        raise FirmwareError(f"{name} has no application.")
    for program in programs:
        check_program(program, board, f"the application in {name}")


def check_program(content: bytes, board: Board, name: str) -> None:
    """Raises FirmwareError unless this is a whole program for the board's chip."""
    try:
        program = LoadFirmwareImage(board.chip_name, bytes(content))
        whole = program.checksum == program.calculate_checksum()
        whole = whole and (not program.append_digest or program.stored_digest == program.calc_digest)
    except (FatalError, IndexError, TypeError) as error:
        raise FirmwareError(
            f"{name} is not a program for the {board.chip_name}: {last_line(str(error))} "
            f"FIRMWARE must be the .bin of {board.firmware} from micropython.org/download."
        ) from None
    if program.chip_id != program.ROM_LOADER.IMAGE_CHIP_ID:
        raise FirmwareError(f"{name} is for another chip than the {board.chip_name} (chip number {program.chip_id}).")
    if not whole:
        raise FirmwareError(f"{name} is damaged: its checksum is wrong. Fetch the file again.")


def table_in(flash: bytes, name: str) -> PartitionTable:
    """The partition table, its own checksum checked."""
    try:
        return PartitionTable.from_binary(bytes(flash[TABLE_OFFSET : TABLE_OFFSET + TABLE_SIZE]))
    except InputError as error:
        raise FirmwareError(f"{name} has no valid partition table at 0x{TABLE_OFFSET:x}: {error}") from None


def add_partitions(table: PartitionTable, board: Board) -> None:
    """Add the partitions that the board declares, unless the firmware has the same already."""
    if board.queue_size:
        add_partition(table, board, QUEUE_LABEL, UNDEFINED, board.queue_start, board.queue_size)
    add_partition(table, board, LABEL, FAT, board.filesystem_start, board.filesystem_size)


def add_partition(table: PartitionTable, board: Board, label: str, subtype: int, start: int, size: int) -> None:
    present = table.find_by_name(label)
    if present is None:
        added = PartitionDefinition()
        added.name, added.type, added.subtype = label, DATA, subtype
        added.offset, added.size = start, size
        table.append(added)
    elif (present.offset, present.size) != (start, size):
        raise FirmwareError(
            f"The firmware has its partition '{label}' of {present.size // 1024} KB at {present.offset // 1024} KB, "
            f"but boards/{board.folder} says {size // 1024} KB at {start // 1024} KB."
        )


def check_table(table: PartitionTable, board: Board) -> None:
    """Raises FirmwareError when partitions overlap, or do not fit into the board's flash."""
    try:
        table.verify(TABLE_OFFSET)
        table.verify_size_fits(board.flash_size)
    except InputError as error:
        raise FirmwareError(f"The partitions of boards/{board.folder} are not possible: {error}.") from None


def last_line(text: str) -> str:
    """The last thing that esptool said, without its colours."""
    lines = re.sub(r"\x1b\[[0-9;]*m", "", text).strip().splitlines()
    return lines[-1] if lines else "it gave no reason."
