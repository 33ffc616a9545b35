"""What several files of tests need, and is slow to make."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from device_files import ROOT, compiled
from emulator import Board
from emulator.filesystem import build_image

# The one network that the emulated WiFi chip knows.
JOIN = """
import network, time
network.WLAN(network.STA_IF).active(True)
network.WLAN(network.STA_IF).connect("RP2040PY-GUEST", "password")
while not network.WLAN(network.STA_IF).isconnected():
    time.sleep_ms(50)
"""


@pytest.fixture(scope="session")
def wifi_board() -> Iterator[Board]:
    """A board with the library on it whose WiFi is up: starting the chip takes many seconds, so all tests share it."""
    sources = [*(ROOT / "lib").glob("aimdb*/*.py"), ROOT / "firmware" / "wifi.py"]
    files = {}
    for source in sources:
        if source.parent.name != "aimdb_conformance":
            place = source.relative_to(ROOT / "lib") if source.is_relative_to(ROOT / "lib") else source.name
            files[f"lib/{place}".removesuffix(".py") + ".mpy"] = compiled(source, str(place))
    with Board(filesystem=build_image(files), paced=True) as board:
        board.exec(JOIN, timeout=180)
        yield board
