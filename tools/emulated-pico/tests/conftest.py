"""What several files of tests need, and is slow to make."""

from collections.abc import Iterator

import pytest
from emulated_pico import Board

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
    """A board whose WiFi is up: starting the chip takes many seconds, so all tests share it."""
    with Board(paced=True) as board:
        board.exec(JOIN, timeout=300)
        yield board
