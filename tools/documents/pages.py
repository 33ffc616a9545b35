"""Pages of which a part is written by a program."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def rewrite(pages: Iterable[Path], anew: Callable[[str], str], lateness: str, arguments: list[str]) -> int:
    """Write the pages as `anew` gives them. Returns the exit status.

    With --check nothing is written: each page that would change is said to be late, and the status is 1 then.
    """
    late = [page for page in sorted(pages) if anew(page.read_text()) != page.read_text()]
    for page in late:
        if "--check" in arguments:
            print(f"{page.relative_to(ROOT)} {lateness}")
        else:
            page.write_text(anew(page.read_text()))
            print(f"wrote {page.relative_to(ROOT)}")
    return int(bool(late) and "--check" in arguments)
