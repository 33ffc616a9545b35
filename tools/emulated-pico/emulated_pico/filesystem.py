"""The filesystem in a board's flash, made and read on the host: much faster than copying file by file."""

from pathlib import Path, PurePosixPath
from typing import NamedTuple

from littlefs import LittleFS, UserContext
from littlefs.lfs import LFSConfig

from emulated_pico.firmware import flash_end_of

SECTOR = 4096
PAGE = 256


class Geometry(NamedTuple):
    """Where a firmware keeps its filesystem: offset in the flash, size, and the unit of writing, in bytes."""

    start: int
    size: int
    page: int = PAGE


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


def read_image(image: bytes, page: int = PAGE) -> dict[str, bytes]:
    """The files in a littlefs image: content by path, with no leading slash.

    Arguments:
        image: the bytes of the whole filesystem.
        page: the unit of writing, in bytes, with which it was made.

    Raises:
        LittleFSError: it holds no filesystem.
    """
    return _files_on(_disk(Geometry(0, len(image), page), image))


def sectors_in_use(image: bytes, page: int = PAGE) -> list[int]:
    """Numbers of the sectors whose content matters: those that hold something, and those that a reader looks at.

    A directory is a pair of sectors, of which one may be empty. What an earlier filesystem left in the flash must not
    stand there: with its old directory it could win over the new one. All other sectors are erased before use.
    """
    disk = _disk(Geometry(0, len(image), page), image, _Watched(len(image)))
    _files_on(disk)
    erased = b"\xff" * SECTOR
    written = {
        number for number in range(len(image) // SECTOR) if image[number * SECTOR : (number + 1) * SECTOR] != erased
    }
    return sorted(disk.context.looked_at | written)


class _Watched(UserContext):
    """A disk in memory that remembers which sectors were read."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.looked_at: set[int] = set()

    def read(self, config: LFSConfig, block: int, offset: int, size: int) -> bytearray:
        self.looked_at.add(block)
        return super().read(config, block, offset, size)


def _files_on(disk: LittleFS) -> dict[str, bytes]:
    files = {}
    for folder, _, names in disk.walk("/"):
        for name in names:
            path = str(PurePosixPath(folder, name))
            with disk.open(path, "rb") as file:
                files[path.lstrip("/")] = file.read()
    return files


def _disk(geometry: Geometry, image: bytes | None = None, context: UserContext | None = None) -> LittleFS:
    disk = LittleFS(
        context=context,
        block_size=SECTOR,
        block_count=geometry.size // SECTOR,
        prog_size=geometry.page,
        read_size=geometry.page,
        cache_size=geometry.page,
        lookahead_size=32,
        mount=False,
    )
    if image is None:
        disk.format()
    else:
        disk.context.buffer = bytearray(image)
    disk.mount()
    return disk
