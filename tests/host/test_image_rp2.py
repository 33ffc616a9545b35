"""`make image` for RP2 boards: the UF2 file, and the emulated Pico W that boots from nothing else."""

import random
import re
import shutil
from pathlib import Path

import image
import pytest
from board_declaration import ROOT, DeployError, board_called, board_folders
from device_files import files_for
from emulated_pico import Board, uf2
from emulated_pico.errors import FirmwareError
from emulated_pico.filesystem import PICO, SECTOR, Geometry, build_image, geometry_of, read_image, sectors_in_use
from emulated_pico.filesystem import PICO_W as PICO_W_GEOMETRY
from firmware_files import absolute_block, small_firmware
from images import firmware, rp2
from littlefs import LittleFS
from ownership import with_list

RP2_BOARDS = [folder for folder in board_folders() if board_called(folder).chip.port == "rp2"]
PICO_W = board_called("pico_w")


@pytest.fixture(scope="module")
def pico_w(tmp_path_factory):
    """The image that `make image BOARD=pico_w` writes."""
    return image.build(PICO_W, tmp_path_factory.mktemp("image") / "pico_w.uf2")


@pytest.fixture(scope="module")
def official():
    return firmware.packaged("RPI_PICO_W")


@pytest.fixture(scope="module")
def session(pico_w):
    """A Pico W with nothing in its flash but the image, from power on to the answer to a command."""
    board = Board(firmware=pico_w.path, paced=True)
    flash = bytes(board.mcu.flash)
    board.adc[4] = 887  # 22 degrees.
    with board:
        board.wait_for("start     ", timeout=60)
        board.adc[4] = 850  # 39 degrees.
        warm = board.wait_for(" C", timeout=60)
        board.write(b"status\n")
        status = board.wait_for("command", timeout=60)
        console = board.console
        modules = board.exec("import sys, board, aimdb; print(board.NAME, aimdb.__file__, sys.implementation._machine)")
        operations = list(board.flash.log)
    return flash, console, warm, status, modules, operations


def test_the_emulated_board_starts_the_sensor_node_from_the_image_alone(session):
    _, console, _, _, modules, _ = session
    assert "start     Raspberry Pi Pico W, MicroPython v1.27.0" in console
    assert "Traceback" not in console
    assert modules == "Raspberry Pi Pico W /lib/aimdb/__init__.mpy Raspberry Pi Pico W with RP2040\n"


def test_the_sensor_node_of_the_image_measures_and_answers(session):
    _, _, warm, status, _, _ = session
    assert re.search(r"watch     too hot: 3[89]\.\d C$", warm)
    assert "record       produced consumed dropped  held" in status


def test_the_board_takes_the_filesystem_as_it_is_and_writes_only_the_count_of_its_starts(session):
    *_, operations = session
    assert [operation.kind for operation in operations] == ["program"] * 3
    assert b"starts.json" in operations[0].data


def test_what_was_in_the_flash_of_the_emulated_board_is_what_the_file_says(session, pico_w):
    flash, *_ = session
    assert flash == uf2.flash_contents(uf2.read(pico_w.path, PICO_W.chip.uf2_family), len(flash))


def test_the_firmware_in_the_image_is_the_official_one_bit_for_bit(pico_w, official):
    ours = uf2.read(pico_w.path, PICO_W.chip.uf2_family)
    theirs = uf2.read(official, PICO_W.chip.uf2_family)
    assert [(block.offset, block.data) for block in ours[: len(theirs)]] == [(b.offset, b.data) for b in theirs]
    assert all(block.offset >= PICO_W.filesystem_start for block in ours[len(theirs) :])


def test_the_filesystem_holds_every_file_that_a_deploy_would_copy(pico_w):
    flash = uf2.flash_contents(uf2.read(pico_w.path, PICO_W.chip.uf2_family), PICO_W.flash_size)
    found = read_image(flash[PICO_W.filesystem_start :])
    assert {"/" + path: data for path, data in found.items()} == with_list(files_for("pico_w"))


def test_the_same_sources_give_the_same_image(pico_w, tmp_path):
    assert image.build(PICO_W, tmp_path / "again.uf2").path.read_bytes() == pico_w.path.read_bytes()


