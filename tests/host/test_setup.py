"""`make setup` on machines as they are: without a network, interrupted, with other Pythons, with a broken compiler."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SENTENCE = "setup: No package index can be reached"

# Nobody answers there, and says so at once.
NO_NETWORK = {
    **{name: value for name, value in os.environ.items() if not name.startswith("PIP_")},
    "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
    "PIP_CONFIG_FILE": os.devnull,
    "PIP_RETRIES": "0",
}


def pythons() -> list[str]:
    """Every Python on this machine that is new enough: this one, and others, as Debian's and pyenv's."""
    names = [f"python3.{minor}" for minor in range(11, 20)]
    folders = [*os.environ.get("PATH", "").split(os.pathsep), "/usr/bin", "/usr/local/bin"]
    folders += [str(folder) for folder in Path.home().glob(".pyenv/versions/*/bin")]
    programs = [shutil.which(name, path=folder) for folder in folders for name in names]
    # A shim of pyenv is a script that may lead nowhere.
    found = {os.path.realpath(program) for program in programs if program and "shims" not in program}
    return sorted(found | {os.path.realpath(sys.executable)})


@pytest.fixture
def clone(tmp_path) -> Path:
    """As much of this repository as set-up needs."""
    (tmp_path / "tools").mkdir()
    shutil.copytree(ROOT / "tools" / "setup", tmp_path / "tools" / "setup")
    for name in ("requirements.txt", "requirements-develop.txt"):
        shutil.copy(ROOT / "tools" / name, tmp_path / "tools")
    return tmp_path


def set_up(clone: Path) -> subprocess.CompletedProcess:
    command = [sys.executable, str(clone / "tools" / "setup")]
    return subprocess.run(command, env=NO_NETWORK, capture_output=True, text=True, check=False, timeout=300)


def test_without_a_network_one_sentence_says_so(clone):
    result = set_up(clone)
    assert result.returncode == 1
    assert result.stderr.startswith(SENTENCE) and len(result.stderr.splitlines()) == 1
    assert not (clone / ".venv" / "ready").exists()


def test_a_folder_that_cannot_be_written_gets_a_sentence(clone):
    (clone / ".cache").write_text("")  # Also root cannot make a folder there.
    result = set_up(clone)
    assert result.returncode == 1
    assert result.stderr.startswith(f"setup: {clone / '.cache'}: File exists. "), result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_stamp_that_is_damaged_is_none(clone):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", clone / ".venv"], check=True)
    (clone / ".venv" / "ready").write_bytes(b"\xff\x00")
    (clone / "tools" / "emulated-pico" / "emulated_pico").mkdir(parents=True)
    (clone / "tools" / "emulated-pico" / "emulated_pico" / "speedup.py").touch()
    result = set_up(clone)
    assert result.returncode == 1 and "What the commands need has changed" in result.stdout, result
    assert result.stderr.startswith("setup: ") and len(result.stderr.splitlines()) == 1, result.stderr


def test_an_environment_that_was_left_half_made_is_made_anew(clone):
    process = subprocess.Popen(
        [sys.executable, str(clone / "tools" / "setup")],
        env=NO_NETWORK,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # A shell's background command, which these tests may be part of, has Ctrl-C ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert "Python environment" in process.stdout.readline() + process.stdout.readline()
    while process.poll() is None and not (clone / ".venv" / "pyvenv.cfg").exists():
        time.sleep(0.001)
    os.killpg(process.pid, signal.SIGINT)  # As Ctrl-C in a terminal does.
    _, complaint = process.communicate()
    assert process.returncode == 130, complaint
    assert "stopped. The next command starts it anew" in complaint
    (clone / ".venv" / "left_over").touch()

    assert set_up(clone).stderr.startswith(SENTENCE)
    assert not (clone / ".venv" / "left_over").exists()
    subprocess.run([clone / ".venv" / "bin" / "pip", "--version"], check=True, capture_output=True)


def test_two_commands_at_once_set_up_one_after_the_other(clone):
    command = [sys.executable, str(clone / "tools" / "setup")]
    both = [
        subprocess.Popen(command, env=NO_NETWORK, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = "".join("".join(process.communicate()) for process in both)
    assert said.count("Another command is setting up, and is waited for.") == 1
    assert said.count(SENTENCE) == 2


def test_an_environment_that_another_folder_lends_is_left_as_it_is(clone, tmp_path):
    lent = tmp_path / "lent"
    lent.mkdir()
    (lent / "ready-to-develop").write_text("of its owner")
    (clone / ".venv").symlink_to(lent)
    assert set_up(clone).stderr.startswith(SENTENCE)
    assert not (clone / ".venv").is_symlink()
    assert [file.read_text() for file in lent.iterdir()] == ["of its owner"]


def make(clone: Path, tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess:
    """Where the shell's own python3 is an old one."""
    shutil.copy(ROOT / "Makefile", clone)
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "python3").write_text(
        f"#!{shutil.which('bash')}\n[ $1 = -c ] && exec {sys.executable} -c "
        '"import sys; sys.version_info = (3, 8, 18); $2"\necho "an old Python runs this"; exit 1\n'
    )
    (tmp_path / "old" / "python3").chmod(0o755)
    environment = {**NO_NETWORK, "PATH": f"{tmp_path / 'old'}:{os.environ['PATH']}", "MAKEFLAGS": "", "MAKELEVEL": "0"}
    return subprocess.run(["make", *arguments], cwd=clone, env=environment, capture_output=True, text=True, check=False)


