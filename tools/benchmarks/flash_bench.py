"""`make wear`: what a FlashQueue costs the flash, and how long it takes, beside what people do without it."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from device_files import ROOT, compiled, library_sources
from emulated_pico import Board
from emulated_pico.filesystem import build_image
from emulated_pico.flash import TYPICAL_BUSY_NANOSECONDS
from pytest_micropython.files import find_tool

FOLDER = ROOT / "bench" / "flash"
RESULTS = FOLDER / "results.json"
MARK = "\x1e"
SECTOR = 4096
PATIENCE_SECONDS = 900

# What a record of 32 bytes may cost at the default policy: erasures, programmed bytes.
GOALS = {"littlefs": (0.1, 250), "raw": (0.02, 250)}
DEFAULT = "FlashQueue, default (16)"


def wear() -> list[dict]:
    """Counted on the unix port: the geometry is the board's, and so are the counts."""
    search = f".frozen:{ROOT / 'lib'}"
    result = subprocess.run(
        [find_tool("micropython"), "-X", "heapsize=8M", str(FOLDER / "wear.py")],
        env={**os.environ, "MICROPYPATH": search},
        capture_output=True,
        text=True,
        check=True,
    )
    return reported(result.stdout)


def speed() -> list[dict]:
    """Measured on the emulated chip, with a flash that is busy for as long as a real one is."""
    files = {}
    for source in library_sources(ROOT / "lib", ["aimdb_flash"]):
        place = source.relative_to(ROOT / "lib").as_posix()
        files["lib/" + place.removesuffix(".py") + ".mpy"] = compiled(source, place)
    files["speed.mpy"] = compiled(FOLDER / "speed.py", "speed.py")
    image = build_image(files)
    with Board(filesystem=image, model="pico") as board:
        board.flash.busy = dict(TYPICAL_BUSY_NANOSECONDS)
        return reported(board.exec(f"import speed\nspeed.main({free_sectors(image)})", PATIENCE_SECONDS))


def free_sectors(image: bytes) -> int:
    """A place for 16 sectors at the end of the filesystem that it does not use, as far from its files as can be."""
    for start in range(len(image) - 16 * SECTOR, 0, -SECTOR):
        if not image[start : start + 16 * SECTOR].strip(b"\xff"):
            return start
    raise ValueError("the filesystem is full")


def reported(output: str) -> list[dict]:
    return [json.loads(line[1:]) for line in output.split("\n") if line.startswith(MARK)]


def tables(results: dict) -> str:
    lines = ["| 32-byte records | erasures / record | programmed bytes / record |", "|---|---|---|"]
    for row in results["wear"]:
        lines.append(f"| {row['medium']}: {row['pattern']} | {row['erases']:.3f} | {row['programmed']:.0f} |")
    lines += ["", "| emulated RP2040, flash busy as on a Pico | littlefs, ms | raw, ms |", "|---|---|---|"]
    figures = {(row["medium"], row["name"]): row["microseconds"] / 1000 for row in results["speed"]}
    for name in dict.fromkeys(name for _, name in figures):
        lines.append(f"| {name} | {figures['littlefs', name]:.1f} | {figures['raw', name]:.1f} |")
    return "\n".join(lines)


def missed(wear: list[dict]) -> list[str]:
    """The goals that these figures do not meet, a sentence each."""
    sentences = []
    for row in wear:
        if row["pattern"] == DEFAULT:
            erases, programmed = GOALS[row["medium"]]
            if row["erases"] > erases or row["programmed"] > programmed:
                sentences.append(f"{row['medium']}: {row['erases']} erasures, {row['programmed']} bytes per record")
    return sentences


def main() -> int:
    results = {"wear": wear(), "speed": speed()}
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    print(tables(results))
    above = missed(results["wear"])
    for sentence in above:
        print(f"wear: above the goal: {sentence}", file=sys.stderr)
    return int(bool(above))


if __name__ == "__main__":
    sys.exit(main())
