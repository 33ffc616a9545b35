"""`make flash`: builds a board's image, puts the board into its bootloader, writes the image, and checks what is there.

An RP2 board's bootloader is a USB drive that takes the file; an ESP32's is spoken to by esptool. Either way the check
is the board's own word: restarted, it tells the SHA-256 of each file.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import shutil
import string
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from board_declaration import ROOT, Board, DeployError, board_called
from board_link import BoardLink, find_port, not_opened
from deploy import holds, survey
from emulated_pico.errors import FirmwareError
from image import Image, build, default_output

# What every UF2 bootloader has on its drive, with the line "Board-ID: ..." in it.
INFORMATION = "INFO_UF2.TXT"
CHUNK = 64 * 1024

# A drive takes some seconds to appear, and a desktop some more to mount it; so does a restarted board's port.
PATIENCE_SECONDS = 30


def flash(board: Board, image: Image, port: str | None, drive: Path | None = None) -> None:
    """Bring the board behind `port` to the state of the image, and print what is done.

    Arguments:
        board: which it is.
        image: what to write.
        port: its serial port, or None to find it.
        drive: where its bootloader's drive is mounted, or None to find it; RP2 boards only.

    Raises:
        DeployError: what went wrong, and what to do about it.
    """
    began = time.monotonic()
    print("Everything on the board is replaced: the firmware, and all files.", flush=True)
    if board.chip.drive:
        port = flash_by_drive(board, image.path, port, drive)
    else:
        port = flash_by_esptool(board, image.path, port or find_port())
    port = check(port, image)
    print(f"{board.name} on {port} holds the image and runs it, {time.monotonic() - began:.0f} s")


def check(port: str | None, image: Image) -> str:
    """Ask the restarted board for the SHA-256 of each file; returns the port that it is on now.

    Raises:
        DeployError: something is not as it should be.
    """
    link = BoardLink(wait_for(lambda: reappeared(port)) or port or find_port())
    found = link.persist(lambda: survey(link, image.files))
    if tuple(found["version"]) != image.firmware.version or found["machine"] != image.firmware.machine:
        raise DeployError(
            f"The board still runs MicroPython {'.'.join(map(str, found['version']))} for {found['machine']}: it did "
            "not take the image. Run this again."
        )
    wrong = [path for path, data in image.files.items() if not holds(found, path, data)]
    if wrong:
        raise DeployError(
            f"{', '.join(wrong)} on the board differs from the image. Run this again; if it stays so, the board's "
            "flash is worn out or damaged."
        )
    print(f"The board runs MicroPython {image.firmware.version_text}; all {len(image.files)} files are right.")
    link.restart()
    return link.port


def reappeared(port: str | None) -> str | None:
    """The port, if it is there. A board's port may have another number after it was flashed."""
    if port and os.path.exists(port):
        return port
    with contextlib.suppress(DeployError):
        return find_port()
    return None


def wait_for(look: Callable[[], Any]) -> Any:
    """The first true answer, or the last one when patience is over."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (answer := look()) and time.monotonic() < deadline:
        time.sleep(0.2)
    return answer


# RP2: a drive


def flash_by_drive(board: Board, image: Path, port: str | None, drive: Path | None) -> str | None:
    """Copy the image onto the drive of the board's bootloader; returns the board's port, if one is known."""
    if drive and not drive.is_dir():
        raise DeployError(f"There is no folder {drive}: DRIVE= is where the bootloader's drive is mounted.")
    drives = [drive] if drive else drives_for(board)
    if drives and not drive and port and os.path.exists(port):
        raise DeployError(
            f"There is a board on {port}, and another one waits in its bootloader ({drives[0]}). Unplug one, or name "
            "the drive instead of the port: make flash DRIVE=folder"
        )
    if not drives or not has_information(drives[0]):
        port = port or port_to_reset(board)
        print(f"Putting the board on {port} into its bootloader ...", flush=True)
        enter_bootloader(BoardLink(port), board)
        drives = wait_for(lambda: [drive] if drive and has_information(drive) else drives_for(board))
    if not drives:
        raise DeployError(
            f"No drive called {board.chip.drive} appeared. If your desktop does not mount it, mount it and say where: "
            f"make flash DRIVE=folder. If there is no such disk at all, {board.bootloader}."
        )
    if len(drives) > 1:
        named = ", ".join(str(path) for path in drives)
        raise DeployError(f"More than one board waits in its bootloader ({named}). Say which: make flash DRIVE=folder")
    found = identity_of(drives[0])
    if found != board.chip.drive:
        raise DeployError(
            f"The drive {drives[0]} is that of a {found or 'another kind of board'}, but {board.name} would show "
            f"{board.chip.drive}. Name the right board: make flash BOARD=..."
        )
    copy(image, drives[0])
    return port


def port_to_reset(board: Board) -> str:
    """The port of the only board; without one, say what else there is to do."""
    try:
        return find_port()
    except DeployError as error:
        raise DeployError(f"{error}\nFor a board on which no MicroPython runs, {board.bootloader}.") from None


def enter_bootloader(link: BoardLink, board: Board) -> None:
    """Have MicroPython start the bootloader; its port then goes away, which mpremote may take for a failure."""
    asking = ["exec", "import sys; print(sys.implementation._machine)"]
    machine = link.persist(lambda: link.run(asking)).strip()
    if machine.rpartition(" with ")[2].lower() != board.chip_name:
        link.restart()
        raise DeployError(
            f"The board on {link.port} is a {machine}, but {board.name} has the {board.chip_name.upper()}. Name the "
            "right board: make flash BOARD=..."
        )
    with contextlib.suppress(DeployError):
        link.run(["bootloader"])


def drives_for(board: Board) -> list[Path]:
    """Mounted drives of the board's kind of bootloader."""
    if os.name == "nt":
        places = [Path(f"{letter}:\\") for letter in string.ascii_uppercase]
    else:
        patterns = ("/media/*", "/media/*/*", "/run/media/*/*", "/mnt/*", "/Volumes/*")
        places = [path for pattern in patterns for path in Path("/").glob(pattern[1:])]
    found = [place for place in places if has_information(place) and identity_of(place) == board.chip.drive]
    return found or mounted_by_us(board)