def test_an_old_python_is_told_with_the_command_that_names_another(clone, tmp_path):
    result = make(clone, tmp_path, "run")
    assert result.stderr.startswith("Python 3.11 or newer is needed, not 3.8; name one: make run PYTHON=python3.11\n")


def test_the_python_that_the_first_command_named_is_that_of_all_later_ones(clone, tmp_path):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", clone / ".venv"], check=True)
    result = make(clone, tmp_path, "setup")
    assert result.stderr.startswith(SENTENCE), result


def test_an_option_that_no_command_has_is_told(clone, tmp_path):
    result = make(clone, tmp_path, "install", "PORT=/dev/no such port", "PACKAGE=aimdb aimdb_flash=1")
    assert "There is no option PACKAGE; " in result.stderr and " PACKAGES" in result.stderr, result
    assert result.returncode and not result.stdout


def test_a_whole_environment_is_left_alone_in_silence():
    if not (ROOT / ".venv" / "ready").exists():
        pytest.skip("this run does not use .venv")
    result = subprocess.run([sys.executable, ROOT / "tools" / "setup"], capture_output=True, text=True)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


@pytest.mark.parametrize("python", pythons())
def test_whatever_keeps_the_faster_emulator_from_being_built_the_wheel_takes_its_place(tmp_path, python):
    program = f"""
import sys
sys.path.insert(0, {str(ROOT / "tools" / "emulated-pico")!r})
from pathlib import Path
from emulated_pico import speedup
speedup.CACHE = Path({str(tmp_path)!r}, "wheels")
speedup.is_fast = lambda: False
speedup.main()
"""
    (tmp_path / "cc").write_text("#!/bin/sh\necho 'error: this compiler is broken' >&2\nexit 1\n")
    (tmp_path / "cc").chmod(0o755)
    environment = {**NO_NETWORK, "CC": str(tmp_path / "cc")}
    result = subprocess.run([python, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    assert "The emulator runs from its wheel, about ten times slower: " in result.stdout.splitlines()[-1]


@pytest.mark.parametrize("python", pythons())
def test_sources_are_unpacked_by_each_python(tmp_path, python):
    (tmp_path / "thing").mkdir()
    (tmp_path / "thing" / "setup.py").touch()
    program = f"""
import sys, tarfile
sys.path.insert(0, {str(ROOT / "tools" / "emulated-pico")!r})
from pathlib import Path
from emulated_pico import speedup
work = Path({str(tmp_path)!r})
with tarfile.open(work / "thing.tar.gz", "w:gz") as archive:
    archive.add(work / "thing", "copy")
speedup.unpack(work / "thing.tar.gz", work)
"""
    subprocess.run([python, "-W", "error", "-c", program], check=True, capture_output=True, text=True)
    assert (tmp_path / "copy" / "setup.py").exists()


@pytest.mark.skipif(not os.environ.get("SOAK"), reason="takes some minutes for each Python: make soak")
@pytest.mark.parametrize("python", pythons())
def test_a_fresh_clone_is_set_up_and_tests_run(tmp_path, python):
    subprocess.run(["git", "clone", "-q", ROOT, tmp_path / "clone"], check=True)
    environment = {**os.environ, "EMULATED_PICO_CACHE": str(tmp_path / "cache"), "PIP_CACHE_DIR": str(tmp_path / "pip")}
    for arguments in (["TESTS=tests/test_mailbox.py"], ["TARGET=rp2040", "TESTS=tests/test_mailbox.py"]):
        command = ["make", "test", f"PYTHON={python}", *arguments]
        result = subprocess.run(command, cwd=tmp_path / "clone", env=environment, capture_output=True, text=True)
        assert result.returncode == 0 and " passed" in result.stdout, result.stdout + result.stderr
