"""`python -m emulated_pico.speedup`: make the emulator about ten times faster, where there is a C compiler.

The wheel that Python 3.11 and later get is built for Python's stable interface, which is slow in the
emulator's inner loop. Here its sources are built once for this very Python, with the lines changed that
`speedup_changes` names. Where the sources cannot be built, as without a compiler, the wheel stays.
"""

import importlib.metadata
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

from emulated_pico import cache
from emulated_pico.speedup_changes import CHANGES

PACKAGE = "rp2040py"
VERSION = "0.3.6"
CORE = "rp2040py.native._cortex_m0_core"
CACHE = cache.folder("wheels")
PIP = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]

# What marks the fast build. A change of CHANGES needs another number, so that users get it.
FAST_VERSION = f"{VERSION}+fast3"


class SpeedupError(Exception):
    """The fast build could not be made."""


def main() -> None:
    """Install the fast build into the Python that runs this, unless it is there. If that fails, the wheel stays."""
    if is_fast():
        return
    try:
        wheel = cached_wheel() or build_wheel()
        run([*PIP, "install", "--force-reinstall", "--no-deps", str(wheel)])
        run([sys.executable, "-c", f"import {CORE}"])
    # Whatever went wrong: the emulator works without.
    except Exception as error:
        reason = str(error) or type(error).__name__
        if is_fast():  # And does not work, or comes from somebody else.
            shutil.rmtree(CACHE, ignore_errors=True)
            run([*PIP, "install", "--force-reinstall", "--no-deps", f"{PACKAGE}=={VERSION}"])
        print(f"The emulator runs from its wheel, about ten times slower: {reason}")
        return
    print(f"The emulator now runs from {wheel.name}, about ten times faster.")


def is_fast() -> bool:
    """Whether the installed emulator is the build for this very Python."""
    try:
        return importlib.metadata.version(PACKAGE) == FAST_VERSION
    except importlib.metadata.PackageNotFoundError:
        return False


def has_compiler() -> bool:
    """Whether there is what a build calls."""
    command = os.environ.get("CC", "cc").split()[0]
    return shutil.which(command) is not None


def cached_wheel() -> Path | None:
    """A fast wheel from an earlier build, for this Python."""
    wheels = sorted(CACHE.glob(f"{PACKAGE}-{FAST_VERSION}-{python_tag()}-{python_tag()}-*.whl"))
    return wheels[-1] if wheels else None


def python_tag() -> str:
    """How wheels for this very Python are named."""
    return f"cp{sys.version_info.major}{sys.version_info.minor}"


def build_wheel() -> Path:
    """Build a fast wheel into the cache, out of the sources; takes a minute or two."""
    if not has_compiler():
        raise SpeedupError("there is no C compiler here.")
    print("Building a faster emulator, once (a minute or two) ...", flush=True)
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        # Only the sources are wanted here, so nothing of them need be compiled yet.
        environment = {**os.environ, "RP2040PY_SKIP_NATIVE_BUILD": "1"}
        download = [*PIP, "download", "--no-deps", "--no-binary", PACKAGE, "--dest", folder]
        run([*download, f"{PACKAGE}=={VERSION}"], environment)
        unpack(next(work.glob("*.tar.gz")), work)
        sources = work / f"{PACKAGE}-{VERSION}"
        change(sources)
        environment = {**os.environ, "SETUPTOOLS_SCM_PRETEND_VERSION": FAST_VERSION}
        run([*PIP, "wheel", "--no-deps", "--wheel-dir", folder, str(sources)], environment)
        wheel = next(work.glob("*.whl"))
        with zipfile.ZipFile(wheel) as content:
            if not any(name.startswith(CORE.replace(".", "/") + ".cpython-") for name in content.namelist()):
                raise SpeedupError("the C compiler did not produce the extension.")
        return Path(shutil.move(wheel, CACHE / wheel.name))


def unpack(sources: Path, folder: Path) -> None:
    """Pythons before 3.11.4 know no filter, and later ones want to be told which."""
    with tarfile.open(sources) as archive:
        archive.extractall(folder, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))


def change(sources: Path) -> None:
    """Change the few lines of the sources that matter. Raises SpeedupError."""
    for name, line, replacement in CHANGES:
        file = sources / name
        text = file.read_text()
        if text.count(line) != 1:
            raise SpeedupError(f"{PACKAGE}'s {name} no longer has the line {line.strip()!r}.")
        file.write_text(text.replace(line, replacement))


def run(command: list[str], environment: dict[str, str] | None = None) -> None:
    """Run a command, and be silent about it unless it fails."""
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if result.returncode:
        lines = result.stderr.strip().splitlines()
        raise SpeedupError(lines[-1] if lines else f"{command[0]} failed and gave no reason.")


if __name__ == "__main__":
    main()
