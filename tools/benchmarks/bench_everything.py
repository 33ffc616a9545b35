"""`make bench-everything`: what a program that uses nearly all of the library keeps of an emulated Pico W's heap."""

from __future__ import annotations

import re
import sys

from bench_network import PATIENCE_SECONDS, Figures, figures_in, image_with, run
from emulated_pico import Board

PACKAGES = ("aimdb", "aimdb_flash", "aimdb_net", "aimdb_mqtt")


def main(arguments: list[str] | None = None) -> int:
    return run(arguments, __doc__, "", measure)


def measure() -> tuple[Figures, dict]:
    figures = {
        **measured(native=True),
        **{f"{name}, as bytecode": each for name, each in measured(native=False).items()},
    }
    return figures, figures


def measured(native: bool) -> Figures:
    image = image_with(PACKAGES, "everything.py", native)
    with Board(filesystem=image) as board:
        printed = board.exec("import everything; everything.run()", PATIENCE_SECONDS)
    modules = re.search("^MODULES (.*)$", printed, re.MULTILINE)[1].split()
    with Board(filesystem=image) as board:
        printed += board.exec(f"import everything; everything.load({modules})", PATIENCE_SECONDS)
    return figures_in(printed)


if __name__ == "__main__":
    sys.exit(main())