def mounted_by_us(board: Board) -> list[Path]:
    """On a Linux without a desktop nobody mounts drives: ask udisks to, if it is there."""
    disk = Path("/dev/disk/by-label", board.chip.drive)
    if not disk.exists() or not shutil.which("udisksctl"):
        return []
    mounting = ["udisksctl", "mount", "--no-user-interaction", "--block-device", str(disk)]
    result = subprocess.run(mounting, capture_output=True, text=True, check=False)
    place = re.search(r" at (/.+?)\.?$", result.stdout.strip())
    return [Path(place[1])] if place else []


def has_information(drive: Path) -> bool:
    """Whether this is a UF2 bootloader's drive. One that is about to go away can give an error."""
    with contextlib.suppress(OSError):
        return (drive / INFORMATION).is_file()
    return False


def identity_of(drive: Path) -> str:
    """What a bootloader calls its board, such as RPI-RP2."""
    with contextlib.suppress(OSError):
        for line in (drive / INFORMATION).read_text(errors="replace").splitlines():
            if line.startswith("Board-ID:"):
                return line.partition(":")[2].strip()
    return ""


def copy(image: Path, drive: Path) -> None:
    """Copy with progress. The board restarts by itself when it has the last block, and takes its drive away."""
    data = image.read_bytes()
    written = 0
    try:
        with open(drive / image.name, "wb", buffering=0) as file:
            while written < len(data):
                written += file.write(data[written : written + CHUNK])
                os.fsync(file.fileno())
                show_progress(written, len(data))
    except OSError as error:
        # The drive may be gone before the last sync is answered.
        if written < len(data):
            raise DeployError(
                f"The drive {drive} did not take the image after {written} of {len(data)} bytes ({error.strerror}). "
                "Try again, perhaps with another cable; a board that is half written still has its bootloader."
            ) from None


def show_progress(done: int, total: int) -> None:
    """One line that counts up on a terminal; a line for each tenth elsewhere."""
    before = max(0, done - CHUNK) * 10 // total
    if sys.stdout.isatty():
        print(f"\r  {done * 100 // total:3} % of {total} bytes", end="\n" if done == total else "", flush=True)
    elif done * 10 // total != before:
        print(f"  {done * 100 // total:3} % of {total} bytes", flush=True)


# ESP32: esptool


def flash_by_esptool(board: Board, image: Path, port: str) -> str:
    """Have esptool write the image; it resets the board into its bootloader and out of it, and verifies the flash."""
    BoardLink(port).check_port()
    command = [sys.executable, "-m", "esptool", "--chip", board.chip_name, "--port", port, "--baud", "460800"]
    process = subprocess.Popen(
        [*command, "write-flash", "0", str(image)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    said = bytearray()
    try:
        # Passed on as it comes: its progress is one line that is written over and over.
        while piece := process.stdout.read1(4096):
            said += piece
            print(piece.decode(errors="replace"), end="", flush=True)
        failed = process.wait()
    finally:
        process.kill()
        process.wait()
    if failed:
        raise explain(said.decode(errors="replace"), board, port)
    return port


def explain(said: str, board: Board, port: str) -> DeployError:
    """What to tell the user about a failed esptool run, from what it printed."""
    other = re.search(r"This chip is (?:an )?([\w-]+), not ", said)
    if other:
        return DeployError(
            f"The board on {port} has an {other[1]}, but {board.name} has the {board.chip_name}. Name the right board: "
            "make flash BOARD=..."
        )
    if "port is busy" in said:
        return not_opened(port)
    if "Failed to connect" in said:
        return DeployError(
            f"The board on {port} did not go into its bootloader. By hand: {board.bootloader}; then run this again."
        )
    if "MD5 of file does not match" in said:
        return DeployError("The flash holds something else than was written. Run this again, with another cable.")
    if "will not fit" in said:
        return DeployError(
            f"The image does not fit into the board's flash; {board.name} has {board.flash_size >> 20} MB."
        )
    last = (re.sub(r"\x1b\[[0-9;]*m", "", said).strip().splitlines() or ["it gave no reason"])[-1]
    return DeployError(f"esptool could not write the image: {last} Run this again.")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--board", default="pico_w", help="folder below boards/ that describes it (pico_w)")
    parser.add_argument("--port", help="its serial port; not needed when one board is plugged in")
    parser.add_argument("--drive", type=Path, help="where the drive of an RP2 board's bootloader is mounted")
    parser.add_argument("--root", type=Path, default=ROOT, help="repository to build from (this one)")
    options = parser.parse_args(arguments)
    try:
        board = board_called(options.board, options.root)
        image = build(board, default_output(board), options.root)
        flash(board, image, options.port, options.drive)
    except (DeployError, FirmwareError) as error:
        print(f"flash: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("flash: stopped. The board may be half written: run this again.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
