"""Where things are kept that are fetched or made once for all projects of a user."""

import os
from pathlib import Path

# Names another folder.
OVERRIDE = "EMULATED_PICO_CACHE"


def folder(name: str) -> Path:
    """A folder of this name in the user's cache; it may not be there yet."""
    cache = os.environ.get(OVERRIDE)
    base = Path(cache) if cache else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "emulated-pico")
    return base / name
