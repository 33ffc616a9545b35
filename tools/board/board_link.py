"""Talks to a board through the mpremote command, and says in a sentence what went wrong."""

from __future__ import annotations

import errno
import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from device_files import DeployError

# A board gets 10 s to stop its program, and 10 s for its boot.py; an emulated one on a busy machine is slow at both.
PATIENCE_SECONDS = 90
ATTEMPTS = 3
LISTING_SECONDS = 30

Result = TypeVar("Result")


class BoardFull(DeployError):
    """The board has no room for what was to be copied."""


class BrokenOff(DeployError):
    """The board fell silent. It may answer a further attempt: a busy computer starves an emulated one."""


def mpremote_command() -> list[str]:
    """How to start mpremote: the one installed beside this Python, or the one on PATH."""
    if importlib.util.find_spec("mpremote"):
        return [sys.executable, "-m", "mpremote"]
    program = shutil.which("mpremote")
    if not program:
        raise DeployError("mpremote is not installed. Install it with: pip install mpremote")
    return [program]


def mpremote_by_hand() -> str:
    """How to start it in a shell, which may not find the one beside this Python."""
    return "mpremote" if shutil.which("mpremote") else shlex.quote(str(Path(sys.executable).with_name("mpremote")))


class BoardLink:
    """One serial port, and the board that should be behind it."""

    patience: float = PATIENCE_SECONDS  # For its answers; an emulated board on a busy machine takes longer.

    def __init__(self, port: str) -> None:
        self.port = port
        # Whether the board's program has been stopped. It stays so, and is not stopped anew for each command.
        self.stopped = False
        self._has_answered = False

    def run(
        self,
        *commands: list[str],
        patience: float = 0,
        each_line: Callable[[str], None] | None = None,
    ) -> str:
        """Run mpremote commands on the board in one process; returns what they printed."""
        self.check_port()
        arguments = ["connect", self.port] + (["resume"] if self.stopped else [])
        for command in commands:
            arguments += [*command, "+"]
        # Unbuffered, so that a copied file is reported while the next one is under way.
        process = subprocess.Popen(
            mpremote_command() + arguments[:-1],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        # mpremote itself may wait for ever for a board that fell silent.
        hung = threading.Event()
        deadline = threading.Timer(max(patience, self.patience), lambda: (hung.set(), process.kill()))
        deadline.start()
        output = []
        try:
            for line in process.stdout:
                output.append(line)
                if each_line:
                    each_line(line.rstrip())
            failed = process.wait()
        finally:
            deadline.cancel()
            process.kill()
            process.wait()
        if failed:
            raise self.explain("" if hung.is_set() or failed < 0 else "".join(output))
        self.stopped = self._has_answered = True
        return "".join(output)

    def restart(self) -> None:
        """Restart the board as its reset button would; main.py then runs by itself."""
        self.run(["reset"])
        self.stopped = False

    def persist(self, action: Callable[[], Result]) -> Result:
        """Do it; when the connection breaks off, from its beginning again, after a soft reset, with more patience."""
        for _ in range(ATTEMPTS - 1):
            try:
                return action()
            except BrokenOff:
                print("  the board does not answer; it is asked again", flush=True)
                self.stopped = False
                self.patience *= 2
        return action()

    def check_port(self) -> None:
        if os.name == "nt":  # COM ports are not files
            absent = self.port not in [port for port, _ in usb_ports()]
        else:
            absent = not os.path.exists(self.port)
        if absent:
            raise DeployError(
                f"There is no {self.port}. Plug the board in, or name its port: PORT=... "
                f"('{mpremote_by_hand()} connect list' shows the ports)."
            )
        if os.name != "nt" and not os.access(self.port, os.R_OK | os.W_OK):
            raise DeployError(
                f"You are not allowed to open {self.port}. On Linux, join the group that owns it "
                "(sudo usermod -aG dialout $USER), then log in again."
            )

    def explain(self, output: str) -> DeployError:
        """What to tell the user about a failed mpremote run, from what it printed; nothing when it hung."""
        last_line = (output.strip().splitlines() or [""])[-1]
        if "failed to access" in output:
            return not_opened(self.port)
        if "ENOSPC" in output or os.strerror(errno.ENOSPC) in output:
            return BoardFull(
                f"The board's filesystem is full. Delete files that you no longer need ({mpremote_by_hand()} connect "
                f"{self.port} fs tree -s shows them), then run this again."
            )
        if "damaged on the way" in output:
            path = last_line.rpartition(" ")[2]
            return DeployError(f"{path} was damaged on the way. Run this again, or try another cable.")
        if "ENODEV" in output:
            return DeployError(
                "The board has no usable filesystem. Flash MicroPython again; if that does not help, erase "
                "the whole flash first."
            )
        if last_line.startswith("OSError") and 'File "<stdin>"' in output:
            return DeployError(f"The board reported an error: {last_line}.")  # Of its files, not of the connection.
        hung = not output or "could not enter raw repl" in output
        if hung and not self._has_answered:
            return (BrokenOff if output else DeployError)(
                f"{self.port} is there, but no MicroPython answers. Unplug the board and plug it in again; "
                "if it stays silent, flash MicroPython onto it."
            )
        if hung or "SerialException" in output or "TransportError" in output or "OSError" in output:
            return BrokenOff(
                f"The connection to the board on {self.port} broke off: it was unplugged, or it restarted. "
                "Run this again; it goes on with what is missing."
            )
        return DeployError(f"The board reported an error: {last_line.rstrip(': ')}.")


def not_opened(port: str) -> DeployError:
    """Why a port that is there could not be opened."""
    if os.name != "nt" and not is_terminal(port):
        return DeployError(f"{port} is no serial port. Name the board's: PORT=/dev/ttyACM0, say.")
    return DeployError(
        f"{port} is busy: another program holds it. Close the serial terminal, Thonny or other mpremote that uses it, "
        "then run this again."
    )


def is_terminal(port: str) -> bool:
    """What a serial port is; one that cannot be asked counts as one."""
    if not Path(port).is_char_device():
        return False
    try:
        file = os.open(port, os.O_RDWR | os.O_NONBLOCK)
    except OSError:
        return True
    try:
        return os.isatty(file)
    finally:
        os.close(file)


def find_port() -> str:
    """The port of the only MicroPython board that is plugged in."""
    return choose_port(usb_ports())


def usb_ports() -> list[tuple[str, str]]:
    """Port and description of each USB serial device, as mpremote lists them."""
    command = [*mpremote_command(), "connect", "list"]
    try:
        listing = subprocess.run(command, capture_output=True, text=True, timeout=LISTING_SECONDS)
    except subprocess.TimeoutExpired:
        raise DeployError(
            f"The ports were not listed within {LISTING_SECONDS} s: a USB device hangs. Unplug what else is there, and "
            "run this again. Name the board's: PORT=/dev/ttyACM0, say."
        ) from None
    ports = []
    for line in listing.stdout.splitlines():
        words = line.split(maxsplit=3)
        # Ports built into the computer have no USB identity.
        if len(words) >= 3 and words[2] != "0000:0000":
            ports.append((words[0], " ".join(words[2:])))
    return ports


def choose_port(ports: list[tuple[str, str]]) -> str:
    """The one port among these that a MicroPython board must be on."""
    # A board with its own USB says so; one behind a USB-to-serial chip does not, but may be the only device.
    likely = [entry for entry in ports if "MicroPython" in entry[1]] or ports
    if not likely:
        raise DeployError(
            "No board found. Plug one in with a USB cable that carries data (many only charge), or name its "
            "port: PORT=..."
        )
    if len(likely) > 1:
        listed = "".join(f"\n  PORT={port}    ({description})" for port, description in likely)
        raise DeployError(f"More than one board could be meant. Choose one:{listed}")
    return likely[0][0]
