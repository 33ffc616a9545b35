"""What README and docs say, tried: every program that they show runs, and prints what they say it prints."""

import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import figures
import pytest
from board_image import library_image
from emulated_pico import Board
from mqtt_broker import Listener, LocalBroker, find_mosquitto, free_port
from programs import BLOCKS, FOLLOWED, PAGES, ROOT
from pytest_micropython.files import find_tool

BOARD_FILE = ROOT / "boards/pico_w/board.py"

# So long a program that does not end by itself may show what it does.
LIMIT_MS = 1000

# What runs before each program: its loop is ended when the time is up.
LIMITED = """
import asyncio
def _run_limited(coroutine, run=asyncio.run):
    async def limited():
        try:
            await asyncio.wait_for_ms(coroutine, %d)
        except asyncio.TimeoutError:
            pass
    run(limited())
asyncio.run = _run_limited
""" % (LIMIT_MS)

# Programs with these run on the emulated chip.
OF_THE_CHIP = re.compile(r"^ *(?:import|from) (?:\w+, )*(?:machine|rp2|network|board|rp2_temperature)\b", re.MULTILINE)

PROGRAMS = [block for block in BLOCKS if block.page.stem not in FOLLOWED]
ON_LAPTOP = [block for block in PROGRAMS if not OF_THE_CHIP.search(block.program)]
ON_CHIP = [block for block in PROGRAMS if OF_THE_CHIP.search(block.program)]


@pytest.fixture(scope="module")
def broker():
    with LocalBroker() as broker:
        yield broker


@pytest.fixture(scope="module")
def secure_broker():
    """A broker with a certificate for its address, which it takes from the folder `.certificates`."""
    if not (find_mosquitto() and shutil.which("openssl")):
        pytest.skip("TLS needs mosquitto and openssl")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)  # mosquitto gives up root before it reads what is in it.
        make, convert = re.findall(r"^    (openssl (?:.*\\\n)*.*)$", (ROOT / "docs/mqtt.md").read_text(), re.MULTILINE)
        for command in (make, convert):
            command = command.replace("broker.local", "127.0.0.1")
            subprocess.run(["sh", "-e", "-c", command], cwd=folder, check=True, capture_output=True)
        (folder / "broker.key").chmod(0o644)
        settings = f"certfile {folder}/broker.pem\nkeyfile {folder}/broker.key\nallow_anonymous true"
        with LocalBroker("mosquitto", settings) as broker:
            broker.certificates = folder
            yield broker


# An AimDB elsewhere, to which the programs about AimX dial: the library itself.
HUB = """
import asyncio
from aimdb import AimDb, SingleLatest
from aimdb_aimx import AimxServer
db = AimDb()
for key in ("plant.pressure", "plant.limit", "plant.orders"):
    db.configure(key, SingleLatest()).remote(write=True)
AimxServer(db, tcp=PORT, anyone="write")
asyncio.run(db.run())
"""


@pytest.fixture(scope="module")
def hub():
    """The port of a hub."""
    port = free_port()
    program = HUB.replace("PORT", str(port))
    environment = {**os.environ, "MICROPYPATH": f".frozen:{ROOT / 'lib'}"}
    process = subprocess.Popen([find_tool("micropython"), "-c", program], env=environment)
    try:
        deadline = time.monotonic() + 30
        with socket.socket() as probe:
            while probe.connect_ex(("127.0.0.1", port)):
                assert time.monotonic() < deadline and process.poll() is None
                time.sleep(0.05)
        yield port
    finally:
        process.kill()
        process.wait()


