"""AimDB's own command line, for tests and for `make run`. `make peers` builds it from its published sources.

It is optional: whoever needs it asks `find_aimdb`, and says in words that it is missing.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / ".cache" / "peers"
VERSION = "0.7.0"
HOW = "AimDB's command line is not there: `make peers` builds it, where Rust's cargo is installed"
COST = "About 2 minutes of computing and 200 MB to download; 250 MB while it is built, 7 MB in .cache/peers after that."

# Its packages ask for a newer compiler than they need.
BUILD = [
    *("install", f"aimdb-cli@{VERSION}", "--locked", "--ignore-rust-version"),
    *("--features", "transport-tcp,transport-serial", "--root", str(FOLDER), "--target-dir", str(FOLDER / "build")),
]


def find_aimdb() -> Path | None:
    """The program, or None. AIMDB=path names another one."""
    own = os.environ.get("AIMDB")
    program = Path(own) if own else FOLDER / "bin" / "aimdb"
    return program if program.exists() else None


def main() -> int:
    """Build it, if it is not there. Returns the exit status."""
    if find_aimdb():
        print(f"AimDB's command line is there: {find_aimdb()}")
        return 0
    cargo = shutil.which("cargo")
    if not cargo:
        print("Rust's cargo is not installed (https://rustup.rs). Tests with AimDB's command line are skipped.")
        return 0
    print(f"AimDB's command line {VERSION} is built, once. {COST}", flush=True)
    began = time.monotonic()
    status = subprocess.run([cargo, *BUILD]).returncode
    shutil.rmtree(FOLDER / "build", ignore_errors=True)
    if not status:
        print(f"It is there after {time.monotonic() - began:.0f} s: {find_aimdb()}")
    return status


if __name__ == "__main__":
    sys.exit(main())
