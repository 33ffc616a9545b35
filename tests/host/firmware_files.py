"""Firmware files that no package carries, in miniature: as well-formed as the real ones, and as talkative."""

import struct
from pathlib import Path

from board_declaration import Board
from emulated_pico import uf2

BINARY_INFO = 0x100
ENTRIES = 0x200
TEXTS = 0x300


def small_firmware(path: Path, board: Board, version: str = "1.27.0", start: int | None = None) -> Path:
    """Write a UF2 file that says of itself what the official one for this board does; return its path."""
    flash = bytearray(2048)

    def put(offset: int, form: str, *values: object) -> None:
        struct.pack_into(form, flash, offset, *values)

    def address(offset: int) -> int:
        return uf2.FLASH_START + offset

    put(BINARY_INFO, "<5I", 0x7188EBF2, address(ENTRIES), address(ENTRIES + 8), 0, 0xE71AA390)
    put(ENTRIES, "<2I", address(ENTRIES + 16), address(ENTRIES + 32))
    put(ENTRIES + 16, "<H2s2I", 6, b"RP", 0xB63CFFBB, address(TEXTS))
    put(TEXTS, "16s", board.folder.encode())
    begin = board.filesystem_start if start is None else start
    put(ENTRIES + 32, "<H2s4I", 7, b"MP", address(TEXTS), address(begin), board.filesystem_size, 0)
    banner = f"MicroPython v{version} on 2025-12-09\0; {board.name} with {board.chip_name.upper()}\0"
    put(TEXTS + 64, f"{len(banner)}s", banner.encode())

    content = uf2.with_data([uf2.Block(0, bytes(flash[:256]), board.chip.uf2_family, b"")], {256: bytes(flash[256:])})
    if board.chip_name == "rp2350":
        content = absolute_block() + content
    path.write_bytes(content)
    return path


def absolute_block() -> bytes:
    """What official files for the RP2350 start with, against its erratum E10."""
    header = uf2.HEADER.pack(*uf2.MAGIC, 0xA000, 0x10FFFF00, 256, 0, 2, uf2.ABSOLUTE_FAMILY)
    body = header + b"\xef" * 256 + struct.pack("<I", 0x9957E304)
    return body.ljust(uf2.BLOCK_SIZE - 4, b"\0") + uf2.END_MARK.pack(uf2.END_MAGIC)
