"""docs/testing-your-program.md, followed word by word in a folder outside of this repository, and what builds on it."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "testing-your-program.md").read_text()
FILES = dict(re.findall(r"`([a-z_/]+\.(?:py|toml))`:\n\n```(?:python|toml)\n(.*?)```", PAGE, re.DOTALL))
STUBS = ROOT / ".cache" / "stubs"
INSTALL, *RUNS = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A user's project with an environment of its own, as the page says to make them."""
    folder = tmp_path_factory.mktemp("project")
    shell(INSTALL, folder)
    for place, text in FILES.items():
        (folder / place).write_text(text)
    return folder


def shell(commands: str, folder: Path) -> str:
    # Nothing of this repository's environment and of the run around this one.
    known = ("PATH", "HOME", "XDG_CACHE_HOME", "EMULATED_PICO_CACHE")
    kept = {name: value for name, value in os.environ.items() if name in known or name.startswith("PIP_")}
    environment = {**kept, "AIMDB": str(ROOT)}
    command = ["sh", "-e", "-c", commands]
    result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_the_page_has_every_file_that_it_names(project):
    assert set(FILES) == {"app.py", "main.py", "pyproject.toml", "tests/test_app.py", "tests/host/test_main.py"}


def test_the_same_file_passes_on_the_laptop_and_on_the_emulated_chip(project):
    said = shell(RUNS[0], project)
    assert said.count("1 passed") == 2
    assert "target: unix, MicroPython 1." in said and "target: rp2040, MicroPython 1." in said


def test_the_buffer_that_another_page_shows_passes_the_tests_that_it_shows(project):
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "writing-a-buffer.md").read_text(), re.DOTALL)
    (project / "my_buffers.py").write_text(blocks[0])
    (project / "tests" / "test_largest.py").write_text(blocks[-1])
    shutil.copytree(ROOT / "lib" / "aimdb_conformance", project / "lib" / "aimdb_conformance")
    assert " passed" in shell(".venv/bin/pytest tests/test_largest.py", project)


@pytest.mark.skipif(not STUBS.exists(), reason="the stubs are not installed; make lint does that")
def test_an_editor_finds_nothing_wrong_with_the_settings_that_the_page_shows(project):
    (settings,) = re.findall(r"```toml\n(\[tool\.pyright\]\n.*?)```", PAGE, re.DOTALL)
    settings = settings.replace("/home/me/aimdb", str(ROOT)) + 'typeCheckingMode = "standard"\n'  # That of pyright.
    (project / "pyproject.toml").write_text(FILES["pyproject.toml"] + settings)
    assert shell(f"{ROOT}/.venv/bin/basedpyright", project).startswith("0 errors, 0 warnings")


@pytest.mark.skipif(not os.environ.get("SOAK"), reason="takes minutes; SOAK=1 runs it")
def test_the_whole_project_passes(project):
    assert "3 passed" in shell(RUNS[1], project)
