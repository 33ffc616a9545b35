"""What the benchmarks of an emulated Pico W in a network have in common: WiFi, what is on its flash, and the report."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

from board_declaration import architecture_of
from device_files import ROOT, compiled, compiled_library
from emulated_pico import Board, BoardError
from emulated_pico.filesystem import build_image
from emulated_pico.network import JOIN

# Starting the WiFi chip takes many seconds, and a busy emulated chip is up to 25 times slower than a real one.
PATIENCE_SECONDS = 600

# The beginning of a program that prints what packages keep of the heap: `core` is what there is without them.
CORE = """
import gc

def used():
    gc.collect()
    return gc.mem_alloc()

from aimdb import AimDb, BoundedQueue, JsonCodec, SingleLatest
import aimdb.complaint, aimdb.timing
AimDb, BoundedQueue, JsonCodec, SingleLatest
import table_of_names
table_of_names.begin()
core = used()
"""

# Of a program on the board, each a pair of times per second and bytes; 0 stands for what was not measured.
Figures = dict[str, list[int]]


def run(arguments: list[str] | None, description: str, unit: str, measure: Callable[[], tuple[Figures, dict]]) -> int:
    """The main function of a benchmark: its exit status. `measure` gives figures, and what the file is to have."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--json", type=Path, help="file to write the results to")
    options = parser.parse_args(arguments)
    try:
        figures, results = measure()
    except BoardError as error:
        print(f"bench: the emulated board gave up: {error}\n{error.stderr}", file=sys.stderr)
        return 1
    print(f"{'':<60}{unit:>12}{'bytes':>8}")
    for name, (rate, size) in figures.items():
        print(f"{name:<60}{rate or '':>12}{size or '':>8}")
    if options.json:
        options.json.write_text(json.dumps(results, indent=2) + "\n")
    return 0


def measured(image: bytes, heap: str, board: Board, program: str) -> tuple[Figures, str]:
    """What two programs print, and the board's firmware: `heap` on a board of its own, `program` on one with WiFi."""
    with Board(filesystem=image) as other:  # With the names that it makes known, the program would be slower.
        printed = other.exec(heap, timeout=PATIENCE_SECONDS)
    board.exec(JOIN, timeout=PATIENCE_SECONDS)
    printed += board.exec(program, timeout=PATIENCE_SECONDS)
    firmware = board.exec("import sys; print(sys.implementation.version, sys.implementation._machine)").strip()
    return figures_in(printed), firmware


def figures_in(printed: str) -> Figures:
    return {name: [int(rate), int(size)] for name, rate, size in re.findall(r"RESULT (.*): (\d+), (\d+)", printed)}


def image_with(packages: tuple[str, ...], program: str, native: bool = True) -> bytes:
    """A filesystem with the packages and a program of bench/, as they are deployed, or as bytecode."""
    sources = [source for package in packages for source in (ROOT / "lib" / package).glob("*.py")]
    places = {source.relative_to(ROOT / "lib").as_posix(): source for source in sources}
    files = compiled_library(places, architecture_of("pico_w") if native else None)
    for name in (program, "table_of_names.py"):
        files[name.removesuffix(".py") + ".mpy"] = compiled(ROOT / "bench" / name, name)
    return build_image({f"lib/{place}": code for place, code in files.items()})
