"""`import aimdb` on CPython: a sentence that says where it runs, and nothing that stops other tools."""

import subprocess
import sys
from pathlib import Path

import pytest

LIBRARY = Path(__file__).parents[2] / "lib"


@pytest.mark.parametrize("package", sorted(path.name for path in LIBRARY.glob("aimdb*/")))
def test_an_import_on_cpython_says_where_it_runs(package):
    program = f"import sys; sys.path.insert(0, {str(LIBRARY)!r}); import {package}"
    # -S: without the package called micropython that this environment has.
    result = subprocess.run([sys.executable, "-S", "-c", program], capture_output=True, text=True)
    assert result.returncode == 1
    last = result.stderr.splitlines()[-1]
    assert last.startswith("ImportError: aimdb is for MicroPython, and this is cpython 3.")
    assert "micropython main.py" in last and "pytest-micropython" in last and "mpremote run main.py" in last


def test_a_tool_that_only_looks_for_the_package_finds_it():
    program = f"""
import sys, importlib.util, pkgutil
sys.path.insert(0, {str(LIBRARY)!r})
print(importlib.util.find_spec("aimdb").origin, "aimdb" in [each.name for each in pkgutil.iter_modules()])
"""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout == f"{LIBRARY / 'aimdb' / '__init__.py'} True\n"
