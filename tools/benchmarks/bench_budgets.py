"""The budgets: what the core operations may cost on the pinned firmware and emulator. They only go down."""

from __future__ import annotations

import json
from pathlib import Path

from bench_results import CALL_AND_APPEND, EMPTY_LOOP, START_AND_STOP, TWO_SWITCHES
from device_files import ROOT

FILE = ROOT / "bench" / "budgets.json"

# What a change that has nothing to do with an operation may still move it by: a new name anywhere renumbers the others,
# and with them what meets in the interpreter's cache of attribute look-ups.
ROOM = 1.02

FLOORS = (START_AND_STOP, EMPTY_LOOP, *CALL_AND_APPEND, *TWO_SWITCHES)
OPERATIONS = (
    "produce: SpmcRing, with space",
    "produce: SpmcRing, overwriting",
    "produce: SingleLatest, overwriting",
    "produce: Mailbox, overwriting",
    "produce: BoundedQueue, with space",
    "try_produce: BoundedQueue, refused",
    "try_recv: SpmcRing",
    "try_recv: BoundedQueue",
    "deliver: SpmcRing, recv",
    "deliver: SingleLatest, recv",
    "deliver: Mailbox, recv",
    "deliver: BoundedQueue, recv",
    "deliver: SpmcRing, ready + try_recv",
    "deliver: BoundedQueue, ready + try_recv",
    "deliver: BoundedQueue, recv, 2 readers",
    "deliver: SpmcRing, recv with a timeout",
    "queue of 1: BoundedQueue",
    "queue of 16: BoundedQueue",
)


def figures_of(results: dict) -> dict[str, float]:
    """Everything that has a budget, by a name with its unit."""
    figures: dict[str, float] = {}
    for name in OPERATIONS:
        figures[f"{name}: cycles"] = results["operations"][name]["cycles"]
        figures[f"{name}: bytes"] = results["operations"][name]["bytes"]
    figures["the core as .mpy: bytes"] = results["mpy"]["total"]
    for name, size in results["heap"].items():
        figures[f"{name}: bytes of heap"] = size
    return figures


def read() -> dict[str, float]:
    return json.loads(FILE.read_text()) if FILE.exists() else {}


def above(figures: dict[str, float], budgets: dict[str, float]) -> dict[str, str]:
    """A sentence for each figure that is above its budget and the room."""
    return {
        name: f"{name}: {figures[name]}, but the budget is {budget} (+{figures[name] / max(budget, 1) - 1:.1%})"
        for name, budget in budgets.items()
        if name in figures and figures[name] > budget * ROOM
    }


def lowered(figures: dict[str, float], budgets: dict[str, float]) -> dict[str, float]:
    """The budgets after these figures: never above the ones before; what is no longer measured is gone."""
    return {name: min(figure, budgets.get(name, figure)) for name, figure in figures.items()}


def write(budgets: dict[str, float], file: Path = FILE) -> None:
    file.write_text(json.dumps(budgets, indent=2) + "\n")
