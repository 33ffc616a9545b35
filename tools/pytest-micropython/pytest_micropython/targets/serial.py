"""A board on a serial port. mpremote mounts the compiled files, so nothing is written to its flash."""

import functools
import sys
import tempfile
import time
from pathlib import Path

from .. import mpy
from ..files import Program, TargetError
from ..output import ProcessRun, Run
from . import DESCRIBE, printed_by

# What is mounted seems to be empty when the host's answers come too late for the board.
MOUNTED = """
try:
    import harness
except ImportError as error:
    if "harness" not in str(error):
        raise
    raise OSError("the board cannot read the folder that mpremote mount shows it, as no answer came in time. Is the "
        "computer overloaded? An emulated board must keep to the wall clock: emulated-pico --pty, without --no-pace")
"""


class SerialTarget:
    kind = "board"
    time_limit = 60

    def __init__(self, port: str) -> None:
        self.port = port
        self.command = [sys.executable, "-m", "mpremote", "connect", port]

    def describe(self) -> str:
        answer = printed_by(ProcessRun([*self.command, "exec", DESCRIBE]), 20)
        if " on " not in answer:
            reason = (answer or "no answer").splitlines()[-1].removeprefix("mpremote: ")
            if "failed to access" in reason and not Path(self.port).exists():
                reason = "there is no such port; a target is unix, rp2040 or a serial port"
            raise TargetError(f"no MicroPython board answers on {self.port}: {reason}")
        return answer

    def start(self, program: Program, code: str) -> Run:
        self._wait_for_port()
        mounted = tempfile.TemporaryDirectory(prefix="mounted-")
        for place, content in program.compiled(self.architecture()).items():
            file = Path(mounted.name, place)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        return MountedRun([*self.command, "mount", mounted.name, "exec", MOUNTED + code], mounted)

    @functools.cache
    def architecture(self) -> str | None:
        """Of the board's native code."""
        return mpy.architecture_named(printed_by(ProcessRun([*self.command, "exec", mpy.ASK_ARCHITECTURE]), 20))

    def _wait_for_port(self) -> None:
        """A board that a test has reset is away from the USB for a moment."""
        patience = time.monotonic() + 10
        while self.port.startswith("/") and not Path(self.port).exists() and time.monotonic() < patience:
            time.sleep(0.1)


class MountedRun(ProcessRun):
    """Its folder on the host goes when it ends."""

    def __init__(self, command: list[str], mounted: tempfile.TemporaryDirectory) -> None:
        self.mounted = mounted
        super().__init__(command)

    def stop(self) -> None:
        super().stop()
        self.mounted.cleanup()
