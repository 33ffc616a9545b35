"""`make image` for ESP32 boards. No ESP32 and no emulator of one is here: this is what can be seen without."""

import hashlib
import os
import re
import subprocess
import sys

import image
import pytest
from board_declaration import ROOT, board_called, board_folders
from device_files import MPY_VERSION, files_for
from emulated_pico.errors import FirmwareError
from esp_idf_defs.partitions import PartitionTable
from images import esp32, firmware, loadable
from ownership import with_list
from pytest_micropython.files import find_tool

ESP32_BOARDS = [folder for folder in board_folders() if board_called(folder).chip.port == "esp32"]

# Mounts a partition of an image as ports/esp32/modules/_boot.py does: a block device, and MicroPython finds out that
# it is littlefs. Prints each file with its SHA-256.
MOUNT = """
import binascii, hashlib, os, sys, vfs

class Partition:
    def __init__(self, path, start, size):
        self.file, self.start, self.blocks = open(path, "rb"), start, size // 4096

    def readblocks(self, number, buffer, offset=0):
        self.file.seek(self.start + number * 4096 + offset)
        got = self.file.readinto(buffer)
        buffer[got:] = b"\\xff" * (len(buffer) - got)

    def ioctl(self, operation, argument):
        return {4: self.blocks, 5: 4096}.get(operation, 0)

def show(folder):
    for name, kind, *_ in os.ilistdir(folder):
        path = folder + "/" + name
        if kind == 0x4000:
            show(path)
        else:
            print(path, binascii.hexlify(hashlib.sha256(open(path, "rb").read()).digest()).decode())

vfs.mount(Partition(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])), "/flash")
show("/flash")
"""


# Has a queue in a partition of an image, through what stands for the port's module `esp32`.
QUEUE = """
import asyncio, sys

class Partition:
    TYPE_DATA = 1

    def __init__(self, path, start, size):
        with open(path, "rb") as file:
            file.seek(start)
            self.data = bytearray(file.read(size))

    def info(self):
        return (1, 6, 0, len(self.data), "queue", False)

    def readblocks(self, number, buffer, offset=0):
        start = number * 4096 + offset
        buffer[:] = self.data[start : start + len(buffer)]

    def writeblocks(self, number, buffer, offset):
        for i, byte in enumerate(buffer):
            self.data[number * 4096 + offset + i] &= byte

    def ioctl(self, operation, argument):
        if operation == 6:
            self.data[argument * 4096 : argument * 4096 + 4096] = bytes([255]) * 4096
        return {4: len(self.data) // 4096, 5: 4096}.get(operation, 0)

class esp32:
    class Partition:
        TYPE_DATA = 1
        found = Partition(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))

        def find(kind, label):
            return [esp32.Partition.found] if (kind, label) == (1, "queue") else []

sys.modules["esp32"] = esp32
from aimdb_flash import FlashQueue, JsonCodec, partition
storage = partition()
print(storage.segment_count, "segments,")
queue = FlashQueue(storage, JsonCodec())
asyncio.run(queue.push_async(1))
queue.release()
print("found", FlashQueue(partition(), JsonCodec()).peek(), "again")
"""


@pytest.fixture(scope="module", params=ESP32_BOARDS)
def made(request, tmp_path_factory):
    """A board, the image that `make image` writes for it, and the image's bytes."""
    board = board_called(request.param)
    written = image.build(board, tmp_path_factory.mktemp("image") / f"{board.folder}.bin")
    return board, written, written.path.read_bytes()


def table_of(content):
    return PartitionTable.from_binary(content[0x8000:0x8C00])


def test_the_partition_table_has_the_official_partitions_and_the_filesystem(made):
    board, _, content = made
    assert table_of(content).to_csv(simple_formatting=True).splitlines()[2:] == [
        "nvs,1,2,0x9000,0x6000,",
        "phy_init,1,1,0xf000,0x1000,",
        "factory,0,0,0x10000,0x1f0000,",
        f"queue,1,6,{board.queue_start:#x},{board.queue_size:#x},",
        f"vfs,1,129,{board.filesystem_start:#x},{board.filesystem_size:#x},",
    ]


def test_the_partition_for_queues_is_erased_with_the_image_and_is_one_that_aimdb_flash_takes(made, tmp_path):
    board, written, content = made
    partition = table_of(content).find_by_name("queue")
    assert content[partition.offset :][: partition.size] == b"\xff" * partition.size
    script = tmp_path / "queue.py"
    script.write_text(QUEUE)
    place = [str(written.path), str(partition.offset), str(partition.size)]
    command = [find_tool("micropython"), "-X", "heapsize=4M", script, *place]
    search = {**os.environ, "MICROPYPATH": f".frozen:{ROOT / 'lib'}"}
    said = subprocess.run(command, capture_output=True, text=True, check=True, env=search).stdout
    assert said.split() == ["64", "segments,", "found", "1", "again"]


def test_the_partitions_do_not_overlap_and_fit_into_the_flash(made):
    board, _, content = made
    table = table_of(content)
    table.verify(0x8000)
    assert table.flash_size() == board.flash_size


def test_all_of_the_firmware_but_its_partition_table_is_the_official_one(made):
    board, _, content = made
    start = esp32.bootloader_offset(board)
    official = firmware.packaged(board.firmware).read_bytes()
    assert content[:start] == b"\xff" * start
    assert content[start:0x8000] == official[: 0x8000 - start]
    assert content[0x8C00 : start + len(official)] == official[0x8C00 - start :]


