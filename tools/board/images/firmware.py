"""Where firmware comes from: a file of the user's, a pinned package, or mpflash. All of it is checked before use."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from board_declaration import ROOT, Board
from emulated_pico import firmware as emulated
from emulated_pico.errors import FirmwareError

CACHE = ROOT / ".cache" / "firmware"
OVERRIDE = emulated.OVERRIDE

# By MicroPython's name for the board: the images that the emulator's package of firmware carries, and their SHA-256.
PACKAGED = {
    "RPI_PICO_W": emulated.PICO_W,
    "ESP32_GENERIC": (
        "esp32-20251209-v1.27.0.bin",
        "aa4be80ec695911ba0f13f7558e559ce540f90efbf40c23b853ca49162136b9f",
    ),
    "ESP32_GENERIC_S3": (
        "esp32s3-8MBflash-20251209-v1.27.0.bin",
        "f533115edca660863b1308445d5c08e3fa108b34c39229a53c2f984a8186a9cd",
    ),
    "ESP32_GENERIC_C3": (
        "esp32c3-20251209-v1.27.0.bin",
        "41388c500efaed40ca912e4917421f3fc44a99b708dcb4f68f0892df0425ecf4",
    ),
}

# What mpflash downloads for the others: the version that the packaged ones have.
MPFLASH = "mpflash==1.29.0"
VERSION = "1.27.0"


def find(board: Board) -> Path:
    """The firmware for a board: the file that FIRMWARE names, else the packaged one, else mpflash's.

    A packaged file has been checked by its SHA-256. The others come unchecked: whoever opens them checks them.

    Raises:
        FirmwareError: there is none.
    """
    override = os.environ.get(OVERRIDE)
    if override:
        if not Path(override).is_file():
            raise FirmwareError(f"{override} does not exist or is no file: {OVERRIDE} must be an image's path.")
        return Path(override)
    if board.firmware in PACKAGED:
        return packaged(board.firmware)
    return downloaded(board)


def packaged(name: str) -> Path:
    """An image by MicroPython's name for the board; all are fetched at once.

    Raises:
        FirmwareError: it cannot be fetched, or is not what it should be.
    """
    return emulated.packaged(*PACKAGED[name], others=dict(PACKAGED.values()))


def downloaded(board: Board) -> Path:
    """The image that mpflash downloads from micropython.org; fetched once.

    Raises:
        FirmwareError: it cannot be fetched.
    """
    folder = CACHE / "mpflash"
    pattern = f"{board.chip.port}/{board.firmware}-v{VERSION}.{'bin' if board.chip.drive is None else 'uf2'}"
    image = folder / pattern
    if not image.exists():
        print(f"Downloading {board.firmware} {VERSION} with mpflash ...", flush=True)
        folder.mkdir(parents=True, exist_ok=True)
        download = ["download", "--board", board.firmware, "--version", VERSION]
        # Its exit status is 0 even when there is no network: what counts is whether the file is there.
        result = _run([_mpflash(), *download], {"MPFLASH_FIRMWARE": str(folder)})
        if not image.exists():
            raise FirmwareError(
                f"mpflash could not download {board.firmware} {VERSION} (is there a network?): {_reason(result)}\n"
                f"If you have the file, name it: FIRMWARE=path (micropython.org/download/{board.firmware})."
            )
    return image


def _mpflash() -> str:
    """Path of the mpflash program, in an environment of its own: it needs many packages that nothing else does."""
    environment = ROOT / ".cache" / "mpflash"
    program = environment / ("Scripts" if os.name == "nt" else "bin") / "mpflash"
    if not program.exists():
        print(f"Installing {MPFLASH}, once ...", flush=True)
        made = _run([sys.executable, "-m", "venv", "--without-pip", str(environment)])
        pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--python", str(environment)]
        installed = _run([*pip, "install", MPFLASH])
        if made.returncode or installed.returncode:
            raise FirmwareError(f"Could not install {MPFLASH} (is there a network?): {_reason(installed)}")
    return str(program)


def _run(command: list[str], environment: dict[str, str] | None = None) -> subprocess.CompletedProcess:
    return subprocess.run(
        command, env={**os.environ, **(environment or {})}, capture_output=True, text=True, check=False
    )


def _reason(result: subprocess.CompletedProcess) -> str:
    """The last thing that a program said."""
    lines = (result.stderr + result.stdout).strip().splitlines()
    return lines[-1].strip() if lines else "it gave no reason."


if __name__ == "__main__":
    try:
        print(packaged("RPI_PICO_W").parent)
    except FirmwareError as error:
        sys.exit(str(error))
