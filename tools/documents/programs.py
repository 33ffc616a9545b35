"""The blocks of code in README and docs, each with what it takes to run it.

An excerpt leaves out what the page has said before. What it needs stands in the page's source, in a comment that
readers do not see; so does what shows that it works:

    <!-- before
    from aimdb import AimDb
    -->

    ```python
    db = AimDb()
    ```

    <!-- after
    print(db)
    -->

A block ```text that follows, after a paragraph that ends with "prints:", is how the output begins.

`make lint` has each of them written into a folder, beside what type checkers need to know, and lets these look there.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]

# Their blocks are files of one project, and tests of their own follow them word by word.
FOLLOWED = ("testing-your-program", "tutorial")

BLOCK = re.compile(
    r"(?:<!-- before\n(?P<before>.*?)-->\s+)?"
    r"^```python\n(?P<code>.*?)^```\n"
    r"(?:\s*<!-- after\n(?P<after>.*?)-->\n)?"
    r"(?:\s*[^\n]*prints:\n\n```text\n(?P<printed>.*?)```)?",
    re.DOTALL | re.MULTILINE,
)


class Block(NamedTuple):
    page: Path
    line: int
    code: str
    program: str  # The code with what is before and after it.
    printed: str  # How its output begins.

    def __str__(self) -> str:
        return f"{self.page.stem}:{self.line}"


def blocks_of(page: Path) -> list[Block]:
    text = page.read_text()
    blocks = []
    for found in BLOCK.finditer(text):
        program = (found["before"] or "") + found["code"] + (found["after"] or "")
        line = text[: found.start("code")].count("\n")
        blocks.append(Block(page, line, found["code"], program, found["printed"] or ""))
    return blocks


BLOCKS = [block for page in PAGES for block in blocks_of(page)]

# What programs import of the reader's own, and of the board's.
OWN_MODULES = ("app", "board", "my_buffers", "my_node", "repair", "rp2_temperature")

STUBS = ROOT / ".cache" / "stubs"
HARNESS = ROOT / "tools" / "pytest-micropython" / "pytest_micropython" / "on_target"
IMPORTED = [ROOT / "lib", STUBS, HARNESS]

PYRIGHT = {
    "typeCheckingMode": "standard",
    "typeshedPath": str(STUBS),
    "extraPaths": [str(folder) for folder in IMPORTED],
    "reportMissingModuleSource": False,
}


def write_programs(folder: Path) -> None:
    """Make the folder anew, with a file for each program that MicroPython runs."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in OWN_MODULES:
        (folder / f"{name}.pyi").write_text("from typing import Any\ndef __getattr__(name: str) -> Any: ...\n")
    for block in BLOCKS:
        if "pathlib" not in block.program:  # That one is for this computer.
            name = f"{block.page.stem}_{block.line}".replace("-", "_")
            (folder / f"{name}.py").write_text(block.program)
    include = [str(place) for place in (folder.resolve(), ROOT / "examples") if place.exists()]
    (folder / "pyrightconfig.json").write_text(json.dumps({**PYRIGHT, "include": include}))


if __name__ == "__main__":
    write_programs(Path(sys.argv[1]))
