"""`make run`: deploy the sensor node and watch what it says, on an emulated board or a real one."""

from __future__ import annotations

import argparse
import contextlib
import math
import sys
import threading
import time
from collections.abc import Iterator

import deploy
import serial
from board_declaration import board_folders
from device_files import DeployError, files_for
from emulated_pico import Board, BoardError
from emulated_pico.board import MODELS
from emulated_pico.filesystem import build_image
from emulated_pico.firmware import FirmwareError
from run_network import Network

# What is typed on the node's console, and after which part of the time.
COMMANDS = ((0.5, "interval 25"), (0.9, "status"))

# What the broker does meanwhile. It is away when the power goes out, so that the samples are only on the flash.
HAPPENINGS = ((0.3, "stop_broker"), (0.5, "start_broker"), (0.7, "send_command"), (0.8, "stop_broker"))

WITH_WIFI = ("pico_w",)

# GPIO of the anemometer, as in boards/*/board.py.
ANEMOMETER = 15

# A real board's port is away for a moment while the board restarts.
RESTART_SECONDS = 15

# The node says something every second; an emulated one on a slow machine needs longer.
SILENCE_SECONDS = 60

# An emulated WiFi chip takes many seconds to start.
WIFI_SECONDS = 300


def main(arguments: list[str] | None = None) -> int:
    """Return the exit status: 0 when the node was deployed and has answered."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", help="serial port of a real board; without it an emulated one is started")
    parser.add_argument("--board", default="pico_w", help="folder below boards/ that describes it (pico_w)")
    parser.add_argument("--seconds", type=float, default=10, help="how long to watch, by the board's clock (10)")
    options = parser.parse_args(arguments)
    if not options.port and options.board in board_folders() and options.board not in MODELS:
        where = f"with the board plugged in: make run BOARD={options.board} PORT=/dev/ttyACM0"
        print(f"run: {options.board} is not emulated, as {' and '.join(MODELS)} are; {where}", file=sys.stderr)
        return 1
    try:
        files_for(options.board)  # A mistake in the sources or in the board's name is told before anything starts.
        flash: list[bytes] = []
        with Network() if not options.port and options.board in WITH_WIFI else contextlib.nullcontext() as network:
            emulator = emulated(options.board, flash, network)
            with contextlib.nullcontext(options.port) if options.port else emulator as port:
                if deploy.main(["--port", port, "--board", options.board]):
                    return 1
                answered = watch(port, options.seconds, network)
            if answered:
                return 0 if not flash or show_restart(options.board, flash[0], network) else 1
        print("run: the board did not answer to 'status'. See above what it said last.", file=sys.stderr)
    except KeyboardInterrupt:
        return 0
    except (DeployError, BoardError, FirmwareError) as error:
        print(f"run: {error}", file=sys.stderr)
    except OSError as error:
        print(f"run: the connection to the board broke off: {error}", file=sys.stderr)
    return 1


@contextlib.contextmanager
def emulated(model: str, flash: list[bytes], network: Network | None) -> Iterator[str]:
    """An emulated board in the weather, which warms up and cools down; gives the path of its serial port.

    At the end its power goes out, and `flash` gets what its filesystem looks like then.
    """
    print(f"Starting an emulated {model} with the official MicroPython firmware.", flush=True)
    done = threading.Event()

    def weather(board: Board) -> None:
        started = time.monotonic()
        turned = 0.0
        while not done.wait(0.1):
            celsius = 28 + 4 * math.sin(time.monotonic() - started)
            volts = 0.706 - (celsius - 27) * 0.001721
            board.adc[4] = round(volts / 3.3 * 4095)
            turned += celsius - 22  # The warmer, the windier.
            if turned > 10:
                turned -= 10
                board.pin(ANEMOMETER).pulse(1, 40_000_000)

    # The library is there from an earlier deploy: over the emulated serial line it would take a minute.
    files = {path[1:]: data for path, data in files_for(model).items() if path.startswith("/lib/")}
    image = build_image({**files, **(network.board_files() if network else {})})
    with Board(model=model, paced=True, filesystem=image) as board:
        thread = threading.Thread(target=weather, args=(board,))
        thread.start()
        try:
            yield board.serve_pty()
        finally:
            done.set()
            thread.join()
    flash.append(board.filesystem())


def show_restart(model: str, flash: bytes, network: Network | None) -> bool:
    """What the node says when the power is back, and whether the broker has then got everything.

    Raises BoardError when it does not say that it kept its samples.
    """
    print("\nThe power went out in the middle of that, and comes back.", flush=True)
    if network:
        network.start_broker()
    with Board(filesystem=flash, model=model, paced=network is not None) as board:
        print(board.wait_for("before the restart", SILENCE_SECONDS) + board.wait_for("\n", SILENCE_SECONDS), flush=True)
        return network is None or network.has_everything(WIFI_SECONDS)


def watch(port: str, seconds: float, network: Network | None) -> bool:
    """Show what the board prints for so many seconds of its own clock; True when it has answered to `status`."""
    answered = False
    clock = 0.0
    waiting = [(share * seconds, command) for share, command in COMMANDS]
    happenings = [(share * seconds, name) for share, name in HAPPENINGS] if network else []
    with reopened(port) as line:
        heard = time.monotonic()
        while clock < seconds and time.monotonic() - heard < SILENCE_SECONDS:
            text = line.readline().decode(errors="replace").rstrip()
            if text:
                print(text, flush=True)
                heard = time.monotonic()
                answered = answered or "produced consumed dropped" in text
                with contextlib.suppress(ValueError):
                    clock = float(text.split()[0])
            if waiting and clock > waiting[0][0]:
                _, command = waiting.pop(0)
                print(f"{'':7}  > {command}")
                line.write(command.encode() + b"\n")
            if happenings and clock > happenings[0][0]:
                _, name = happenings.pop(0)
                print(f"{'':7}  * {getattr(network, name)()}", flush=True)
    return answered


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
