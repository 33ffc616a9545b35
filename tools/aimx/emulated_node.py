"""A sensor node to look at when no board is at hand."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from device_files import files_for
from emulated_pico import Board
from emulated_pico.filesystem import build_image
from run import Weather
from run_network import AIMX_PORT, Network

MODEL = "pico_w"


@contextlib.contextmanager
def emulated_node() -> Iterator[str]:
    """Run one, with a sensor, wind and a broker: the URL at which it serves its records, half a minute from now."""
    with Network() as network:
        files = {path[1:]: data for path, data in files_for(MODEL).items()}
        image = build_image({**files, **network.board_files()})
        with Board(model=MODEL, paced=True, filesystem=image) as board, Weather(board):
            yield f"tcp://127.0.0.1:{board.forward(AIMX_PORT)}"
