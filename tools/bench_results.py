"""From the target's report to results: per operation, without loop and measuring, and what must hold of them."""

from __future__ import annotations

from collections.abc import Iterable

EMPTY_LOOP = "floor: empty loop"
START_AND_STOP = "floor: start and stop"
CALL_AND_APPEND = ("floor: empty Python call", "floor: deque.append")
TWO_SWITCHES = ("floor: two task switches",)
FIVE_SWITCHES = ("floor: five task switches",)

# What an operation contains that nobody can save, by the beginning of its name. The first match counts.
FLOORS = (
    ("floor:", ()),
    ("subscribe:", ()),
    ("deliver: SpmcRing, recv, 4 readers", FIVE_SWITCHES),
    ("deliver:", TWO_SWITCHES),
    ("queue of", TWO_SWITCHES),
    ("recv with a timeout that passes", TWO_SWITCHES),
    ("", CALL_AND_APPEND),
)


def results_of(report: Iterable[list], unit: str, library: dict[str, bytes]) -> dict:
    """The results as they are kept in JSON. `unit` is that of the target's clock."""
    lines = list(report)
    cases = {line[1]: line[2:] for line in lines if line[0] == "case"}
    bracket = cases[START_AND_STOP][2] / cases[START_AND_STOP][1]
    loop = (cases[EMPTY_LOOP][2] - bracket) / cases[EMPTY_LOOP][0]

    def rounded(figure: float) -> float:
        return round(figure) if unit == "cycles" else round(figure, 3)

    operations = {}
    for name, (repetitions, brackets, total, byte_repetitions, _, total_bytes) in cases.items():
        # One bracket is around the loop; where there are more, each is inside it.
        figure = (total - brackets * bracket) / repetitions - (loop if brackets == 1 else 0)
        if name in (EMPTY_LOOP, START_AND_STOP):
            figure = loop if name == EMPTY_LOOP else bracket
        operations[name] = {unit: rounded(figure), "bytes": round(total_bytes / byte_repetitions, 1)}
    imported = next(line for line in lines if line[0] == "import")
    operations["import: the whole core"] = {unit: rounded(imported[1] - bracket), "bytes": imported[2]}
    return {
        "firmware": next(line[1] for line in lines if line[0] == "firmware"),
        "operations": operations,
        "mpy": {**{name: len(content) for name, content in library.items()}, "total": sum(map(len, library.values()))},
        "heap": {"after import": imported[2], **{line[1]: line[2] for line in lines if line[0] == "heap"}},
    }


def floor_of(name: str, operations: dict, unit: str) -> float | None:
    """The cost of what the operation cannot do without, or None."""
    parts = next(floors for beginning, floors in FLOORS if name.startswith(beginning))
    return sum(operations[part][unit] for part in parts) or None
