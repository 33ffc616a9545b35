"""Makes a MicroPython traceback readable: without our own frames, with the source lines that it points at."""

import linecache
import re
from dataclasses import dataclass
from pathlib import Path

FRAME = re.compile(r'  File "(?P<file>.+)", line (?P<line>\d+)')

# Frames that tell nothing about a mistake: of the code that calls the test, and of the helpers that it calls.
MACHINERY = re.compile(r'  File "(<stdin>|<string>|asyncio/core\.py|.*harness\.py)"')


@dataclass
class Failure:
    """What pytest shows: `text` in full, `message` in the one-line summary."""

    text: str
    message: str


def explain(traceback: str, root: Path) -> Failure:
    """Paths are shown relative to `root`. An assert without a message is summed up by its source line."""
    shown = []
    source = ""
    for line in traceback.replace(f"{root}/", "").splitlines():
        if MACHINERY.match(line):
            continue
        shown.append(line)
        if frame := FRAME.match(line):
            source = linecache.getline(str(root / frame["file"]), int(frame["line"])).strip()
            if source:
                shown.append(f"    {source}")
    message = shown[-1].strip() if shown else ""
    if message == "AssertionError:":
        message = f"AssertionError: {source}"
    return Failure("\n".join(shown), message)
