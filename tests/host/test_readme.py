"""What the README says, tried."""

import re
import subprocess
from pathlib import Path

import pytest
from pytest_micropython.files import find_tool

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
PROGRAM, OWN_BUFFER, FLASH_QUEUE = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def micropython(tmp_path, program, seconds):
    """What a program prints in its first seconds, if it runs that long."""
    file = tmp_path / "program.py"
    file.write_text(f"import sys\nsys.path.insert(0, {str(ROOT / 'lib')!r})\n" + program)
    try:
        result = subprocess.run(
            [find_tool("micropython"), file], cwd=tmp_path, capture_output=True, text=True, timeout=seconds
        )
    except subprocess.TimeoutExpired as error:
        return error.stdout.decode()
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_the_program_shows_temperatures(tmp_path):
    ended = PROGRAM.replace("asyncio.run(db.run())", "asyncio.run(asyncio.wait_for(db.run(), 1))")
    ended = ended.replace("asyncio.run(", "try:\n    asyncio.run(", 1) + "except asyncio.TimeoutError:\n    pass\n"
    lines = micropython(tmp_path, ended, 20).splitlines()
    assert len(lines) > 3
    assert all(re.fullmatch(r"2[01]\.\d C", line) for line in lines)


def test_the_buffer_of_ones_own_works(tmp_path):
    use = """
buffer = Largest()
reader = buffer.subscribe()
for value in (3, 9, 4):
    buffer.push(value)
print(reader.try_recv())
"""
    assert micropython(tmp_path, OWN_BUFFER + use, 20) == "9\n"


def test_the_queue_on_flash_hands_out_what_was_produced_once(tmp_path):
    here = FLASH_QUEUE.replace("/journal.queue", "journal.queue")
    wanted = "sent {'celsius': 21.5}\n"
    assert micropython(tmp_path, here, 20) == wanted
    assert micropython(tmp_path, here, 20) == wanted
    assert (tmp_path / "journal.queue").is_dir()


@pytest.mark.parametrize("command", sorted(set(re.findall(r"(?:`|^    )make ([a-z]+)", README, re.MULTILINE))))
def test_every_command_is_listed_by_make_help(command):
    listed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert re.search(rf"^{command} ", listed, re.MULTILINE)


def test_every_folder_is_there():
    for folder in re.findall(r"^\| `([a-z_/]+)` \|", README, re.MULTILINE):
        assert (ROOT / folder).is_dir()
