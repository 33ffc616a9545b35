"""The random programs of test_random_programs.py and test_left_loops.py on what a board loads: .mpy files."""

import os
import subprocess
from pathlib import Path

import pytest
from device_files import ROOT
from pytest_micropython.files import ON_TARGET, find_tool
from unix_library import write_library

PROGRAMS = 300 * int(os.environ.get("SOAK") or 1)

SEARCH = """
from random_programs import search
for kind in ("ring", "latest", "mailbox", "queue"):
    search(kind, %d, first=100000)
    search(kind, %d, restarts=True, first=100000)
    print("ok", kind)
"""


@pytest.mark.parametrize("kind", ["bytecode", "native"])
def test_the_compiled_buffers_do_what_their_models_do(kind: str, tmp_path: Path):
    write_library(tmp_path, kind)
    result = subprocess.run(
        [find_tool("micropython"), "-c", SEARCH % (PROGRAMS, PROGRAMS // 3)],
        env={**os.environ, "MICROPYPATH": f"{tmp_path}:{ROOT / 'tests'}:{ON_TARGET}:.frozen"},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr or result.stdout
    assert result.stdout.count("ok ") == 4
