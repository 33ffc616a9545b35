"""`make flash`. An RP2 board's drive is a folder here, its port an emulated board's; an ESP32's a silent one."""

import os
import pty
import resource
import subprocess
import sys
import tty
from pathlib import Path

import flash
import image
import pytest
import serial
from board_declaration import DeployError, board_called
from board_link import BoardLink, BrokenOff
from device_files import files_for
from emulated_pico import Board
from emulated_pico.filesystem import build_image
from firmware_files import small_firmware
from images import firmware
from ownership import with_list

PICO_W = board_called("pico_w")
ESP32 = board_called("esp32")


@pytest.fixture(scope="module")
def pico_w(tmp_path_factory):
    return image.build(PICO_W, tmp_path_factory.mktemp("image") / "pico_w.uf2")


@pytest.fixture
def drive(tmp_path):
    """A folder with what a bootloader has on its drive."""

    def drive(identity: str) -> Path:
        folder = tmp_path / identity
        folder.mkdir()
        (folder / "INFO_UF2.TXT").write_text(
            f"UF2 Bootloader v3.0\r\nModel: Raspberry Pi RP2\r\nBoard-ID: {identity}\r\n"
        )
        return folder

    return drive


@pytest.fixture
def boards():
    """Those that a test has started."""
    boards: list[Board] = []
    yield boards
    for board in boards:
        board.stop()


@pytest.fixture
def started(boards):
    """Starts emulated boards; gives their ports."""

    def started(**arguments) -> str:
        board = Board(paced=True, **arguments)
        board.start()
        boards.append(board)
        return board.serve_pty()

    return started


@pytest.fixture
def silent():
    """A port on which nobody answers."""
    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    yield os.ttyname(theirs)
    os.close(ours)
    os.close(theirs)


@pytest.fixture
def later_drive(drive, boards, monkeypatch):
    """A drive that is there once the board was put into its bootloader.

    The emulated board has none, and restarts from its flash instead, which holds the same image. A real one no longer
    runs its program by then.
    """
    place = drive("RPI-RP2")
    (place / "INFO_UF2.TXT").rename(place / "later")
    enter_bootloader = flash.enter_bootloader

    def enter(link, board):
        boards[0].wait_for("start     after: ", 120)
        enter_bootloader(link, board)
        boards[0].wait_for("start     after: ", 120)
        (place / "later").rename(place / "INFO_UF2.TXT")

    monkeypatch.setattr(flash, "enter_bootloader", enter)
    return place


def test_the_board_is_put_into_its_bootloader_and_each_of_its_files_checked(pico_w, later_drive, started, capsys):
    port, place = started(firmware=pico_w.path), later_drive
    flash.flash(PICO_W, pico_w, port, place)
    said = capsys.readouterr().out
    assert (place / "pico_w.uf2").read_bytes() == pico_w.path.read_bytes()
    assert f"Putting the board on {port} into its bootloader" in said
    assert said.count("% of") == 10 and "100 % of" in said
    assert f"all {len(pico_w.files)} files are right" in said
    assert "Raspberry Pi Pico W on" in said and "holds the image and runs it" in said


def test_a_board_that_does_not_answer_at_once_is_asked_again(pico_w, later_drive, started, monkeypatch, capsys):
    port = started(firmware=pico_w.path)
    asked: list[BoardLink] = []
    run = BoardLink.run

    def run_when_asked_again(link, *commands, **options):
        if link in asked:
            return run(link, *commands, **options)
        asked.append(link)
        raise BrokenOff(f"{port} is there, but no MicroPython answers.")

    monkeypatch.setattr(BoardLink, "run", run_when_asked_again)
    flash.flash(PICO_W, pico_w, port, later_drive)
    assert len(asked) == 2 and capsys.readouterr().out.count("it is asked again") == 2


def test_a_board_that_kept_its_old_files_is_found_out(pico_w, drive, started):
    old = {**with_list(files_for("pico_w")), "/main.py": b"print('old')\n"}
    port = started(filesystem=build_image(old))
    with pytest.raises(DeployError, match="^/main.py on the board differs from the image. Run this again"):
        flash.flash(PICO_W, pico_w, port, drive("RPI-RP2"))


def test_a_board_that_kept_its_old_firmware_is_found_out(pico_w, drive, started):
    newer = pico_w._replace(firmware=pico_w.firmware._replace(version=(1, 28, 0)))
    port = started(filesystem=build_image(with_list(files_for("pico_w"))))
    with pytest.raises(DeployError, match=r"still runs MicroPython 1\.27\.0 for Raspberry Pi Pico W with RP2040"):
        flash.flash(PICO_W, newer, port, drive("RPI-RP2"))


