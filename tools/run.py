"""`make run`: deploy the sensor node and watch what it says, on an emulated board or a real one."""

from __future__ import annotations

import argparse
import contextlib
import math
import sys
import threading
import time
from collections.abc import Callable

import deploy
import serial
from board_declaration import board_folders
from board_link import BoardLink
from device_files import DeployError, files_for
from emulated_pico import Board, BoardError
from emulated_pico.board import MODELS
from emulated_pico.filesystem import build_image
from emulated_pico.firmware import FirmwareError
from run_aimx import look_at_records
from run_network import AIMX_PORT, Network
from seconds import seconds

WITH_WIFI = ("pico_w",)

# GPIO of the anemometer, as in boards/*/board.py.
ANEMOMETER = 15

# A real board's port is away for a moment while the board restarts.
RESTART_SECONDS = 15

# So long it may take until the board says something. An emulated WiFi chip takes many seconds to start, and several
# times as long on a busy machine.
SILENCE_SECONDS = 600

# So often we say that we still wait.
PATIENCE_SECONDS = 10

WHY_SO_LONG = "an emulated WiFi chip needs 5 s and more to start"

# In less time the node has not come back from its crash when it is asked for its status.
SHORTEST_SECONDS = 8

# How the answer to its status begins; how much longer that may take, as a node that comes back has much to do; and how
# long we watch after it, so that the node has samples on its flash.
ANSWER = "produced consumed dropped"
ANSWER_SECONDS = 5
AFTER_ANSWER_SECONDS = 1

# What is typed on the node's console, after which part of the time.
TYPED = ((0.05, "interval 25"), (0.3, "interval 9999999999"), (0.5, "break"), (0.92, "status"))


def main(arguments: list[str] | None = None) -> int:
    """Return the exit status: 0 when the node was deployed, has answered, and has lost nothing."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", help="serial port of a real board; without it an emulated one is started")
    parser.add_argument("--board", default="pico_w", help="folder below boards/ that describes it (pico_w)")
    parser.add_argument(
        "--seconds", type=seconds, default=SHORTEST_SECONDS, help="how long to watch, by the board's clock (8)"
    )
    options = parser.parse_args(arguments)
    if not options.seconds >= SHORTEST_SECONDS:
        print(f"run: SECONDS is {SHORTEST_SECONDS} or more: the node is to fail and to come back", file=sys.stderr)
        return 1
    if not options.port and options.board in board_folders() and options.board not in MODELS:
        where = f"with the board plugged in: make run BOARD={options.board} PORT=/dev/ttyACM0"
        print(f"run: {options.board} is not emulated, as {' and '.join(MODELS)} are; {where}", file=sys.stderr)
        return 1
    try:
        files_for(options.board)  # A mistake in the sources or in the board's name is told before anything starts.
        if options.port:
            return show(options.port, options.board, Script(options.seconds, "", TYPED))
        with Network() if options.board in WITH_WIFI else contextlib.nullcontext() as network:
            return show_emulated(options.board, options.seconds, network)
    except KeyboardInterrupt:
        return 0
    except (DeployError, BoardError, FirmwareError) as error:
        print(f"run: {error}", file=sys.stderr)
    except OSError as error:
        print(f"run: the connection to the board broke off: {error}", file=sys.stderr)
    return 1


class Script:
    """What happens when, by the board's clock: lines that are typed, and functions that say what they have done.

    It begins with the first line of the board in which `cue` stands.
    """

    def __init__(self, seconds: float, cue: str, *parts: tuple[tuple[float, str | Callable[[], str]], ...]) -> None:
        self._seconds = seconds
        self._cue = cue
        self._start: float | None = None
        self._end = math.inf
        self._waiting = sorted(((at, what) for part in parts for at, what in part), key=lambda entry: entry[0])

    def is_over(self, clock: float) -> bool:
        return clock > self._end

    def go_on(self, line: str, clock: float, console: serial.Serial) -> None:
        """Do all that is due now that the board has said this."""
        if self._start is None and self._cue in line:
            self._start = clock
            self._end = clock + self._seconds + ANSWER_SECONDS
        if self._start is not None and ANSWER in line:
            self._end = max(self._start + self._seconds, clock + AFTER_ANSWER_SECONDS)
        while self._waiting and self._start is not None and clock > self._start + self._waiting[0][0] * self._seconds:
            _, what = self._waiting.pop(0)
            if isinstance(what, str):
                print(f"{'':7}  > {what}")
                console.write(what.encode() + b"\n")
            else:
                print(f"{'':7}  * {what()}", flush=True)


def show(port: str, model: str, script: Script) -> int:
    """Deploy to a board and watch it; the exit status."""
    if deploy.main(["--port", port, "--board", model]):
        return 1
    with reopened(port) as console:
        said = follow(console, script.is_over, script)
    if ANSWER in said:
        return 0
    print("run: the board did not answer to 'status'. See above what it said last.", file=sys.stderr)
    return 1


def show_emulated(model: str, seconds: float, network: Network | None) -> int:
    """Deploy to an emulated board, watch it, cut its power in the middle of all that, and see what it still has."""
    print(f"An emulated {model} starts, with the official MicroPython firmware. This takes about two minutes.")
    print("The library is on its flash already, and the application is copied now:", flush=True)
    BoardLink.patience = SILENCE_SECONDS
    # The library is there from an earlier deploy: over the emulated serial line it would take a minute.
    files = {path[1:]: data for path, data in files_for(model).items() if path.startswith("/lib/")}
    image = build_image({**files, **(network.board_files() if network else {})})
    with Board(model=model, paced=True, filesystem=image) as board, Weather(board) as weather:
        parts = [TYPED, ((0.2, weather.fail),)]
        if network:
            parts.append(
                (
                    (0.1, network.send_poison),
                    (0.35, network.stop_broker),
                    (0.45, network.start_broker),
                    (0.75, network.send_command),
                    (0.85, network.stop_broker),  # So that the last samples are only on the flash.
                )
            )
        cue = "connected to the broker" if network else ""
        if status := show(board.serve_pty(), model, Script(seconds, cue, *parts)):
            return status
    print("\nThe power went out in the middle of that, and comes back.", flush=True)
    if network:
        network.start_broker()
    with Board(board.filesystem(), model, paced=True) as board, Weather(board):
        with reopened(board.serve_pty()) as console:
            said = follow(console, lambda clock: network.has_enough() if network else clock > 2)
        was_seen = network is None or look_at_records(board.forward(AIMX_PORT))
    if "before the restart" not in said:
        print("run: the board did not say that it kept its samples.", file=sys.stderr)
        return 1
    if not was_seen:
        print("run: the records could not be seen by AimX.", file=sys.stderr)
    if network:
        for answer in network.answers():
            print(f"{'':7}  < {answer.partition(chr(10))[0]}")
        if not (network.has_everything() and was_seen):
            return 1
    print("\nThat was the sensor node, firmware/sensor_node.py. For a program of your own go on with docs/tutorial.md.")
    return 0


def follow(console: serial.Serial, ended: Callable[[float], bool], script: Script | None = None) -> str:
    """Show what the board says until `ended`, which is asked with the board's clock, and return it."""
    said: list[str] = []
    line = b""
    clock = 0.0
    heard = reported = time.monotonic()
    while not ended(clock):
        line += console.readline()  # Perhaps the beginning of one.
        now = time.monotonic()
        if line.endswith(b"\n"):
            text = line.decode(errors="replace").rstrip()
            print(text, flush=True)
            said.append(text)
            line = b""
            heard = reported = now
            with contextlib.suppress(ValueError, IndexError):
                clock = float(text.split()[0])
            if script:
                script.go_on(text, clock, console)
        elif now - heard > SILENCE_SECONDS:
            print(f"run: the board has said nothing for {SILENCE_SECONDS} s.", file=sys.stderr)
            break
        elif now - reported > PATIENCE_SECONDS:
            print(f"{'':7}  ... the board has said nothing for {now - heard:.0f} s; {WHY_SO_LONG}", flush=True)
            reported = now
    else:
        said += rest_of_answer(console)
    return "\n".join(said)


