"""Keeps the package.json files, which `mpremote mip install` reads, in step with the sources.

The package.json at the root is the core, lib/aimdb, so that `mpremote mip install github:OWNER/REPOSITORY` is
all that a user types. A package that builds on it lives in its own folder lib/NAME with a package.json in it;
its version and the packages that it needs ("deps") are written there by hand, and stay as they are.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CORE = "aimdb"


def out_of_date(root: Path = ROOT) -> dict[Path, str]:
    """What should be in each package.json that does not list exactly its package's files."""
    wanted = {path: text_for(path, root) for path in package_files(root)}
    return {path: text for path, text in wanted.items() if not path.exists() or path.read_text() != text}


def package_files(root: Path) -> list[Path]:
    """The package.json of every package, the core's first."""
    return [root / "package.json", *sorted((root / "lib").glob("*/package.json"))]


def text_for(package_file: Path, root: Path) -> str:
    """The content of one package.json: what a person wrote in it, and the list of files as it should be."""
    folder = root / "lib" / CORE if package_file.parent == root else package_file.parent
    # The sources' places are relative, so that every git host, fork and local copy serves its own files.
    urls = [
        [source.relative_to(root / "lib").as_posix(), source.relative_to(package_file.parent).as_posix()]
        for source in sorted(folder.rglob("*.py"))
    ]
    written = json.loads(package_file.read_text()) if package_file.exists() else {"version": "0.1.0"}
    rows = ",\n".join("    " + json.dumps(url) for url in urls)
    others = "".join(f',\n  "{key}": {json.dumps(value)}' for key, value in written.items() if key != "urls")
    return f'{{\n  "urls": [\n{rows}\n  ]{others}\n}}\n'


def main(arguments: list[str]) -> int:
    """Writes what is out of date; with --check, only says so."""
    changes = out_of_date()
    for path, text in changes.items():
        if "--check" in arguments:
            print(f"{path.relative_to(ROOT)} does not list the files that are there: run `make package`.")
        else:
            path.write_text(text)
            print(f"wrote {path.relative_to(ROOT)}")
    return int(bool(changes) and "--check" in arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
