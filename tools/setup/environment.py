"""The environment .venv: whether it is whole, and how it is made.

A stamp in it says that something was installed to the end, and of what it was made; it is written last. An environment
without one is half made, and is made anew.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.util
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path

from commands import ROOT, SetupError
from progress import Progress

FOLDER = ROOT / ".venv"
PYTHON = FOLDER / "bin" / "python"


class Stamp:
    """Says that what these files ask for is installed."""

    def __init__(self, name: str, *files: Path) -> None:
        self._place = FOLDER / name
        self._files = [*files, *sorted(Path(__file__).parent.glob("*.py"))]

    @property
    def is_there(self) -> bool:
        """Something was installed to the end, now or earlier, and its Python is still there."""
        return self._place.exists() and PYTHON.exists()

    @property
    def is_right(self) -> bool:
        """It was what the files ask for now."""
        return self.is_there and self._place.read_bytes() == self._wanted().encode()

    def write(self) -> None:
        self._place.write_text(self._wanted())

    def remove(self) -> None:
        self._place.unlink(missing_ok=True)

    def _wanted(self) -> str:
        return hashlib.sha256(b"".join(file.read_bytes() for file in self._files)).hexdigest()


def make(progress: Progress) -> None:
    """A new environment, in place of what is there. Raises SetupError."""
    if not importlib.util.find_spec("ensurepip"):
        raise SetupError(
            f"{sys.executable} cannot make environments. On Debian and Ubuntu: sudo apt install python3-venv"
        )
    if FOLDER.is_symlink():
        FOLDER.unlink()  # Another folder's environment is left as it is.
    try:
        with progress.step("Python environment"):
            venv.create(FOLDER, clear=True, symlinks=True, with_pip=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise SetupError(f"{sys.executable} could not make an environment in {FOLDER}: {error}") from None


@contextlib.contextmanager
def alone(lock_file: Path, progress: Progress) -> Iterator[None]:
    """In the block no other command of this folder is setting up."""
    with lock_file.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress.say("Another command is setting up, and is waited for.")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
