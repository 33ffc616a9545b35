"""Which files a test needs on its target, and their compiled form."""

import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from . import mpy

ON_TARGET = Path(__file__).parent / "on_target"


class TargetError(Exception):
    """A target cannot be used; the message is one sentence for the user."""


@dataclass(frozen=True)
class Program:
    """A test file and the folders that it imports from; `root` is what shown paths are relative to."""

    test_file: Path
    folders: tuple[Path, ...]
    root: Path

    @property
    def module(self) -> str:
        return self.test_file.stem

    @property
    def search_path(self) -> list[Path]:
        return list(dict.fromkeys([self.test_file.parent, *self.folders, ON_TARGET]))

    def sources(self) -> Iterator[tuple[str, Path]]:
        """Every file that a target without access to the host's folders must have, by its import path."""
        yield self.test_file.name, self.test_file
        for folder in self.search_path:
            for source in sources_below(folder, self.search_path):
                place = source.relative_to(folder)
                if not source.name.startswith(("test_", "conftest")) and "host" not in place.parts:
                    yield place.as_posix(), source

    def compiled(self, architecture: str | None) -> dict[str, bytes]:
        """The same files as .mpy, by their path on the target. Where two have one name, the first wins.

        Without optimisation, so that asserts and line numbers stay.
        """
        files: dict[str, bytes] = {}
        for place, source in self.sources():
            name = place.removesuffix(".py") + ".mpy"
            if name not in files:
                shown = source.relative_to(self.root) if source.is_relative_to(self.root) else source
                try:
                    files[name] = mpy.compile_source(source.read_bytes(), str(shown), architecture=architecture)
                except mpy.CompileError as error:
                    raise TargetError(f"{shown} {error}") from None
        return files


def sources_below(folder: Path, others: list[Path]) -> Iterator[Path]:
    """In a fixed order; without hidden folders, environments of Python, and `others`, which have their own turn."""
    for path in sorted(folder.iterdir()):
        if path.suffix == ".py":
            yield path
        elif path.is_dir() and path not in others and not path.name.startswith((".", "__")):
            if not (path / "pyvenv.cfg").exists():
                yield from sources_below(path, others)


def find_tool(name: str) -> str:
    """A command named by an environment variable (such as MICROPYTHON), on PATH, or beside this Python."""
    variable = name.upper().replace("-", "_")
    beside_this_python = str(Path(sys.executable).parent)
    if chosen := os.environ.get(variable):
        found = shutil.which(chosen)
        problem = f"{variable} is {chosen}, which is no program"
    else:
        found = shutil.which(name) or shutil.which(name, path=beside_this_python)
        problem = f"no {name} on PATH: install it, or name yours by {variable}=path"
    if not found:
        raise TargetError(problem)
    return found
