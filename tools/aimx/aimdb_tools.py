"""AimDB's own command line, and a hub made of AimDB, for tests and for `make run`. `make peers` builds them.

They are optional: whoever needs one asks `find_aimdb` or `find_hub`, and says in words that it is missing.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".cache" / "peers"
VERSION = "0.7.0"
HOW = "AimDB's command line is not there: `make peers` builds it, where Rust's cargo is installed"
COST = "About 4 minutes of computing and 200 MB to download; 250 MB while they are built, then 12 MB in .cache/peers."

# Their packages ask for a newer compiler than they need.
OPTIONS = ("--locked", "--ignore-rust-version", "--root", str(FOLDER), "--target-dir", str(FOLDER / "build"))
BUILDS = {
    "aimdb": ["install", f"aimdb-cli@{VERSION}", "--features", "transport-tcp,transport-serial", *OPTIONS],
    "aimdb-hub": ["install", "--debug", "--path", str(ROOT / "tools" / "aimdb-hub"), *OPTIONS],
}


def find_aimdb() -> Path | None:
    """The program, or None. AIMDB=path names another one."""
    own = os.environ.get("AIMDB")
    program = Path(own) if own else FOLDER / "bin" / "aimdb"
    return program if program.exists() else None


def find_hub() -> Path | None:
    """The hub of tools/aimdb-hub, or None."""
    program = FOLDER / "bin" / "aimdb-hub"
    return program if program.exists() else None


def main() -> int:
    """Build what is not there. Returns the exit status."""
    missing = [name for name, path in {"aimdb": find_aimdb(), "aimdb-hub": find_hub()}.items() if not path]
    if not missing:
        print(f"They are there: {find_aimdb()}, {find_hub()}")
        return 0
    cargo = shutil.which("cargo")
    if not cargo:
        print("Rust's cargo is not installed (https://rustup.rs). Tests with AimDB's own programs are skipped.")
        return 0
    print(f"AimDB's command line {VERSION} and a hub are built, once. {COST}", flush=True)
    began = time.monotonic()
    status = 0
    for name in missing:
        status = status or subprocess.run([cargo, *BUILDS[name]]).returncode
    shutil.rmtree(FOLDER / "build", ignore_errors=True)
    if not status:
        print(f"They are there after {time.monotonic() - began:.0f} s: {find_aimdb()}, {find_hub()}")
    return status


if __name__ == "__main__":
    sys.exit(main())
