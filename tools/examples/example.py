"""`make example NAME=ring`: run an example on an emulated board with what belongs around it, or on a real one."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import deploy
from board_declaration import architecture_of
from device_files import ROOT, DeployError, imported_names, library_files
from emulated_pico import Board, BoardError
from emulated_pico.filesystem import build_image
from emulated_pico.firmware import FirmwareError
from seconds import seconds
from surroundings import AROUND, Surroundings

FOLDER = ROOT / "examples"

# Seconds of wall time, after which an emulated board will not end any more.
PATIENCE = 600

INTERRUPT = b"\x03"
TRACEBACK = "Traceback (most recent call last):\n"
BANNER = "MicroPython v"
PROMPT = "\n>>> "


def names() -> list[str]:
    """The names of all examples."""
    return sorted(path.stem for path in FOLDER.glob("*.py"))


def packages_of(example: Path) -> list[str]:
    """The packages of the library that it imports."""
    return sorted({name for name in imported_names(example) if (ROOT / "lib" / name).is_dir()})


def run(
    name: str,
    seconds: float,
    around: Surroundings,
    paced: bool = False,
    on_output: Callable[[str], object] | None = None,
) -> str:
    """What an example prints in its first seconds, by the board's clock, on an emulated board.

    Arguments:
        around: what is wired to the board. When it has several lives, each gets its part of the time.
        paced: the board's clock goes no faster than ours.
        on_output: called with each piece of what is printed, as it is.

    Raises BoardError when it ends with an error of its own.
    """
    filesystem = build_image({**files_of(name), **around.files()})
    printed: list[str] = []

    def show(text: str) -> None:
        printed.append(text)
        if on_output:
            on_output(text)

    for life in range(around.lives):
        board = Board(filesystem, paced=paced or around.has_network)
        around.arrange(board, life)
        is_last = life == around.lives - 1
        if is_last:
            board.write_after(seconds / around.lives, INTERRUPT)
        else:
            board.after(seconds / around.lives, board.cut_power)
        follow(board, show)
        filesystem = board.filesystem()
        if not is_last:
            show("\n* the power goes out, and comes back\n")
    return "".join(printed)


def files_of(name: str) -> dict[str, bytes]:
    """What is on the flash of a board that starts with an example: its main.py, and the library."""
    example = FOLDER / f"{name}.py"
    library = library_files(packages_of(example), architecture_of("pico_w"))
    return {"main.py": example.read_bytes(), **{path[1:]: data for path, data in library.items()}}


def follow(board: Board, show: Callable[[str], object]) -> None:
    """Start a board, and show what it prints until its program ends or its power is cut.

    Raises BoardError for a program that ends with an error, other than by Ctrl-C.
    """
    shown = 0
    traceback = ""
    deadline = time.monotonic() + PATIENCE
    with board:
        while True:
            text = board.console.replace("\r", "")
            is_over = text.endswith(PROMPT)
            if is_over:
                text = text.partition(BANNER)[0]
            text, _, traceback = text.partition(TRACEBACK)
            new = text[shown:] if is_over else text[shown : text.rfind("\n") + 1]
            if new:
                show(new)
                shown += len(new)
            if is_over or not board.is_running:
                break
            if time.monotonic() > deadline:
                raise BoardError("the example did not end")
            time.sleep(0.05)
    if traceback and "KeyboardInterrupt" not in traceback:
        raise BoardError(traceback.strip().splitlines()[-1], stderr=TRACEBACK + traceback)


def run_on(port: str, name: str, seconds: float | None) -> int:
    """Put the library onto a real board and run the example there; the exit status."""
    example = FOLDER / f"{name}.py"
    if deploy.main(["--port", port, "--no-reset", "--library", *packages_of(example)]):
        return 1
    command = [sys.executable, "-m", "mpremote", "connect", port, "run", str(example)]
    process = subprocess.Popen(command)
    try:
        return process.wait(seconds)
    except (KeyboardInterrupt, subprocess.TimeoutExpired):
        process.terminate()
        process.wait()
        subprocess.run([*command[:5], "exec", "--no-follow", ""], check=False)  # Which interrupts it.
        return 0


def main(arguments: list[str] | None = None) -> int:
    """Return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition(":")[2])
    parser.add_argument("name", nargs="?", default="", help="the file below examples/, without .py")
    parser.add_argument("--port", help="serial port of a real board; without it an emulated one is started")
    parser.add_argument("--seconds", type=seconds, help="how long to watch, by its clock (10, or until it ends)")
    options = parser.parse_args(arguments)
    if options.name not in names():
        print(f"example: NAME is one of {', '.join(names())}, not {options.name!r}", file=sys.stderr)
        return 1
    try:
        if options.port:
            return run_on(options.port, options.name, options.seconds)
        around = AROUND.get(options.name, Surroundings)(lambda text: print(text, flush=True))
        if around.has_network:
            print("An emulated WiFi chip takes some seconds to start ...", flush=True)
        with around:
            run(options.name, options.seconds or 10, around, True, lambda text: print(text, end="", flush=True))
    except KeyboardInterrupt:
        return 0
    except BoardError as error:
        print(f"example: {error.stderr or error}", file=sys.stderr)
        return 1
    except (DeployError, FirmwareError, OSError) as error:
        print(f"example: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
