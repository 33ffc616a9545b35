"""What is on the flash of a board that tests use."""

from __future__ import annotations

from board_declaration import architecture_of
from device_files import ROOT, compiled
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
    sources = (ROOT / "lib").glob("aimdb*/*.py")
    files = {"lib/wifi.py": KEEP_JOINED}
    architecture = architecture_of("pico_w")
    for source in sources:
        if source.parent.name != "aimdb_conformance":
            place = source.relative_to(ROOT / "lib")
            files[f"lib/{place}".removesuffix(".py") + ".mpy"] = compiled(source, str(place), architecture=architecture)
    return build_image({**files, **(others or {})})