@pytest.mark.parametrize("part", ["bootloader", "application"])
def test_esptool_finds_checksum_and_hash_valid(made, part, tmp_path):
    board, _, content = made
    start, end = (esp32.bootloader_offset(board), 0x8000) if part == "bootloader" else (0x10000, 0x200000)
    (tmp_path / "program.bin").write_bytes(content[start:end])
    command = [sys.executable, "-m", "esptool", "--chip", board.chip_name, "image-info", str(tmp_path / "program.bin")]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert re.search(r"Checksum: 0x[0-9a-f]{2} \(valid\)", said)
    assert re.search(r"Validation hash: [0-9a-f]{64} \(valid\)", said)
    assert "Flash size: 4MB" in said


def test_micropython_mounts_the_partition_as_the_port_does_and_reads_every_file(made, tmp_path):
    board, written, _ = made
    script = tmp_path / "mount.py"
    script.write_text(MOUNT)
    place = [str(written.path), str(board.filesystem_start), str(board.filesystem_size)]
    said = subprocess.run([find_tool("micropython"), script, *place], capture_output=True, text=True, check=True).stdout
    seen = dict(line.removeprefix("/flash").split() for line in said.splitlines())
    wanted = with_list(files_for(board.folder))
    assert seen == {path: hashlib.sha256(data).hexdigest() for path, data in wanted.items()}


def test_every_mpy_is_of_the_version_and_processor_that_the_firmware_loads(made):
    board, written, content = made
    identity, files = esp32.read_back(written.path, board)
    assert identity.version == (1, 27, 0) and identity.machine.endswith(" with " + board.chip_name.upper())
    compiled = {path: data for path, data in files.items() if path.endswith(".mpy")}
    assert len(compiled) > 10
    for path, data in compiled.items():
        assert data[:2] == bytes([ord("M"), MPY_VERSION])
        loadable.check(path, data, board, identity)


def test_the_flash_behind_the_image_is_not_needed(made):
    board, _, content = made
    assert board.filesystem_start < len(content) <= board.flash_size


@pytest.mark.parametrize("place", [0x1100, 0x8004, 0x20000], ids=["bootloader", "partition table", "application"])
def test_a_damaged_firmware_is_refused(place, tmp_path):
    board = board_called("esp32")
    content = bytearray(firmware.packaged(board.firmware).read_bytes())
    content[place - esp32.bootloader_offset(board)] ^= 1
    source = tmp_path / "damaged.bin"
    source.write_bytes(content)
    refuse(board, source, tmp_path, "its checksum is wrong|no valid partition table")


def test_the_firmware_of_another_chip_is_refused(tmp_path):
    c3 = firmware.packaged("ESP32_GENERIC_C3")
    refuse(board_called("esp32s3"), c3, tmp_path, r"is for another chip than the esp32s3 \(chip number 5\)")


def test_a_uf2_is_refused(tmp_path):
    uf2 = firmware.packaged("RPI_PICO_W")
    refuse(board_called("esp32"), uf2, tmp_path, "FIRMWARE must be the .bin of ESP32_GENERIC from micropython.org")


def test_a_firmware_that_ends_early_is_refused(tmp_path):
    board = board_called("esp32c3")
    source = tmp_path / "short.bin"
    source.write_bytes(firmware.packaged(board.firmware).read_bytes()[:-100_000])
    refuse(board, source, tmp_path, "the application in .* is not a program for the esp32c3|checksum is wrong")


def test_a_firmware_that_ends_before_its_application_is_refused(tmp_path):
    board = board_called("esp32")
    source = tmp_path / "short.bin"
    source.write_bytes(firmware.packaged(board.firmware).read_bytes()[:0x9000])
    refuse(board, source, tmp_path, "has no application")


def test_a_firmware_that_has_its_filesystem_elsewhere_is_refused(made, tmp_path):
    board, written, content = made
    source = tmp_path / "own.bin"
    source.write_bytes(content[esp32.bootloader_offset(board) :])
    other = board._replace(filesystem_start=0x300000, filesystem_size=0x100000)
    sentence = "has its partition 'vfs' of 1792 KB at 2304 KB, but boards/.* says 1024 KB at 3072 KB"
    refuse(other, source, tmp_path, sentence)


def test_a_filesystem_declared_over_the_application_is_refused(tmp_path):
    board = board_called("esp32")._replace(filesystem_start=0x100000)
    source = firmware.packaged(board.firmware)
    refuse(board, source, tmp_path, "The partitions of boards/esp32 are not possible: Partition at 0x100000 overlaps")


def test_a_larger_flash_is_entered_in_the_bootloader(tmp_path):
    board = board_called("esp32s3")._replace(flash_size=8 << 20, filesystem_size=5 << 20)
    written = image.build(board, tmp_path / "large.bin")
    command = [sys.executable, "-m", "esptool", "--chip", "esp32s3", "image-info", str(written.path)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "Flash size: 8MB" in said and "(valid)" in said and "invalid" not in said


def refuse(board, source, tmp_path, sentence):
    with pytest.raises(FirmwareError, match=sentence):
        image.build(board, tmp_path / "image.bin", firmware_file=source)
    assert not list(tmp_path.glob("image*"))
