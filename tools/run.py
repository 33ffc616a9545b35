"""`make run`: deploy the sensor node and watch what it says, on an emulated board or a real one."""

from __future__ import annotations

import argparse
import contextlib
import math
import sys
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

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

# What a node says when it has reached its broker.
CONNECTED = "connected to the broker"

# So often we say that we still wait.
PATIENCE_SECONDS = 10

WHY_SO_LONG = "an emulated WiFi chip needs 5 s and more to start"

# The times of a script are for so long a run. In less the node has nothing to show.
SHORTEST_SECONDS = 8

# How the answer to a node's status begins; how much longer that may take, as a node that comes back from its crash has
# much to do; and how long we watch after it, so that the node has samples on its flash.
ANSWER = "produced consumed dropped"
ANSWER_SECONDS = 15
AFTER_ANSWER_SECONDS = 1


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
            return show(options.port, options.board, Script(options.seconds, *ALONE))
        with Network() if options.board in WITH_WIFI else contextlib.nullcontext() as network:
            return show_emulated(options.board, options.seconds, network)
    except KeyboardInterrupt:
        return 0
    except (DeployError, BoardError, FirmwareError) as error:
        print(f"run: {error}", file=sys.stderr)
    except OSError as error:
        print(f"run: the connection to the board broke off: {error}", file=sys.stderr)
    return 1


class Step(NamedTuple):
    """So many seconds after its act has begun, a line is typed on the node's console, or a function is called.

    The function returns a sentence about what it has done.
    """

    seconds: float
    what: str | Callable[[], str]


class Act:
    """Some steps, in order. It begins when the act before it has ended and the board prints a line with the cue."""

    def __init__(self, cue: str, *steps: Step) -> None:
        self.cue = cue
        self.steps = steps


class Script:
    """What happens when, by the board's clock, in a run of so many seconds. The node tells its status at the end."""

    def __init__(self, seconds: float, *acts: Act) -> None:
        self._seconds = seconds
        self._acts = list(acts)
        self._steps: list[Step] = []  # Of the present act, those to come.
        self._act_began = 0.0
        self._began: float | None = None
        self._end = math.inf

    def is_over(self, clock: float) -> bool:
        return clock > self._end

    def go_on(self, line: str, clock: float, console: serial.Serial) -> None:
        """Do all that is due now that the board has said this."""
        if not self._steps and self._acts and self._acts[0].cue in line:
            self._steps = list(self._acts.pop(0).steps)
            self._act_began = clock
            if self._began is None:
                self._began = clock
                self._end = clock + self._seconds + ANSWER_SECONDS
        if self._began is not None and ANSWER in line:
            self._end = max(self._began + self._seconds, clock + AFTER_ANSWER_SECONDS)
        while self._steps and clock > self._act_began + self._steps[0].seconds * self._seconds / SHORTEST_SECONDS:
            what = self._steps.pop(0).what
            if isinstance(what, str):
                print(f"{'':7}  > {what}")
                console.write(what.encode() + b"\n")
            else:
                print(f"{'':7}  * {what()}", flush=True)


# A crash, and that the node comes back from it.
CRASHED = Act("restart   in ")

ALONE = (
    Act("", Step(0.4, "interval 25"), Step(2.4, "interval 9999999999"), Step(4.0, "break")),
    CRASHED,
    Act("start   ", Step(1.5, "status")),
)


def with_network(network: Network, weather: Weather) -> tuple[Act, ...]:
    """The acts of a node that has a broker."""
    trouble = Act(
        CONNECTED,
        Step(0.4, "interval 25"),
        Step(0.8, network.send_poison),
        Step(1.6, weather.fail),
        Step(2.4, "interval 9999999999"),
        Step(2.8, network.stop_broker),
        Step(3.6, network.start_broker),
        Step(4.0, "break"),
    )
    command = Act(CONNECTED, Step(0.2, network.send_command))
    # The last samples are only on the flash.
    outage = Act("one value every 30 ms", Step(0.2, network.stop_broker), Step(0.6, "status"))
    return trouble, CRASHED, command, outage


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
        acts = with_network(network, weather) if network else ALONE
        if status := show(board.serve_pty(), model, Script(seconds, *acts)):
            return status
    print("\nThe power went out in the middle of that, and comes back.", flush=True)
    if network:
        network.start_broker()
    with Board(board.filesystem(), model, paced=True) as board, Weather(board):
        said = follow(Printed(board), lambda clock: network.has_enough() if network else clock > 2)
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


class Printed:
    """What an emulated board prints, from its start on. A port that is opened later has lost the first lines."""

    def __init__(self, board: Board) -> None:
        self._board = board

    def readline(self) -> bytes:
        """The next line; empty when there is none within 0.2 s. Raises BoardError when the board has ended."""
        try:
            return self._board.wait_for("\n", timeout=0.2).encode()
        except BoardError:
            if not self._board.is_running:
                raise
            return b""


def follow(console: serial.Serial | Printed, ended: Callable[[float], bool], script: Script | None = None) -> str:
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


def rest_of_answer(console: serial.Serial | Printed) -> list[str]:
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
