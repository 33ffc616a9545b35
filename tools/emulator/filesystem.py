"""The filesystem in a board's flash, made and read on the host: much faster than copying file by file."""

from pathlib import Path, PurePosixPath
from typing import NamedTuple

from littlefs import LittleFS

from emulator.firmware import flash_end_of

SECTOR = 4096
PAGE = 256


class Geometry(NamedTuple):
    """Where a firmware keeps its filesystem: offset in the flash, and size, in bytes."""

    start: int
    size: int


PICO = Geometry(0xA0000, 352 * SECTOR)
PICO_W = Geometry(0x12C000, 212 * SECTOR)


def geometry_of(firmware: Path) -> Geometry:
    """The filesystem's place under a firmware: one that is too long for a Pico's is a Pico W's."""
    return PICO_W if flash_end_of(firmware) > PICO.start else PICO


def build_image(files: dict[str, bytes], geometry: Geometry = PICO_W) -> bytes:
    """Make a littlefs image, for `Board(filesystem=...)`.

    Arguments:
        files: content by path; folders are made as needed.
        geometry: whose flash it is for.
    """
    disk = _disk(geometry)
    for path, content in files.items():
        disk.makedirs(str(PurePosixPath("/", path).parent), exist_ok=True)
        with disk.open(str(PurePosixPath("/", path)), "wb") as file:
            file.write(content)
    return bytes(disk.context.buffer)


def read_image(image: bytes) -> dict[str, bytes]:
    """The files in a littlefs image: content by path, with no leading slash.

    Raises:
        LittleFSError: it holds no filesystem.
    """
    disk = _disk(Geometry(0, len(image)), image)
    files = {}
    for folder, _, names in disk.walk("/"):
        for name in names:
            path = str(PurePosixPath(folder, name))
            with disk.open(path, "rb") as file:
                files[path.lstrip("/")] = file.read()
    return files


def _disk(geometry: Geometry, image: bytes | None = None) -> LittleFS:
    disk = LittleFS(
        block_size=SECTOR,
        block_count=geometry.size // SECTOR,
        prog_size=PAGE,
        read_size=PAGE,
        cache_size=PAGE,
        lookahead_size=32,
        mount=False,
    )
    if image is None:
        disk.format()
    else:
        disk.context.buffer = bytearray(image)
    disk.mount()
    return disk
