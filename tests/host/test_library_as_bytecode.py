"""The library without its native code, as it is on a chip whose architecture nobody told."""

import os
import subprocess
from pathlib import Path

import pytest
from device_files import ROOT
from pytest_micropython import mpy
from pytest_micropython.files import find_tool

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


@pytest.mark.skipif(not os.environ.get("SOAK"), reason="takes a minute; SOAK=1 runs it")
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
