"""From the target's report to results: per operation, without loop and measuring, and what must hold of them."""

from __future__ import annotations

from pathlib import Path
from statistics import median

# The chip's usual clock.
MEGAHERTZ = 125

# The modules that stay loaded when all buffers and `AimDb` are imported, as they are joined. The others are loaded when
# they are used.
CORE = ("__init__",)
EMPTY_LOOP = "floor: empty loop"
START_AND_STOP = "floor: start and stop"
CALL_AND_APPEND = ("floor: empty Python call", "floor: deque.append")
TWO_SWITCHES = ("floor: two task switches",)
FIVE_SWITCHES = ("floor: five task switches",)

# What an operation contains that nobody can save, by the beginning of its name. The first match counts.
FLOORS = (
    ("floor:", ()),
    ("subscribe:", ()),
    ("import:", ()),
    ("deliver: SpmcRing, recv, 4 readers", FIVE_SWITCHES),
    ("deliver:", TWO_SWITCHES),
    ("compute:", TWO_SWITCHES),
    ("queue of", TWO_SWITCHES),
    ("recv with a timeout that passes", TWO_SWITCHES),
    ("", CALL_AND_APPEND),
)


def results_of(reports: list[list[list]], unit: str, library: dict[str, bytes]) -> dict:
    """The results as they are kept in JSON. Times are medians of all reports, bytes are told by the first."""
    used: dict[str, list[int]] = {}
    for line in (line for report in reports for line in report if line[0] == "used"):
        used[line[1]] = min(used.get(line[1], line[2:]), line[2:])  # Without the leaps of the table of names.
    reports = [report for report in reports if report[0][0] != "used"]
    costs = [costs_of(report) for report in reports]
    operations = {}
    for line in reports[0]:
        if line[0] == "case":
            name, size = line[1], line[-1]
            cost = median(each[name] for each in costs)
            operations[name] = {unit: round(cost) if unit == "cycles" else round(cost, 3), "bytes": round(size, 1)}
    return {
        "firmware": next(line[1] for line in reports[0] if line[0] == "firmware"),
        "operations": operations,
        "mpy": {**{name: len(content) for name, content in library.items()}, "total": core_size(library)},
        "heap": {line[1]: line[2] for line in reports[0] if line[0] == "heap"},
        "used": used,
    }


def imports_of(reports: list[list[list]]) -> list[int]:
    """What an import keeps of the heap, in each program."""
    return [line[1] for report in reports for line in report if line[0] == "imported"]


def start_of(reports: list[list[list]], unit: str) -> dict[str, int]:
    """What a program takes from its first import to its first value, without the leaps of the table of names."""
    took, kept = zip(*[line[1:] for report in reports for line in report if line[0] == "start"], strict=True)
    return {unit: min(took), "bytes": min(kept)}


def core_size(library: dict[str, bytes]) -> int:
    return sum(len(content) for name, content in library.items() if Path(name).stem in CORE)


def costs_of(report: list[list]) -> dict[str, float]:
    """What each operation of one report takes of the clock, without loop and measuring."""
    cases = {line[1]: line[2:5] for line in report if line[0] == "case"}
    _, brackets, total = cases[START_AND_STOP]
    bracket = total / brackets
    repetitions, _, total = cases[EMPTY_LOOP]
    loop = (total - bracket) / repetitions
    costs = {}
    for name, (repetitions, brackets, total) in cases.items():
        # One bracket is around the loop; where there are more, each is inside it.
        costs[name] = (total - brackets * bracket) / repetitions - (loop if brackets == 1 else 0)
    return {**costs, START_AND_STOP: bracket, EMPTY_LOOP: loop}


def floor_of(name: str, operations: dict, unit: str) -> float | None:
    """The cost of what the operation cannot do without, or None."""
    parts = next(floors for beginning, floors in FLOORS if name.startswith(beginning))
    return sum(operations[part][unit] for part in parts) or None
