"""What is on the flash of a board that tests use."""

from __future__ import annotations

from board_declaration import architecture_of
from device_files import ROOT, compiled
from emulated_pico.filesystem import build_image


def library_image(others: dict[str, bytes] | None = None) -> bytes:
    """A filesystem with the library and firmware/wifi.py in it, and what else is given."""
    sources = [*(ROOT / "lib").glob("aimdb*/*.py"), ROOT / "firmware" / "wifi.py"]
    files = {}
    architecture = architecture_of("pico_w")
    for source in sources:
        if source.parent.name != "aimdb_conformance":
            place = source.relative_to(ROOT / "lib") if source.is_relative_to(ROOT / "lib") else source.name
            files[f"lib/{place}".removesuffix(".py") + ".mpy"] = compiled(source, str(place), architecture=architecture)
    return build_image({**files, **(others or {})})
