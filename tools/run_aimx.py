"""The end of `make run`: two looks at the records of the running node, by AimX."""

from __future__ import annotations

import contextlib
import subprocess
import sys

from aimdb_tools import HOW, find_aimdb
from board_declaration import ROOT

# For an answer, which a busy emulated board takes its time for. AimDB's own command line waits 5 s for a connection.
PATIENCE_SECONDS = 120

LOOKS = (["record", "list"], ["watch", "temperature", "-c", "3"])


def look_at_records(port: int) -> bool:
    """Show what AimDB's own command line, or else our small one, says at this port. False: a look has failed."""
    aimdb = find_aimdb()
    print(f"\nThe node serves its records, by AimX.{'' if aimdb else f' {HOW}; this is our own.'}", flush=True)
    return all([look(aimdb, [f"tcp://127.0.0.1:{port}", *arguments]) for arguments in LOOKS])


def look(aimdb: object, arguments: list[str]) -> bool:
    """One command; ours, when AimDB's is not there or was too impatient."""
    command = ".cache/peers/bin/aimdb" if aimdb else ".venv/bin/python tools/aimx/aimx_command.py"
    print("$", command, "--connect", *arguments, flush=True)
    ours = [sys.executable, str(ROOT / "tools" / "aimx" / "aimx_command.py"), "--timeout", str(PATIENCE_SECONDS)]
    for program in ([str(aimdb)], ours) if aimdb else (ours,):
        with contextlib.suppress(subprocess.TimeoutExpired):
            if not subprocess.run([*program, "--connect", *arguments], timeout=2 * PATIENCE_SECONDS).returncode:
                return True
    return False