def rest_of_answer(console: serial.Serial) -> list[str]:
    """Show the further lines of what the board said last. They have no clock, and are indented."""
    lines = []
    while (line := console.readline()).startswith(b" " * 8):
        lines.append(line.decode(errors="replace").rstrip())
        print(lines[-1], flush=True)
    return lines


class Weather:
    """Around an emulated board it warms up and cools down, and the wind turns the anemometer."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._over = threading.Event()
        self._failing_until = 0.0  # By the board's clock.
        self._thread = threading.Thread(target=self._blow)

    def fail(self) -> str:
        """The sensor's wire is loose for a moment."""
        self._failing_until = self._board.nanoseconds / 1e9 + 0.3
        return "the wire of the sensor is loose for a moment"

    def _blow(self) -> None:
        # All by the board's clock, which is slower than ours while it is busy.
        last = self._board.nanoseconds / 1e9
        turned = 0.0
        while not self._over.wait(0.1):
            now = self._board.nanoseconds / 1e9
            celsius = 28 + 4 * math.sin(now)
            volts = 0.706 - (celsius - 27) * 0.001721
            self._board.adc[4] = 4095 if now < self._failing_until else round(volts / 3.3 * 4095)
            turned += (celsius - 22) * (now - last)  # The warmer, the windier.
            last = now
            if turned > 1:
                turned = 0
                self._board.pin(ANEMOMETER).pulse(1, 40_000_000)

    def __enter__(self) -> Weather:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._over.set()
        self._thread.join()


def reopened(port: str) -> serial.Serial:
    """The port, as soon as the restarted board has it again. Raises OSError."""
    deadline = time.monotonic() + RESTART_SECONDS
    while True:
        try:
            return serial.Serial(port, 115200, timeout=0.2)
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


if __name__ == "__main__":
    sys.exit(main())
