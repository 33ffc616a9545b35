"""`make image`: writes one file for a board's flash, with official firmware, library and application in it.

The file is read back and checked before it gets its name, so that an image that is there is a whole one.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import sys
from pathlib import Path
from typing import NamedTuple

import ownership
from board_declaration import ROOT, Board, DeployError, board_called
from deploy import OLDEST_MICROPYTHON
from device_files import files_for
from emulated_pico.errors import FirmwareError
from images import firmware, loadable
from images.identity import Identity
from littlefs import LittleFSError

OUTPUT = ROOT / "build"


class Image(NamedTuple):
    """A finished image: the file, what its firmware is, and the files in its filesystem by device path."""

    path: Path
    firmware: Identity
    files: dict[str, bytes]


def build(board: Board, output: Path, root: Path = ROOT, firmware_file: Path | None = None) -> Image:
    """Make the image of a board.

    Arguments:
        board: whose image.
        output: where to write it.
        root: repository to take library and application from.
        firmware_file: the firmware, or None for the one that `images.firmware` finds.

    Raises:
        FirmwareError: no firmware, or one that does not fit.
        DeployError: sources that do not compile, or are too large; a file that cannot be written.
    """
    maker = maker_for(board)
    source = firmware_file or firmware.find(board)
    files = ownership.with_list(files_for(board.folder, root=root))
    try:
        content = maker.build(source, board, files)
    except LittleFSError as error:
        size = sum(len(data) for data in files.values())
        raise DeployError(
            f"{len(files)} files of {size} bytes do not fit into the filesystem of {board.name}, "
            f"{board.filesystem_size} bytes ({error})."
        ) from None
    partial = output.with_name(output.name + ".partial")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(content)
        identity = verify(partial, board, files)
        partial.replace(output)
    except OSError as error:
        raise DeployError(f"{output} cannot be written: {error.strerror}.") from None
    finally:
        with contextlib.suppress(OSError):
            partial.unlink()
    return Image(output, identity, files)


def verify(path: Path, board: Board, files: dict[str, bytes]) -> Identity:
    """Read an image back: the firmware must be the board's, and each file must be there and loadable.

    Raises:
        FirmwareError: something in it is not as it should be.
    """
    try:
        identity, found = maker_for(board).read_back(path, board)
    except LittleFSError as error:
        raise FirmwareError(f"{path} has no filesystem where the firmware looks for one ({error}).") from None
    chip = identity.machine.rpartition(" with ")[2].lower()
    if chip != board.chip_name:
        raise FirmwareError(f"The firmware is for '{identity.machine}', but {board.name} has the {board.chip_name}.")
    if identity.version < OLDEST_MICROPYTHON:
        oldest = ".".join(str(number) for number in OLDEST_MICROPYTHON)
        raise FirmwareError(f"The firmware is MicroPython {identity.version_text}; AimDB needs {oldest} or newer.")
    if {"/" + name: data for name, data in found.items()} != files:
        raise FirmwareError(f"{path} does not hold the files that were put into it.")
    for name, data in files.items():
        if name.endswith(".mpy"):
            loadable.check(name, data, board, identity)
    return identity


def maker_for(board: Board):
    """The module that makes and reads images of the board's kind."""
    if board.chip.port == "rp2":
        from images import rp2

        return rp2
    from images import esp32

    return esp32


def default_output(board: Board) -> Path:
    """Where `make image` puts a board's image."""
    return OUTPUT / f"aimdb-{board.folder}.{'uf2' if board.chip.drive else 'bin'}"


def describe(image: Image, board: Board) -> str:
    """What a person wants to know of a finished image."""
    size = image.path.stat().st_size
    sha256 = hashlib.sha256(image.path.read_bytes()).hexdigest()
    stored = sum(len(data) for data in image.files.values())
    if board.chip.drive:
        how = f"{board.bootloader[0].upper()}{board.bootloader[1:]}, and copy the file onto the drive that appears"
    else:
        how = f"esptool --chip {board.chip_name} write-flash 0 {image.path.name}"
    return (
        f"{image.path}\n"
        f"  {size} bytes, SHA-256 {sha256}\n"
        f"  MicroPython {image.firmware.version_text} for {image.firmware.machine}\n"
        f"  {len(image.files)} files of {stored} bytes in a filesystem of {board.filesystem_size // 1024} KB\n"
        f"  To flash it: make flash BOARD={board.folder}\n"
        f"  or by hand: {how}."
    )


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--board", default="pico_w", help="folder below boards/ that describes it (pico_w)")
    parser.add_argument("--output", type=Path, help="the file to write (build/aimdb-BOARD)")
    parser.add_argument("--root", type=Path, default=ROOT, help="repository to build from (this one)")
    options = parser.parse_args(arguments)
    try:
        board = board_called(options.board, options.root)
        image = build(board, options.output or default_output(board), options.root)
    except (DeployError, FirmwareError) as error:
        print(f"image: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("image: stopped; there is no new image.", file=sys.stderr)
        return 1
    print(describe(image, board))
    return 0


if __name__ == "__main__":
    sys.exit(main())