def run(program: str, folder) -> str:
    """What a program prints on the laptop, in its first second."""
    program = re.sub(r'"/(?=[\w.-]+")', f'"{folder}/', program)  # Files at the root of a board's filesystem.
    file = folder / "program.py"
    file.write_text(f"import sys\nsys.path.insert(0, {str(ROOT / 'lib')!r})\n{LIMITED}{program}")
    result = subprocess.run(
        [find_tool("micropython"), file], cwd=folder, capture_output=True, text=True, timeout=30, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "died" not in result.stderr and "no connection" not in result.stderr, result.stderr
    return result.stdout


@pytest.mark.parametrize("block", ON_LAPTOP, ids=str)
def test_a_program_runs_on_the_laptop(block, tmp_path, broker, request):
    if "mqtts://" in block.program:
        secure = request.getfixturevalue("secure_broker")
        shutil.copy(secure.certificates / "broker.der", tmp_path)
        program = block.program.replace("broker.local", f"127.0.0.1:{secure.port}")
    else:
        program = block.program.replace("broker.local", f"127.0.0.1:{broker.port}")
    if "hub.local:7433" in program:
        program = program.replace("hub.local:7433", f"127.0.0.1:{request.getfixturevalue('hub')}")
    assert run(program, tmp_path).startswith(block.printed)


def test_home_assistant_finds_what_the_page_describes(broker, tmp_path):
    (program,) = [block.program for block in ON_LAPTOP if "homeassistant/" in block.program]
    with Listener(broker.port) as listener:
        run(program.replace("broker.local", f"127.0.0.1:{broker.port}"), tmp_path)
    (described,) = set(listener.payloads("homeassistant/sensor/node7/temperature/config"))
    description = json.loads(described)
    assert json.loads(listener.payloads(description["state_topic"])[-1]) == 21.5
    assert description["payload_available"].encode() in listener.payloads(description["availability_topic"])


@pytest.mark.parametrize("block", ON_CHIP, ids=str)
def test_a_program_runs_on_the_chip(block):
    own = {
        place.name: place.read_bytes()
        for place in (ROOT / "boards/pico_w/board.py", ROOT / "boards/rp2_temperature.py")
    }
    with Board(filesystem=library_image(own)) as board:
        board.adc[4] = 876  # 27 degrees, of the sensor in the chip.
        assert board.exec(LIMITED + block.program, timeout=300).startswith(block.printed)


def test_the_board_file_that_is_shown_is_the_one_that_is_there():
    assert BOARD_FILE.read_text().partition("\n\n")[2] in {block.code for block in BLOCKS}


def test_most_blocks_are_programs_that_run():
    assert len(ON_LAPTOP) > 10 and ON_CHIP


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_command_of_make_is_listed_by_make_help(page):
    listed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for command in re.findall(r"(?:`|^ *)make (?:-C \\S+ )?([a-z][a-z-]*)", page.read_text(), re.MULTILINE):
        assert re.search(rf"^{command} ", listed, re.MULTILINE), command


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text().split()) <= 700


def test_every_example_is_listed():
    listed = re.findall(r"^\| `(\w+)` \|", (ROOT / "docs/examples.md").read_text(), re.MULTILINE)
    assert sorted(listed) == sorted(file.stem for file in (ROOT / "examples").glob("*.py"))


def test_every_folder_is_there():
    for row in re.findall(r"^\| (`[a-z_/`, ]+`) \|", (ROOT / "docs/design.md").read_text(), re.MULTILINE):
        for folder in re.findall(r"[a-z_]+(?:/[a-z_]+)?", row):
            assert (ROOT / folder).is_dir(), folder


def test_every_file_of_the_core_stands_once_in_the_map_of_its_files():
    table = (ROOT / "docs/design.md").read_text().partition("## The files of `lib/aimdb`")[2].partition("\n## ")[0]
    files = [row.split("|")[2] for row in table.splitlines() if row.startswith("|")]
    listed = [name for cell in files for name in re.findall(r"`(\w+)`", cell)]
    assert sorted(listed) == sorted(file.stem for file in (ROOT / "lib/aimdb").glob("*.py"))


def test_the_readme_says_how_long_a_start_takes():
    # In a block of code, where `make figures` writes nothing.
    text = (ROOT / "README.md").read_text()
    start, seconds, kb = (
        figures.FIGURES[name]() for name in ("start_compiled", "seconds_more_as_sources", "kb_more_as_sources")
    )
    assert f"starts in {start} s" in text and f"{seconds} s and {kb} KB of RAM more" in text


def test_a_figure_in_a_sentence_begins_no_line():
    # A comment that does ends the paragraph.
    for page in PAGES:
        assert not re.search(r"^ *<!--figure", page.read_text(), re.MULTILINE), page


def test_every_link_of_the_readme_leads_somewhere():
    for target in re.findall(r"\]\(([^)#]+)", (ROOT / "README.md").read_text()):
        assert (ROOT / target).exists(), target
