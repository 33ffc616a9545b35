"""What several files of tests need, and is slow to make."""

from collections.abc import Iterator

import pytest
from emulated_pico import Board
from emulated_pico.network import JOIN


@pytest.fixture(scope="module")
def wifi_blocks() -> list[bytes]:
    """The blocks that the WiFi chip of `wifi_board` was sent."""
    return []


@pytest.fixture(scope="module")
def wifi_board(wifi_blocks: list[bytes]) -> Iterator[Board]:
    """A board whose WiFi is up, for the tests of one file: also at rest it takes time."""
    board = Board(paced=True)
    bus = board._wifi_chip.bus
    write_register = bus.write_register

    def note(function: int, address: int, size: int, value: int) -> None:
        if size > 4:
            wifi_blocks.append(value.to_bytes(size, "little"))
        write_register(function, address, size, value)

    bus.write_register = note
    with board:
        board.exec(JOIN, timeout=300)
        yield board