def test_the_drive_of_another_chip_is_refused(pico_w, drive):
    place = drive("RP2350")
    with pytest.raises(DeployError, match="is that of a RP2350, but Raspberry Pi Pico W would show RPI-RP2"):
        flash.flash(PICO_W, pico_w, None, place)
    assert not (place / "pico_w.uf2").exists()


def test_a_drive_that_is_not_there_is_told_before_anything_is_done(pico_w, tmp_path):
    with pytest.raises(DeployError, match="There is no folder .*nowhere: DRIVE= is where"):
        flash.flash(PICO_W, pico_w, None, tmp_path / "nowhere")


def test_a_board_with_another_chip_is_left_as_it_is(pico_w, tmp_path, started):
    port = started(firmware=pico_w.path)
    with pytest.raises(DeployError, match="Pico W with RP2040, but Raspberry Pi Pico 2 has the RP2350"):
        flash.flash(board_called("pico2"), pico_w, port, tmp_path)


def test_a_board_whose_drive_does_not_appear_gets_a_sentence(pico_w, tmp_path, started, monkeypatch):
    monkeypatch.setattr(flash, "PATIENCE_SECONDS", 1)
    monkeypatch.setattr(flash, "drives_for", lambda board: [])
    port = started(firmware=pico_w.path)
    with pytest.raises(DeployError, match="No drive called RPI-RP2 appeared.*hold its BOOTSEL button down while"):
        flash.flash(PICO_W, pico_w, port, tmp_path)


def test_a_port_and_the_drive_of_another_board_are_not_mixed_up(pico_w, drive, silent, monkeypatch):
    place = drive("RPI-RP2")
    monkeypatch.setattr(flash, "drives_for", lambda board: [place])
    with pytest.raises(DeployError, match=f"There is a board on {silent}, and another one waits in its bootloader"):
        flash.flash(PICO_W, pico_w, silent)
    assert not (place / "pico_w.uf2").exists()


def test_a_drive_that_takes_only_a_part_is_said(pico_w, drive):
    place = drive("RPI-RP2")
    script = (
        "import sys, flash; from pathlib import Path; from device_files import DeployError\n"
        "try: flash.copy(Path(sys.argv[1]), Path(sys.argv[2]))\n"
        "except DeployError as error: print(error)"
    )
    result = subprocess.run(
        [sys.executable, "-c", script, pico_w.path, place],
        cwd=Path(flash.__file__).parent,
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000)),
    )
    assert (
        f"did not take the image after 300000 of {pico_w.path.stat().st_size} bytes (File too large)" in result.stdout
    )
    assert "Traceback" not in result.stderr


def test_a_board_in_its_bootloader_is_found_by_its_drive(drive):
    assert flash.identity_of(drive("RPI-RP2")) == "RPI-RP2"
    assert flash.identity_of(Path("/nowhere")) == "" and not flash.has_information(Path("/nowhere"))


def esp32_image(tmp_path):
    return image.build(ESP32, tmp_path / "esp32.bin")


def test_an_esp32_that_does_not_answer_gets_a_sentence(tmp_path, silent, capfd):
    with pytest.raises(DeployError, match=f"{silent} did not go into its bootloader. By hand: hold its BOOT button"):
        flash.flash(ESP32, esp32_image(tmp_path), silent)
    assert "esptool v5" in capfd.readouterr().out


def test_a_port_that_is_not_there_gets_a_sentence(tmp_path):
    with pytest.raises(DeployError, match="There is no /dev/ttyUSB77. Plug the board in"):
        flash.flash(ESP32, esp32_image(tmp_path), "/dev/ttyUSB77")


def test_a_port_that_another_program_holds_gets_a_sentence(tmp_path, silent):
    with serial.Serial(silent, exclusive=True):
        with pytest.raises(DeployError, match=f"{silent} is busy: another program holds it"):
            flash.flash(ESP32, esp32_image(tmp_path), silent)


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("This chip is ESP32-C3, not ESP32. Wrong chip argument?", "has an ESP32-C3, but ESP32 DevKit has the esp32"),
        ("A fatal error occurred: MD5 of file does not match data in flash!", "holds something else than was written"),
        ("File build/a.bin (length 9) at offset 0 will not fit in 2097152 bytes of flash.", "does not fit into the"),
        ("A fatal error occurred: Packet content transfer stopped", "could not write the image: A fatal error"),
    ],
)
def test_what_esptool_complains_of_gets_a_sentence(said, sentence):
    assert sentence in str(flash.explain(said, ESP32, "/dev/ttyUSB0"))


def test_the_command_builds_the_image_first_and_says_why_it_cannot(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(flash, "default_output", lambda board: tmp_path / "image.uf2")
    wrong = small_firmware(tmp_path / "wrong.uf2", PICO_W, start=0xA0000)
    monkeypatch.setenv(firmware.OVERRIDE, str(wrong))
    assert flash.main(["--port", "/dev/null"]) == 1
    assert capsys.readouterr().err.startswith("flash: ")
