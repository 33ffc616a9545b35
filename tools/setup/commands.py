"""Runs the programs of the set-up, and says in a sentence what went wrong."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from progress import Progress

ROOT = Path(__file__).resolve().parents[2]

# What pip and its parts say when they reach nobody.
UNREACHABLE = re.compile(
    r"NewConnectionError|NameResolutionError|ConnectTimeoutError|ReadTimeoutError|ProxyError|Max retries exceeded"
    r"|Temporary failure in name resolution|Network is unreachable|Connection refused|No route to host"
)
NO_ROOM = re.compile(r"No space left on device|Disk quota exceeded")
NO_BUILD = re.compile(r"No matching distribution found for (\S+)")
LAST_ERROR = re.compile(r"^(?:ERROR|error): (.+)$", re.MULTILINE | re.IGNORECASE)


NO_NETWORK = (
    "No package index can be reached, and set-up needs one. Run the same command again when there is a network; "
    "a proxy goes into HTTPS_PROXY, an index of your own into PIP_INDEX_URL."
)


class SetupError(Exception):
    """A sentence for the user: what is wrong, and what to do about it."""


def run(command: list[str], progress: Progress, log: Path) -> str:
    """Run it, show its last line as it comes, keep all in the log; return what it printed. Raises SetupError."""
    output = []
    with log.open("a") as copy:
        copy.write(f"$ {' '.join(command)}\n")
        process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        try:
            for line in process.stdout:
                copy.write(line)
                output.append(line)
                progress.detail = line.strip()
        finally:
            process.kill()
            process.wait()
            process.stdout.close()
    text = "".join(output)
    if process.returncode:
        raise SetupError(explain(text, log))
    return text


def explain(output: str, log: Path) -> str:
    """What to tell the user of a command that failed, from what it printed."""
    if NO_ROOM.search(output):
        return "The disk is full: make room, and run the same command again."
    if UNREACHABLE.search(output):
        return NO_NETWORK
    if missing := NO_BUILD.search(output):
        return f"The package index has no {missing[1]} for this Python and machine (see {log})."
    errors = LAST_ERROR.findall(output) or output.strip().splitlines()[-1:] or ["it gave no reason"]
    return f"{errors[-1].rstrip('.')}. All that was said is in {log}."
