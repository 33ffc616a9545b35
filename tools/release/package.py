"""Keeps what `mip install` reads from this repository in step with the sources, and the version the same everywhere.

`mip install github:OWNER/REPOSITORY` takes the core by the package.json at the root, and
`mip install github:OWNER/REPOSITORY/lib/NAME.json` a package and all that it needs. The places of the sources are
relative, so that every git host, fork and local copy serves its own files, and those of the tag that is asked for.

The version stands in lib/aimdb/__init__.py; all packages have the same, since they are tested together.
"""

from __future__ import annotations

import ast
import json
import re
import sys
from pathlib import Path

from board_declaration import ROOT
from device_files import imported_names

CORE = "aimdb"
VERSION = re.compile(r'^(__version__ = |metadata\(.*\bversion=)"([^"]+)"', re.MULTILINE)


def package_names(root: Path = ROOT) -> list[str]:
    """All packages in lib/, the core first."""
    return sorted(
        (file.parent.name for file in (root / "lib").glob("*/__init__.py")), key=lambda name: (name != CORE, name)
    )


def version(root: Path = ROOT) -> str:
    """The one of all packages."""
    return VERSION.search((root / "lib" / CORE / "__init__.py").read_text())[2]


def summary(name: str, root: Path = ROOT) -> str:
    """The first line of its docstring."""
    text = ast.get_docstring(ast.parse((root / "lib" / name / "__init__.py").read_bytes())) or name
    return text.splitlines()[0]


def sources_of(name: str, root: Path = ROOT) -> list[Path]:
    return sorted((root / "lib" / name).rglob("*.py"))


def needs(name: str, root: Path = ROOT) -> list[str]:
    """The other packages that this one imports, itself or by way of others; in the order of `package_names`."""
    found, waiting = set(), [name]
    while waiting:
        package = waiting.pop()
        imported = {name for source in sources_of(package, root) for name in imported_names(source)}
        new = imported & set(package_names(root)) - found
        found |= new
        waiting += new
    return [package for package in package_names(root) if package in found - {name}]


def wanted_files(root: Path = ROOT) -> dict[Path, str]:
    """Every file that has a list or the version in it, with what should be in it."""
    files = {root / "package.json": package_json([CORE], root, root)}
    for name in package_names(root):
        files[root / "lib" / f"{name}.json"] = package_json([name, *needs(name, root)], root / "lib", root)
    versioned = [root / "manifest.py", *(root / "lib" / name / "__init__.py" for name in package_names(root))]
    for path in versioned:
        if path.exists():
            files[path] = VERSION.sub(rf'\g<1>"{version(root)}"', path.read_text(), count=1)
    return files


def package_json(names: list[str], folder: Path, root: Path) -> str:
    """What mip reads: the files of these packages, by their places on the board and below `folder`."""
    urls = [
        [source.relative_to(root / "lib").as_posix(), source.relative_to(folder).as_posix()]
        for name in names
        for source in sources_of(name, root)
    ]
    rows = ",\n".join("    " + json.dumps(url) for url in urls)
    return f'{{\n  "urls": [\n{rows}\n  ],\n  "version": "{version(root)}"\n}}\n'


def out_of_date(root: Path = ROOT) -> dict[Path, str | None]:
    """What should be in each file that is not as it should be; None for a list of a package that is gone."""
    wanted = wanted_files(root)
    changes = {path: text for path, text in wanted.items() if not path.exists() or path.read_text() != text}
    return {**changes, **{path: None for path in (root / "lib").glob("*.json") if path not in wanted}}


def main(arguments: list[str]) -> int:
    """Writes what is out of date; with --check, only says so."""
    changes = out_of_date()
    for path, text in changes.items():
        if "--check" in arguments:
            print(f"{path.relative_to(ROOT)} is not what the sources say: run `make package`.")
        elif text is None:
            path.unlink()
            print(f"removed {path.relative_to(ROOT)}")
        else:
            path.write_text(text)
            print(f"wrote {path.relative_to(ROOT)}")
    return int(bool(changes) and "--check" in arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
