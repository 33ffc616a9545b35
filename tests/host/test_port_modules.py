"""Boards that cannot be run here: their programs use nothing that MicroPython lacks there, by its stubs."""

from pathlib import Path

import pytest
from board_declaration import ROOT, board_called, board_folders
from device_files import STARTED_BY_NAME, sources_for
from port_modules import missing

CHIP_STUBS = ROOT / ".cache" / "chip-stubs"
NOT_RUN = [folder for folder in board_folders() if board_called(folder).chip_name != "rp2040"]


def missing_on(folder: str, **more: Path) -> list[str]:
    sources = sources_for(folder) | {"/" + name: ROOT / "firmware" / name for name in STARTED_BY_NAME}
    return missing(sources | more, CHIP_STUBS / board_called(folder).chip_name)


@pytest.mark.parametrize("folder", NOT_RUN)
def test_the_program_uses_only_what_the_port_has(folder):
    assert missing_on(folder) == []


@pytest.mark.parametrize(
    ("folder", "line", "complaint"),
    [
        ("esp32", "import rp2", "there is no module rp2"),
        ("esp32s3", "import machine, esp32\nprint(esp32.raw_temperature())", "esp32 has no raw_temperature"),
        ("esp32c3", "from esp32 import ULP", "esp32 has no ULP"),
        ("pico2", "import esp32", "there is no module esp32"),
        ("esp32", "from machine import Pin, PIO", "machine has no PIO"),
    ],
)
def test_what_a_port_lacks_is_named(folder, line, complaint, tmp_path):
    (tmp_path / "more.py").write_text(line)
    (found,) = missing_on(folder, **{"/more.py": tmp_path / "more.py"})
    assert found.startswith("/more.py, line ") and found.endswith(complaint)


def test_what_is_imported_with_a_way_out_is_not_named(tmp_path):
    (tmp_path / "more.py").write_text("try:\n    import rp2\nexcept ImportError:\n    rp2 = None\n")
    assert missing_on("esp32", **{"/more.py": tmp_path / "more.py"}) == []
