"""The kinds of target that tests run on. Each knows how to start a program and how to describe itself."""

from typing import Protocol

from ..files import Program
from ..output import Hang, Report, Run

# Prints what the header of the test run shows of a target's interpreter.
DESCRIBE = """
import sys
numbers, label = sys.implementation.version[:3], sys.implementation.version[3:]
print("-".join(["%d.%d.%d" % numbers] + [x for x in label if x]), "on", sys.implementation._machine)
"""


class Target(Protocol):
    #: What tests see as `harness.target`.
    kind: str
    #: Seconds that one test may take where neither the command line nor the file says.
    time_limit: float

    def describe(self) -> str:
        """The interpreter's version and machine. Raises TargetError when the target cannot be used."""

    def start(self, program: Program, code: str) -> Run:
        """Runs `code` in a new interpreter that can import the program's files."""


def open_target(name: str, heap: str) -> Target:
    """`name` is unix, rp2040, or the serial port of a board. `heap` is the size of the unix port's heap."""
    if name == "unix":
        from .unix import UnixTarget

        return UnixTarget(heap)
    if name == "rp2040":
        from .emulated import EmulatedTarget

        return EmulatedTarget()
    from .serial import SerialTarget

    return SerialTarget(name)


def printed_by(run: Run, seconds: float) -> str:
    """Waits for a short run and returns all that it printed."""
    try:
        return "".join(text for _, text in Report(run, seconds).lines()).strip()
    except Hang:
        return "no answer"
    finally:
        run.stop()
