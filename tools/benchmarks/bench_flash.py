"""`make wear`: what a FlashQueue costs the flash, and how long it takes, beside what people do without it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench_network import image_with
from bench_targets import MARK, tell
from device_files import ROOT, compiled, library_sources
from emulated_pico import Board
from emulated_pico.filesystem import build_image
from emulated_pico.flash import TYPICAL_BUSY_NANOSECONDS
from pytest_micropython.files import find_tool

FOLDER = ROOT / "bench" / "flash"
RESULTS = FOLDER / "results.json"
SECTOR = 4096
PATIENCE_SECONDS = 3600  # Of a machine that does much else.
FULL_SECTORS = 175  # 700 KB,
# for which the flash of a Pico W has room if only what such a queue loads is there: these modules of the core, and
# all of aimdb_flash but those.
CORE = "__init__ buffer bytes_codec errors loading loop options polling timing waiting".split()
SPARE = "capitals mistakes partitions standstill".split()

# What a record of 32 bytes may cost at the default policy: erasures, programmed bytes.
GOALS = {"littlefs": (0.1, 250), "raw": (0.02, 250)}
DEFAULT = "FlashQueue, default (16)"


def wear() -> list[dict]:
    """Counted on the unix port: the geometry is the board's, and so are the counts."""
    return reported(on_this_machine("wear.py"))


def on_this_machine(script: str, *arguments: str) -> str:
    """What this script prints on the unix port."""
    search = f".frozen:{ROOT / 'lib'}:{FOLDER}"
    result = subprocess.run(
        [find_tool("micropython"), "-X", "heapsize=8M", str(FOLDER / script), *arguments],
        env={**os.environ, "MICROPYPATH": search},
        capture_output=True,
        text=True,
        check=True,
    )
    return result.stdout


def speed() -> list[dict]:
    """Measured on the emulated chip, with a flash that is busy for as long as a real one is."""
    image = board_image()
    with Board(filesystem=image, model="pico") as board:
        board.flash.busy = dict(TYPICAL_BUSY_NANOSECONDS)
        return reported(board.exec(f"import speed\nspeed.main({free_sectors(image, 16)})", PATIENCE_SECONDS))


def coding() -> list[dict]:
    """How long codecs take on the emulated chip."""
    with Board(filesystem=board_image(), model="pico") as board:
        return reported(board.exec("import speed\nspeed.coding()", PATIENCE_SECONDS))


def kept() -> list[dict]:
    """What queues keep of the emulated chip's heap, as they are deployed: compiled with native code."""
    with Board(filesystem=image_with(("aimdb", "aimdb_flash"), "flash_parts.py")) as board:
        return reported(board.exec("import flash_parts\nflash_parts.run()", PATIENCE_SECONDS))


def board_image(core: Sequence[str] = ()) -> bytes:
    """The filesystem of a board with the library and speed.py, as bytecode; of aimdb only these modules, if given."""
    files = {}
    for source in library_sources(ROOT / "lib", ["aimdb_flash"]):
        if core and (source.stem in SPARE if source.parent.name == "aimdb_flash" else source.stem not in core):
            continue
        place = source.relative_to(ROOT / "lib").as_posix()
        files["lib/" + place.removesuffix(".py") + ".mpy"] = compiled(source, place)
    files["speed.mpy"] = compiled(FOLDER / "speed.py", "speed.py")
    return build_image(files)


def openings(media: tuple[str, ...] = ("raw", "littlefs")) -> list[dict]:
    """How long it takes the emulated chip to open a queue of 700 KB that is full."""
    rows = []
    for medium in media:
        image = board_image(CORE)
        start = free_sectors(image, FULL_SECTORS)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "image")
            file.write_bytes(image)
            on_this_machine("filling.py", str(file), medium, str(start // SECTOR))
            image = file.read_bytes()
        with Board(filesystem=image, model="pico") as board:
            rows += reported(board.exec(f"import speed\nspeed.open_full({medium!r}, {start})", PATIENCE_SECONDS))
    return rows


def free_sectors(image: bytes, count: int) -> int:
    """A place for so many sectors that the filesystem does not use, as far from its files as can be."""
    for start in range(len(image) - count * SECTOR, 0, -SECTOR):
        if not image[start : start + count * SECTOR].strip(b"\xff"):
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
    lines += ["", "| a codec's encode | ms | of which the check |", "|---|---|---|"]
    for row in results["codecs"]:
        lines.append(f"| {row['name']} | {row['microseconds'] / 1000:.2f} | {row['check'] / 1000:.2f} |")
    lines += ["", "| kept on the heap | bytes |", "|---|---|"]
    lines += [f"| {row['name']} | {row['bytes']} |" for row in results["kept"]]
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
    tell("Counting what values cost the flash, and measuring on the emulated chip, some minutes ...")
    results = {"wear": wear(), "speed": speed() + openings(), "codecs": coding(), "kept": kept()}
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    print(tables(results))
    above = missed(results["wear"])
    for sentence in above:
        print(f"wear: above the goal: {sentence}", file=sys.stderr)
    return int(bool(above))


if __name__ == "__main__":
    sys.exit(main())
