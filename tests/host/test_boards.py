"""Every folder below boards/: what it declares, and what becomes of that."""

import shutil
import subprocess
from pathlib import Path

import board_declaration
import image
import pytest
from board_declaration import CHIPS, ROOT, board_called, board_folders
from device_files import compiled, files_for
from emulated_pico.errors import FirmwareError
from images import loadable
from pytest_micropython.mpy import ARCHITECTURES, mpy_cross

DECLARATION = """
from micropython import const

NAME = "Mine"
LED = 3

_CHIP = const("rp2040")
_FIRMWARE = const("RPI_PICO_W")
_FLASH_KB = const(2048)
_FILESYSTEM_KB = const((1200, 848))
_BOOTLOADER = const("press both buttons")
"""


@pytest.fixture
def tree(tmp_path):
    """A repository with one board, 'mine'; gives its root and lets the declaration be changed."""
    for name in ("lib/aimdb", "firmware"):
        shutil.copytree(ROOT / name, tmp_path / name)
    (tmp_path / "boards/mine").mkdir(parents=True)

    def tree(old: str = "", new: str = "") -> Path:
        assert old in DECLARATION
        (tmp_path / "boards/mine/board.py").write_text(DECLARATION.replace(old, new))
        return tmp_path

    return tree


def test_the_boards_that_the_readme_names_are_there():
    assert {"pico", "pico_w", "pico2", "pico2_w", "esp32", "esp32s3", "esp32c3"} <= set(board_folders())


@pytest.mark.parametrize("folder", board_folders())
def test_each_folder_declares_a_whole_board(folder):
    board = board_called(folder)
    assert board.chip_name in CHIPS
    assert board.filesystem_start + board.filesystem_size == board.flash_size
    assert board.bootloader[0].islower() and not board.bootloader.endswith(".")  # It goes into sentences.
    assert board.firmware.isupper()


@pytest.mark.parametrize("folder", board_folders())
def test_each_board_gives_a_program_its_name_led_and_temperature(folder):
    source = (ROOT / "boards" / folder / "board.py").read_text()
    assert {"NAME", "LED"} <= board_declaration.declared_values(board_declaration.board_file(folder)).keys()
    assert "celsius" in source


@pytest.mark.parametrize("folder", board_folders())
def test_what_only_the_host_reads_takes_no_byte_on_the_board(folder, tmp_path):
    file = board_declaration.board_file(folder)
    shown = "".join(line for line in file.read_text().splitlines(keepends=True) if not line.startswith("_"))
    (tmp_path / "board.py").write_text(shown)
    assert files_for(folder)["/board.mpy"] == compiled(tmp_path / "board.py", "/board.py")


@pytest.mark.parametrize("folder", board_folders())
def test_native_code_is_made_for_the_processor_of_each_board(folder, tmp_path):
    (tmp_path / "fast.py").write_text("import micropython\n@micropython.native\ndef double(x):\n    return 2 * x\n")
    content = compiled(tmp_path / "fast.py", "/fast.py", architecture=board_declaration.architecture_of(folder))
    assert ARCHITECTURES[content[2] >> 2 & 0xF] == board_called(folder).chip.architecture
    firmware = loadable.Identity((1, 27, 0), "")
    loadable.check("/fast.mpy", content, board_called(folder), firmware)
    with pytest.raises(FirmwareError, match="native code of version 6.3, which MicroPython 1.22.2 does not load"):
        loadable.check("/fast.mpy", content, board_called(folder), loadable.Identity((1, 22, 2), ""))
    other = board_called("esp32c3" if folder != "esp32c3" else "esp32")
    with pytest.raises(FirmwareError, match=f"but {other.name} runs {other.chip.architecture}"):
        loadable.check("/fast.mpy", content, other, firmware)


def test_what_boards_share_goes_only_to_those_that_import_it():
    assert "/rp2_temperature.mpy" in files_for("pico2")
    assert "/rp2_temperature.mpy" not in files_for("esp32")


def test_a_new_folder_is_known_to_the_commands(tree, capsys):
    output = tree() / "mine.uf2"
    assert image.main(["--root", str(tree()), "--board", "mine", "--output", str(output)]) == 0
    assert "Press both buttons, and copy the file" in capsys.readouterr().out
    assert output.is_file()


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('const("rp2040")', 'const("z80")', "names the chip 'z80'; known are rp2040, rp2350, esp32"),
        ("_FIRMWARE", "_FARMWARE", "must give _FIRMWARE as str; see boards/README.md"),
        ("const(2048)", "const(1024)", "the filesystem ends at 2048 KB, but the flash at 1024 KB"),
        ("(1200, 848)", "(1201, 847)", "as start and size, in multiples of 4"),
        ("(1200, 848)", "(1200,)", "as start and size"),
        ("LED = 3", "LED = = 3", "line 5: invalid syntax"),
    ],
)
def test_a_mistake_in_a_declaration_gets_a_sentence(tree, capsys, old, new, sentence):
    assert image.main(["--root", str(tree(old, new)), "--board", "mine"]) == 1
    assert sentence in capsys.readouterr().err


def test_a_board_that_is_not_there_gets_a_sentence(tree, capsys):
    assert image.main(["--root", str(tree()), "--board", "toaster"]) == 1
    assert "There is no board called 'toaster'. Boards in this repository: mine." in capsys.readouterr().err


def test_mpy_cross_knows_every_architecture():
    known = subprocess.run([mpy_cross(), "--help"], capture_output=True, text=True).stdout
    for chip in CHIPS.values():
        assert chip.architecture in known
