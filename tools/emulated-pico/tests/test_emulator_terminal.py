"""The emulated board as a serial port, used by the real mpremote."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from emulated_pico import Board
from emulated_pico.filesystem import build_image, read_image

# Upper bound in seconds for one command.
PATIENCE = 120

Start = Callable[..., tuple[subprocess.Popen, str]]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start `python -m emulated_pico --pty` with further options; return the process and its port."""
    processes = []

    def start_one(*options: str) -> tuple[subprocess.Popen, str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "emulated_pico", "--pty", *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        return process, process.stdout.readline().strip()

    yield start_one
    for process in processes:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()


def mpremote(port: str, *command: str) -> str:
    """Run one mpremote command; return its output."""
    result = subprocess.run(
        [sys.executable, "-m", "mpremote", "connect", port, *command],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_mpremote_commands_work_one_after_another(start: Start, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("print('from the script')\n" * 20)
    _, port = start()
    assert mpremote(port, "exec", "print(6 * 7)") == "42\n"
    mpremote(port, "fs", "cp", str(script), ":script.py")
    assert mpremote(port, "exec", "import script").count("from the script") == 20
    mpremote(port, "soft-reset")
    mpremote(port, "reset")
    assert "script.py" in mpremote(port, "fs", "ls")


def test_mpremote_mounts_a_folder_of_the_host(start: Start, tmp_path: Path) -> None:
    (tmp_path / "mounted.py").write_text("print('from the host')\n")
    _, port = start()
    assert "from the host" in mpremote(port, "mount", str(tmp_path), "exec", "import mounted")


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_the_server_and_saves_the_filesystem(start: Start, tmp_path: Path, end: signal.Signals) -> None:
    image, dump = tmp_path / "image", tmp_path / "dump"
    image.write_bytes(build_image({"kept.txt": b"kept"}))
    process, _ = start("--image", str(image), "--dump", str(dump))
    process.send_signal(end)
    assert process.wait(PATIENCE) == 0
    assert read_image(dump.read_bytes()) == {"kept.txt": b"kept"}


def test_link_leads_to_the_port_and_is_taken_away(start: Start, tmp_path: Path) -> None:
    link = tmp_path / "port"
    process, port = start("--board", "pico", "--link", str(link))
    assert "ready at this port" in process.stderr.readline()
    assert port == str(link)
    assert str(link.resolve()).startswith("/dev/")
    process.terminate()
    process.wait(PATIENCE)
    assert not link.is_symlink()


def test_mistake_in_the_options_is_one_line(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "emulated_pico", "--pty", "--image", str(tmp_path / "missing")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1
    assert "missing" in result.stderr


def test_serving_twice_gives_the_same_port() -> None:
    with Board() as board:
        assert board.serve_pty() == board.serve_pty()


def test_a_link_takes_the_place_of_no_file_and_needs_its_folder(start: Start, tmp_path: Path) -> None:
    file = tmp_path / "main.py"
    file.write_text("print(1)")
    process, port = start("--link", str(file))
    assert (process.wait(PATIENCE), port, file.read_text()) == (1, "", "print(1)")
    assert "there is something of that name, which is no link" in process.stderr.read()
    process, _ = start("--link", str(tmp_path / "no" / "port"))
    assert process.wait(PATIENCE) == 1
    assert f"there is no folder {tmp_path / 'no'}" in process.stderr.read()
