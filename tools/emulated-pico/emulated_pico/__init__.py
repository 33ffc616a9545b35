"""A Raspberry Pi Pico (W) in software, running the official MicroPython firmware.

from emulated_pico import Board

with Board() as board:
    print(board.exec("print(1 + 1)"))
"""

from typing import Any

from emulated_pico.errors import BoardError

__all__ = ["Board", "BoardError"]


def __getattr__(name: str) -> Any:
    # Imported at first use: `emulated_pico.firmware` and `emulated_pico.speedup` also run where rp2040py is missing.
    if name == "Board":
        from emulated_pico.board import Board

        return Board
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
