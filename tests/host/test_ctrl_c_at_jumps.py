"""Ctrl-C comes to a program at one jump of the library after the other, on the unix port.

On the chip it comes at any moment (test_ctrl_c.py), and so seldom at the few jumps that matter.
"""

import os
import re
import subprocess
from pathlib import Path

import pytest
from device_files import ROOT
from jumps import with_jumps
from pytest_micropython import mpy
from pytest_micropython.files import ON_TARGET, find_tool


@pytest.mark.parametrize("program", ["interrupted_graph", "interrupted_journal", "interrupted_flash"])
def test_nothing_is_lost_doubled_or_stuck_wherever_ctrl_c_comes(program: str, tmp_path: Path):
    for package in ("aimdb", "aimdb_flash"):
        (tmp_path / package).mkdir()
        for source in ROOT.glob(f"lib/{package}/*.py"):
            text = with_jumps(source.read_text()).encode()
            (tmp_path / package / f"{source.stem}.mpy").write_bytes(mpy.compile_source(text, source.name))
    result = subprocess.run(
        [find_tool("micropython"), "-c", f"import jumping, {program}; jumping.interrupt({program}.Scene)"],
        env={**os.environ, "MICROPYPATH": f"{tmp_path}:{ROOT / 'tests'}:{ON_TARGET}:.frozen"},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert int(re.search(r"ended (\d+) times", result.stdout)[1]) > 500, result.stdout
