"""Ctrl-C comes to a program of computed records at one jump of the library after the other, on the unix port.

On the chip it comes at any moment (test_ctrl_c.py), and so seldom at the few jumps that matter.
"""

import os
import subprocess
from pathlib import Path

from device_files import ROOT
from jumps import with_jumps
from pytest_micropython import mpy
from pytest_micropython.files import find_tool


def test_nothing_is_lost_doubled_or_stuck_wherever_ctrl_c_comes(tmp_path: Path):
    (tmp_path / "aimdb").mkdir()
    for source in ROOT.glob("lib/aimdb/*.py"):
        text = with_jumps(source.read_text()).encode()
        (tmp_path / "aimdb" / f"{source.stem}.mpy").write_bytes(mpy.compile_source(text, source.name))
    result = subprocess.run(
        [find_tool("micropython"), "-c", "import interrupted_graph; interrupted_graph.interrupt()"],
        env={**os.environ, "MICROPYPATH": f"{tmp_path}:{ROOT / 'tests'}:.frozen"},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "ended" in result.stdout
