"""The library on the unix port as a board gets it: compiled, and with the modules joined that are loaded together."""

import subprocess
from pathlib import Path

from device_files import ROOT, compiled_library
from pytest_micropython import mpy
from pytest_micropython.files import find_tool

LIBRARY = {source.relative_to(ROOT / "lib").as_posix(): source for source in sorted(ROOT.glob("lib/*/*.py"))}


def write_library(folder: Path, kind: str) -> None:
    """Compile it into a folder, as "native" code or "bytecode"; the conformance suite with its asserts."""
    architecture = architecture_of_the_unix_port() if kind == "native" else None
    assert kind == "bytecode" or architecture
    files = compiled_library(LIBRARY, architecture)
    for source in ROOT.glob("lib/aimdb_conformance/*.py"):
        name = f"aimdb_conformance/{source.stem}.mpy"
        files[name] = mpy.compile_source(source.read_bytes(), source.name, architecture=architecture)
    for place, content in files.items():
        (folder / place).parent.mkdir(exist_ok=True)
        (folder / place).write_bytes(content)


def architecture_of_the_unix_port() -> str | None:
    asked = subprocess.run([find_tool("micropython"), "-c", mpy.ASK_ARCHITECTURE], capture_output=True, text=True)
    return mpy.architecture_named(asked.stdout.strip())
