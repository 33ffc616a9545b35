"""From sources to .mpy: native code where the board's architecture is known, the same as bytecode where it is not."""

import os
import subprocess
from pathlib import Path

import mpy
import pytest
from device_files import ROOT
from pytest_micropython.files import find_tool

MARKED = b"import micropython\n\n@micropython.viper\ndef double(x: int) -> int:\n    return x + x\n"

ALL_SUITES = """
import asyncio
from aimdb import BoundedQueue, Mailbox, SingleLatest, SpmcRing
from aimdb_conformance import conformance, run_all
for tests in (
    conformance(lambda: SpmcRing(3)),
    conformance(SingleLatest, keeps_for_late=True),
    conformance(Mailbox, competing=True, keeps_for_late=True),
    conformance(lambda: BoundedQueue(3), competing=True, refuses=True, keeps_for_late=True),
):
    asyncio.run(run_all(tests))
"""


def architecture_of(content: bytes) -> str | None:
    return mpy.ARCHITECTURES[content[2] >> 2 & 15]


def test_marked_functions_become_native_code_of_the_architecture():
    assert architecture_of(mpy.compile_source(MARKED, "marked.py", architecture="armv6m")) == "armv6m"


def test_without_an_architecture_they_stay_bytecode():
    assert architecture_of(mpy.compile_source(MARKED, "marked.py")) is None


def test_what_does_not_compile_is_told_with_the_reason():
    with pytest.raises(mpy.CompileError, match="SyntaxError"):
        mpy.compile_source(MARKED + b"def broken(:\n", "marked.py")


def test_a_board_says_its_architecture_by_number():
    assert [mpy.architecture_named(text) for text in ("4", "2", "0", "99", "no answer")] == [
        "armv6m",
        "x64",
        None,
        None,
        None,
    ]


def test_the_library_as_bytecode_keeps_all_promises(tmp_path: Path):
    for source in [*ROOT.glob("lib/aimdb/*.py"), *ROOT.glob("lib/aimdb_conformance/*.py")]:
        place = tmp_path / source.relative_to(ROOT / "lib").with_suffix(".mpy")
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(mpy.compile_source(source.read_bytes(), source.name))
    result = subprocess.run(
        [find_tool("micropython"), "-c", ALL_SUITES],
        env={**os.environ, "MICROPYPATH": f"{tmp_path}:.frozen"},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr or result.stdout
    assert result.stdout.count("ok test_") > 150
