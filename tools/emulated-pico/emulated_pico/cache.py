"""Where things are kept that are fetched or made once for all projects of a user."""

import os
from pathlib import Path

from emulated_pico.errors import FirmwareError

# Names another folder.
OVERRIDE = "EMULATED_PICO_CACHE"


def folder(name: str) -> Path:
    """A folder of this name in the user's cache; it may not be there yet."""
    cache = os.environ.get(OVERRIDE)
    base = Path(cache) if cache else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "emulated-pico")
    return base / name


def make(folder: Path) -> None:
    """Make such a folder, or one below it. Raises FirmwareError where nothing can be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK):
            raise PermissionError(None, "it cannot be written")
    except OSError as error:
        raise FirmwareError(
            f"No folder {folder}: {error.strerror}. Name another place for it: {OVERRIDE}=folder"
        ) from None