def test_the_official_firmware_tells_its_layout(official):
    flash = uf2.flash_contents(uf2.read(official, PICO_W.chip.uf2_family), PICO_W.flash_size)
    assert rp2.layout_of(flash) == ("pico_w", 0x12C000, 868352)


@pytest.mark.parametrize("folder", RP2_BOARDS)
def test_each_board_gets_an_image_of_the_firmware_that_the_user_names(folder, tmp_path, monkeypatch):
    board = board_called(folder)
    monkeypatch.setenv("FIRMWARE", str(small_firmware(tmp_path / "own.uf2", board)))
    made = image.build(board, tmp_path / "image.uf2")
    assert made.firmware.machine == f"{board.name} with {board.chip_name.upper()}"
    flash = uf2.flash_contents(uf2.read(made.path, board.chip.uf2_family), board.flash_size)
    found = read_image(flash[board.filesystem_start : board.filesystem_start + board.filesystem_size])
    assert {"/" + path: data for path, data in found.items()} == with_list(files_for(folder))


def test_the_block_against_the_erratum_stays_the_first_of_an_rp2350_image(tmp_path):
    board = board_called("pico2")
    source = small_firmware(tmp_path / "own.uf2", board)
    made = image.build(board, tmp_path / "image.uf2", firmware_file=source).path.read_bytes()
    assert made.startswith(absolute_block())
    assert uf2.HEADER.unpack_from(made, 512)[5:7] == (0, len(made) // 512 - 1)


def test_the_emulator_sees_where_the_firmware_in_an_image_ends(pico_w, tmp_path):
    board = board_called("pico")
    source = small_firmware(tmp_path / "own.uf2", board)
    made = image.build(board, tmp_path / "image.uf2", firmware_file=source)
    assert geometry_of(made.path) == PICO
    assert geometry_of(pico_w.path) == PICO_W_GEOMETRY


@pytest.fixture(scope="module")
def worn_sectors():
    """Sectors out of a filesystem in which directories were written anew many times: whole, and of high revisions."""
    disk = LittleFS(block_size=SECTOR, block_count=64, prog_size=256, read_size=256, cache_size=256)
    for number in range(2000):
        folder = f"/d{number % 3}"
        disk.makedirs(folder, exist_ok=True)
        with disk.open(folder + "/log", "wb") as file:
            file.write(b"%d" % number)
    image = bytes(disk.context.buffer)
    sectors = [image[start : start + SECTOR] for start in range(0, len(image), SECTOR)]
    return [sector for sector in sectors if sector != b"\xff" * SECTOR]


@pytest.mark.parametrize("seed", range(12))
def test_whatever_filesystem_was_in_the_flash_before_the_new_one_is_found(seed, worn_sectors):
    chance = random.Random(seed)
    geometry = Geometry(0, 64 * SECTOR)
    flash = bytearray().join(chance.choice(worn_sectors) for _ in range(64))
    files = {f"lib/{n % 3}/new{n}": chance.randbytes(chance.randrange(5000)) for n in range(15)}
    new = build_image(files, geometry)
    for number in sectors_in_use(new):
        flash[number * SECTOR : (number + 1) * SECTOR] = new[number * SECTOR : (number + 1) * SECTOR]
    assert read_image(bytes(flash)) == files


def test_an_image_has_only_the_sectors_that_matter(pico_w, official):
    for_files = sum(-(-len(content) // SECTOR) for content in pico_w.files.values())
    folders = {path.rpartition("/")[0] for path in pico_w.files}
    # A block of UF2 has 256 bytes in 512; a folder is a pair of sectors, and a file's last one may be copied once.
    sectors = (pico_w.path.stat().st_size - official.stat().st_size) / 2 / SECTOR
    assert sectors <= 2 * for_files + 2 * len(folders) + 2


def refuse(board, source, tmp_path, sentence):
    with pytest.raises((DeployError, FirmwareError), match=sentence):
        image.build(board, tmp_path / "image.uf2", firmware_file=source)
    assert not list(tmp_path.glob("image*"))


def test_the_firmware_of_another_board_is_refused(official, tmp_path):
    refuse(board_called("pico"), official, tmp_path, "for 'pico_w', which keeps its filesystem of 848 KB at 1200 KB")


def test_the_firmware_for_another_chip_is_refused(official, tmp_path):
    refuse(board_called("pico2"), official, tmp_path, r"not for an RP2350 \(ARM\): its family is 0xe48bff56, RP2040")


def test_a_firmware_too_old_for_the_library_is_refused(tmp_path):
    source = small_firmware(tmp_path / "old.uf2", PICO_W, version="1.24.1")
    refuse(PICO_W, source, tmp_path, "MicroPython 1.24.1; AimDB needs 1.25 or newer")


def test_a_firmware_that_ends_early_is_refused(official, tmp_path):
    source = tmp_path / "short.uf2"
    source.write_bytes(official.read_bytes()[: -512 * 7])
    refuse(PICO_W, source, tmp_path, "is incomplete: block 0 says it is 0 of")


def test_a_program_that_is_not_micropython_is_refused(official, tmp_path):
    blocks = uf2.read(official, PICO_W.chip.uf2_family)
    source = tmp_path / "other.uf2"
    source.write_bytes(uf2.with_data(blocks[:1], {block.offset: bytes(256) for block in blocks[1:]}))
    refuse(PICO_W, source, tmp_path, "does not tell where its filesystem is")


def test_an_image_is_no_firmware_for_another_one(pico_w, tmp_path):
    refuse(PICO_W, pico_w.path, tmp_path, "has data where its filesystem belongs")


def test_a_firmware_that_is_not_there_is_said(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("FIRMWARE", str(tmp_path / "none.uf2"))
    assert image.main(["--output", str(tmp_path / "image.uf2")]) == 1
    assert "none.uf2 does not exist" in capsys.readouterr().err


def test_an_application_that_is_too_large_is_said(tmp_path):
    root = tmp_path / "repository"
    for name in ("lib/aimdb", "boards", "firmware"):
        shutil.copytree(ROOT / name, root / name)
    (root / "firmware/main.py").write_text("#" * 900_000)
    with pytest.raises(DeployError, match=r"do not fit into the filesystem of Raspberry Pi Pico W, 868352 bytes"):
        image.build(PICO_W, tmp_path / "image.uf2", root=root)


def test_a_file_that_cannot_be_written_is_said_and_nothing_of_it_is_left(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    for place in ("folder", "file/image.uf2"):
        with pytest.raises(DeployError, match=f"{place} cannot be written: "):
            image.build(PICO_W, tmp_path / place)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]


def test_a_damaged_image_does_not_pass_its_check(pico_w, tmp_path):
    blocks = uf2.read(pico_w.path, PICO_W.chip.uf2_family)
    damaged = bytearray(pico_w.path.read_bytes())
    number = next(n for n, block in enumerate(blocks) if b"aimdb" in block.data and block.offset > 0x130000)
    damaged[number * 512 + 32 + blocks[number].data.index(b"aimdb")] ^= 1
    broken = tmp_path / "broken.uf2"
    broken.write_bytes(damaged)
    with pytest.raises(FirmwareError, match="does not hold the files|has no filesystem"):
        image.verify(broken, PICO_W, pico_w.files)


def test_a_download_that_fails_gets_a_sentence(tmp_path, monkeypatch):
    monkeypatch.delenv("FIRMWARE", raising=False)
    monkeypatch.setattr(firmware, "CACHE", tmp_path)
    monkeypatch.setattr(firmware, "ROOT", tmp_path)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(FirmwareError, match="Could not install mpflash"):
        firmware.find(board_called("pico2"))


def test_a_firmware_that_mpflash_fetched_earlier_is_used(tmp_path, monkeypatch):
    monkeypatch.delenv("FIRMWARE", raising=False)
    monkeypatch.setattr(firmware, "CACHE", tmp_path)
    kept = tmp_path / "mpflash/rp2/RPI_PICO2-v1.27.0.uf2"
    kept.parent.mkdir(parents=True)
    board = board_called("pico2")
    small_firmware(kept, board)
    assert firmware.find(board) == kept
    assert image.build(board, Path(tmp_path, "image.uf2")).firmware.version == (1, 27, 0)


def test_ctrl_c_is_told_in_a_sentence(tmp_path, monkeypatch, capsys):
    def stopped(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(image, "files_for", stopped)
    assert image.main(["--output", str(tmp_path / "image.uf2")]) == 1
    assert capsys.readouterr().err == "image: stopped; there is no new image.\n"
