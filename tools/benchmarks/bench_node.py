"""`make bench-node`: what `aimdb_node` and the firmware keep of an emulated Pico W's heap."""

from __future__ import annotations

import json
import re
import sys

from bench_network import PATIENCE_SECONDS, Figures, figures_in, image_with, run
from bench_targets import tell
from device_files import files_for
from emulated_pico import Board
from emulated_pico.filesystem import build_image
from mqtt_broker import LocalBroker

PARTS = ("package", "setting", "supervisor", "commands", "wifi", "clock")


def main(arguments: list[str] | None = None) -> int:
    return run(arguments, __doc__, "", measure)


def measure() -> tuple[Figures, dict]:
    figures: Figures = {}
    image = image_with(("aimdb", "aimdb_node"), "node_parts.py")
    for part in PARTS:  # Each on a heap of its own, as parts share what they need.
        tell(f"Measuring the part {part} ...")
        with Board(filesystem=image) as board:
            printed = board.exec(f"import node_parts; node_parts.run({part!r})", PATIENCE_SECONDS)
            figures |= figures_in(printed)
    with LocalBroker() as broker:
        url = f"mqtt://10.0.0.1:{broker.port}"
        tell("Measuring the firmware, with an emulated WiFi chip, which takes some seconds to start ...")
        used, *_ = firmware(broker=url)
        figures["heap of the firmware, connected"] = [0, used]
        tell("Measuring the firmware while it serves AimX ...")
        used, piece, file, most = firmware(broker=url, aimx={"tcp": 7433, "anyone": "read"})
        figures["heap of the firmware, connected and serving AimX"] = [0, used]
        figures["the largest free piece then"] = [0, piece]
        figures["an open file, in one piece"] = [0, file]
        figures["the whole heap"] = [0, most]
    return figures, {"figures": figures}


OPENED = """
import gc
gc.collect()
before = gc.mem_alloc()
file = open("main.py")
print(gc.mem_alloc() - before)
"""


def firmware(**settings: object) -> tuple[int, int, int, int]:
    """Of the heap, while connected: what it uses after a collection, the largest free piece, an open file, all."""
    network = {"ssid": "RP2040PY-GUEST", "password": "password", "ntp": ["10.0.0.1", 9], **settings}
    files = {path[1:]: data for path, data in files_for("pico_w").items()}
    with Board(filesystem=build_image({**files, "network.json": json.dumps(network).encode()}), paced=True) as board:
        board.wait_for("connected to the broker", PATIENCE_SECONDS)
        board.write(b"status\n")
        board.wait_for("sensor failed", PATIENCE_SECONDS)
        used = int(re.findall(r"heap (\d+) bytes", board.console)[-1])
        board.write(b"\x03")
        board.wait_for(">>> ", PATIENCE_SECONDS)
        blocks = re.findall(
            r"max free sz: (\d+)", board.exec("import micropython; micropython.mem_info()", PATIENCE_SECONDS)
        )
        file = int(board.exec(OPENED, PATIENCE_SECONDS))
        most = int(board.exec("import gc; print(gc.mem_alloc() + gc.mem_free())", PATIENCE_SECONDS))
    return used, int(blocks[0]) * 16, file, most


if __name__ == "__main__":
    sys.exit(main())
