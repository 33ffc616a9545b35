"""`make dist`: writes a static index of the packages, in mip's own layout, for any web server to serve.

    mpremote mip install --index ADDRESS/armv6m aimdb_mqtt        that architecture's native code, the fastest
    mpremote mip install --index ADDRESS aimdb_mqtt               bytecode, for every chip
    mpremote mip install --index ADDRESS --no-mpy aimdb_mqtt      source

mip asks an index for a package by .mpy version, name and version, and not by architecture; so each architecture has an
index of its own. Older versions that are there stay to be had, here and where this is copied over what is served.
"""

from __future__ import annotations

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import package
from board_declaration import CHIPS, ROOT, DeployError
from device_files import MPY_VERSION, compiled_library
from pytest_micropython import mpy

OUTPUT = ROOT / "build" / "mip"

# Hex digits of a file's name; mip compares as many as it is given.
DIGITS = 8

# mpy-cross knows the name, and does not write it yet.
NOT_WRITTEN = ("rv64imc",)

LAYOUT = 2
PACKAGE_LAYOUT = 1


def write_indexes(output: Path, root: Path = ROOT) -> None:
    """Write all indexes into `output`, beside older versions that are there. Raises DeployError."""
    architectures = [name for name in mpy.ARCHITECTURES if name not in NOT_WRITTEN]
    with ThreadPoolExecutor() as threads:
        for made in [threads.submit(write_index, output, architecture, root) for architecture in architectures]:
            made.result()


def write_index(output: Path, architecture: str | None, root: Path = ROOT) -> None:
    """One index, whose native code is for this architecture; with None it has none, and the sources as well."""
    folder = output / architecture if architecture else output
    for name in package.package_names(root):
        sources = {file.relative_to(root / "lib").as_posix(): file for file in package.sources_of(name, root)}
        write_package(folder, str(MPY_VERSION), name, compiled_library(sources, architecture), root)
        write_package(folder, "py", name, {place: file.read_bytes() for place, file in sources.items()}, root)
    write_list(folder, root)


def write_package(folder: Path, form: str, name: str, files: dict[str, bytes], root: Path) -> None:
    """The files of a package in one form, and what mip reads to find them."""
    version = package.version(root)
    description = {
        "v": PACKAGE_LAYOUT,
        "hashes": [[place, write_file(folder, content)] for place, content in sorted(files.items())],
        "deps": [[needed, version] for needed in package.needs(name, root)],
        "version": version,
    }
    place = folder / "package" / form / name
    place.mkdir(parents=True, exist_ok=True)
    text = json.dumps(description)
    for release in (version, "latest"):
        (place / f"{release}.json").write_text(text)


def write_file(folder: Path, content: bytes) -> str:
    """Under the first digits of its digest, which are returned."""
    digits = sha256(content).hexdigest()[:DIGITS]
    file = folder / "file" / digits[:2] / digits
    if file.exists() and file.read_bytes() != content:
        raise DeployError(f"{file} is taken by another file: raise DIGITS in {Path(__file__).name}.")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return digits


def write_list(folder: Path, root: Path) -> None:
    """index.json, for people and programs that look for packages."""
    packages = [
        {
            "name": name,
            "version": package.version(root),
            "author": "",
            "description": package.summary(name, root),
            "license": "MIT",
            "versions": {form: versions(folder, form, name) for form in (str(MPY_VERSION), "py")},
            "path": f"lib/{name}",
        }
        for name in package.package_names(root)
    ]
    (folder / "index.json").write_text(json.dumps({"v": LAYOUT, "updated": int(time.time()), "packages": packages}))


def versions(folder: Path, form: str, name: str) -> list[str]:
    """Those of a package that are there."""
    return sorted(file.stem for file in (folder / "package" / form / name).glob("*.json") if file.stem != "latest")


def main() -> int:
    print("Compiling all packages for each architecture, which takes up to a minute ...", flush=True)
    try:
        write_indexes(OUTPUT)
    except DeployError as error:
        print(f"dist: {error}", file=sys.stderr)
        return 1
    print(f"{OUTPUT.relative_to(ROOT)} has {', '.join(package.package_names())}, version {package.version()}.")
    print(f"Let any web server serve it, such as: python3 -m http.server --directory {OUTPUT.relative_to(ROOT)}")
    print("Then install from it, here for the package aimdb. ADDRESS is this computer's, as others see it:")
    architectures = dict.fromkeys(chip.architecture for chip in CHIPS.values())
    for architecture in architectures:
        chips = ", ".join(name for name, chip in CHIPS.items() if chip.architecture == architecture)
        print(f"  {chips}:".ljust(20), f"mpremote mip install --index http://ADDRESS:8000/{architecture} aimdb")
    print("  any other chip:".ljust(20), "mpremote mip install --index http://ADDRESS:8000 aimdb")
    return 0


if __name__ == "__main__":
    sys.exit(main())
