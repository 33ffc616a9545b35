"""UF2, the format of files for RP2040 and RP2350: blocks of 512 bytes, each with its own place in the flash."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import NamedTuple

from emulated_pico.errors import FirmwareError

BLOCK_SIZE = 512
PAYLOAD_SIZE = 256
HEADER = struct.Struct("<8I")
END_MARK = struct.Struct("<I")
MAGIC = (0x0A324655, 0x9E5D5157)
END_MAGIC = 0x0AB16F30
HAS_FAMILY = 0x2000
FLASH_START = 0x10000000

# Official files for the RP2350 start with one block of this family, against that chip's erratum E10. It is
# counted for itself, and its place is at the end of the address range, not in the flash.
ABSOLUTE_FAMILY = 0xE48BFF57

FAMILY_NAMES = {
    0xE48BFF56: "RP2040",
    ABSOLUTE_FAMILY: "no certain chip",
    0xE48BFF59: "RP2350 (ARM)",
    0xE48BFF5A: "RP2350 (RISC-V)",
}


class Block(NamedTuple):
    """A piece of the flash; `raw` is the whole block as it stands in the file."""

    offset: int  # from the start of the flash
    data: bytes
    family: int
    raw: bytes


def read(image: Path, family: int) -> list[Block]:
    """The blocks of a UF2 file, when it is complete and for chips of this family.

    Raises:
        FirmwareError: it is missing, or is something else.
    """
    if not image.is_file():
        raise FirmwareError(f"{image} does not exist or is no file: FIRMWARE must be a UF2 image's path.")
    data = image.read_bytes()
    if not data or len(data) % BLOCK_SIZE:
        raise FirmwareError(f"{image} is not a UF2 image: its size is not a multiple of {BLOCK_SIZE} bytes.")
    total = len(data) // BLOCK_SIZE
    blocks: list[Block] = []
    first = 0
    for number in range(total):
        raw = data[number * BLOCK_SIZE : (number + 1) * BLOCK_SIZE]
        magic0, magic1, flags, address, size, index, count, found = HEADER.unpack_from(raw)
        (end_magic,) = END_MARK.unpack_from(raw, BLOCK_SIZE - END_MARK.size)
        if (magic0, magic1) != MAGIC or end_magic != END_MAGIC:
            raise FirmwareError(f"{image} is not a UF2 image: block {number} has no UF2 mark.")
        if number == 0 and found == ABSOLUTE_FAMILY != family and flags & HAS_FAMILY:
            first = 1
            blocks.append(Block(address - FLASH_START, b"", found, raw))
            continue
        if index != number - first or count != total - first:
            raise FirmwareError(f"{image} is incomplete: block {number} says it is {index} of {count}.")
        if not flags & HAS_FAMILY or found != family:
            wanted, other = FAMILY_NAMES.get(family, hex(family)), FAMILY_NAMES.get(found, "another chip")
            raise FirmwareError(f"{image} is not for an {wanted}: its family is 0x{found:08x}, {other}.")
        if size > BLOCK_SIZE - HEADER.size - END_MARK.size or address < FLASH_START:
            raise FirmwareError(f"{image} is damaged: block {number} has {size} bytes for address 0x{address:08x}.")
        blocks.append(Block(address - FLASH_START, raw[HEADER.size : HEADER.size + size], found, raw))
    return blocks


def flash_contents(blocks: list[Block], size: int) -> bytes:
    """What an erased flash of this size holds when the blocks were written to it.

    Raises:
        FirmwareError: it is too small for them.
    """
    flash = bytearray(b"\xff" * size)
    for block in blocks:
        if block.family != ABSOLUTE_FAMILY:
            if block.offset + len(block.data) > size:
                raise FirmwareError(f"The firmware does not fit into a flash of {size} bytes.")
            flash[block.offset : block.offset + len(block.data)] = block.data
    return bytes(flash)


def first_gap(blocks: list[Block]) -> int:
    """The offset behind the blocks that follow each other from the first on: where a firmware ends."""
    end = min(block.offset for block in blocks if block.family != ABSOLUTE_FAMILY)
    for block in sorted(block for block in blocks if block.family != ABSOLUTE_FAMILY):
        if block.offset > end:
            break
        end = block.offset + len(block.data)
    return end


def with_data(blocks: list[Block], pieces: dict[int, bytes]) -> bytes:
    """The content of a UF2 file with all these blocks, and with more data, by its offset in the flash."""
    family = blocks[-1].family
    kept = [block.raw for block in blocks if block.family == ABSOLUTE_FAMILY]
    payloads = [(block.offset, block.data) for block in blocks if block.family != ABSOLUTE_FAMILY]
    for start, data in sorted(pieces.items()):
        payloads += [
            (start + part, data[part : part + PAYLOAD_SIZE].ljust(PAYLOAD_SIZE, b"\xff"))
            for part in range(0, len(data), PAYLOAD_SIZE)
        ]
    for index, (offset, payload) in enumerate(payloads):
        header = HEADER.pack(*MAGIC, HAS_FAMILY, FLASH_START + offset, len(payload), index, len(payloads), family)
        filled = (header + payload).ljust(BLOCK_SIZE - END_MARK.size, b"\0")
        kept.append(filled + END_MARK.pack(END_MAGIC))
    return b"".join(kept)
