"""What is on the flash of a board that tests use."""

from __future__ import annotations

from board_declaration import architecture_of
from device_files import ROOT, compiled_library
from emulated_pico.filesystem import build_image

KEEP_JOINED = b"""
from aimdb_node import Wifi

class Told:
    def __init__(self, on_change):
        self.produce = on_change

async def keep_joined(ssid, password, on_change):
    await Wifi(ssid, password).keep(Told(on_change))
"""


def library_image(others: dict[str, bytes] | None = None) -> bytes:
    """A filesystem with the library in it, a module wifi, and what else is given."""
    sources = {source.relative_to(ROOT / "lib").as_posix(): source for source in ROOT.glob("lib/*/*.py")}
    code = compiled_library(sources, architecture_of("pico_w"))
    files = {f"lib/{place}": data for place, data in code.items() if not place.startswith("aimdb_conformance/")}
    return build_image({**files, "lib/wifi.py": KEEP_JOINED, **(others or {})})
