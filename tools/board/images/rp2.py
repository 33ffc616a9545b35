"""Images for RP2040 and RP2350 boards: one UF2 file."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import NamedTuple

from board_declaration import Board
from emulated_pico import uf2
from emulated_pico.errors import FirmwareError
from emulated_pico.filesystem import SECTOR, Geometry, build_image, read_image, sectors_in_use

from images.identity import Identity, identify

# "Binary info", which the Pico SDK puts near the start of every program, and picotool shows: a list of pointers
# to entries, between these two marks. Numbers from the SDK's binary_info/structure.h.
START_MARK = 0x7188EBF2
END_MARK = 0xE71AA390
HEADER = struct.Struct("<5I")
SEARCHED_BYTES = 4096
ID_AND_STRING = 6
BLOCK_DEVICE = 7
BOARD_ID = 0xB63CFFBB


class Layout(NamedTuple):
    """Which board a firmware was built for, in the SDK's words, and where its filesystem is."""

    board: str
    start: int
    size: int


def build(firmware: Path, board: Board, files: dict[str, bytes]) -> bytes:
    """The content of the UF2 file with this firmware and these files.

    Raises:
        FirmwareError: the firmware is damaged, or is not for this board.
        LittleFSError: the files do not fit.
    """
    blocks = uf2.read(firmware, board.chip.uf2_family)
    layout = layout_of(uf2.flash_contents(blocks, board.flash_size))
    if (layout.start, layout.size) != (board.filesystem_start, board.filesystem_size):
        raise FirmwareError(
            f"{firmware} is a firmware for '{layout.board}', which keeps its filesystem of {layout.size // 1024} KB at "
            f"{layout.start // 1024} KB. boards/{board.folder} says {board.filesystem_size // 1024} KB at "
            f"{board.filesystem_start // 1024} KB: name the right board, or take the firmware of {board.firmware}."
        )
    if any(layout.start <= block.offset < board.flash_size for block in blocks):
        raise FirmwareError(f"{firmware} has data where its filesystem belongs. Take a firmware without files.")
    filesystem = build_image(files, Geometry(layout.start, layout.size))
    pieces = {
        layout.start + sector * SECTOR: filesystem[sector * SECTOR : (sector + 1) * SECTOR]
        for sector in sectors_in_use(filesystem)
    }
    return uf2.with_data(blocks, pieces)


def read_back(image: Path, board: Board) -> tuple[Identity, dict[str, bytes]]:
    """What a finished image holds: the firmware's identity, and the files by path with no leading slash.

    Raises:
        FirmwareError: it is damaged, or not for this board.
        LittleFSError: there is no filesystem where the firmware looks for it.
    """
    flash = uf2.flash_contents(uf2.read(image, board.chip.uf2_family), board.flash_size)
    layout = layout_of(flash)
    return identify(flash[: layout.start]), read_image(flash[layout.start : layout.start + layout.size])


def layout_of(flash: bytes) -> Layout:
    """The layout that a firmware tells in its binary info.

    Raises:
        FirmwareError: it has none, or tells of no filesystem.
    """
    try:
        board, device = "", None
        for kind, tag, words in binary_info(flash):
            if kind == ID_AND_STRING and tag == b"RP" and words[0] == BOARD_ID:
                board = text_at(flash, words[1])
            elif kind == BLOCK_DEVICE and device is None:
                device = (words[1] - uf2.FLASH_START, words[2])
    except (struct.error, ValueError):
        device = None
    if device is None:
        raise FirmwareError(
            "The firmware does not tell where its filesystem is, as MicroPython's do (picotool info shows it)."
        )
    return Layout(board, *device)


def binary_info(flash: bytes) -> list[tuple[int, bytes, tuple[int, ...]]]:
    """The entries: kind, tag and the three words behind them."""
    place = flash.find(struct.pack("<I", START_MARK), 0, SEARCHED_BYTES)
    if place < 0:
        return []
    _, start, end, _, end_mark = HEADER.unpack_from(flash, place)
    if end_mark != END_MARK:
        return []
    entries = []
    for pointer in range(start - uf2.FLASH_START, end - uf2.FLASH_START, 4):
        entry = struct.unpack_from("<I", flash, pointer)[0] - uf2.FLASH_START
        kind, tag, *words = struct.unpack_from("<H2s3I", flash, entry)
        entries.append((kind, tag, tuple(words)))
    return entries


def text_at(flash: bytes, address: int) -> str:
    """The text that ends with a zero byte."""
    offset = address - uf2.FLASH_START
    return flash[offset : flash.index(0, offset)].decode("ascii", "replace")
