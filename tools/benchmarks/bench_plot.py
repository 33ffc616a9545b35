"""`make plot`: docs/pictures/costs.png for README and docs, drawn from bench/results.json."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import matplotlib
from bench_results import CALL_AND_APPEND, MEGAHERTZ, TWO_SWITCHES
from device_files import ROOT

matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402

OURS, THEIRS, FLOOR = "#1b7f79", "#b5b9bf", "#c2410c"

# A panel each: its title, what the line shows that nobody can save, and the operations with their labels.
PANELS = (
    (
        "Store a value while nobody waits",
        ("a Python call and deque.append", CALL_AND_APPEND),
        {
            "produce: SpmcRing, overwriting": "SpmcRing",
            "produce: SingleLatest, overwriting": "SingleLatest",
            "produce: Mailbox, overwriting": "Mailbox",
            "produce: BoundedQueue, with space": "BoundedQueue",
            "put: deque + Event": "deque + Event",
            "put: list + Event": "list + Event",
            "put: RingIO": "RingIO, 4 bytes",
            "put: RingbufQueue, overwriting": "RingbufQueue",
            "put: Queue, with space": "Queue",
        },
    ),
    (
        "Hand a value to a waiting task, and go on",
        ("two task switches", TWO_SWITCHES),
        {
            "deliver: SpmcRing, recv": "SpmcRing",
            "deliver: SingleLatest, recv": "SingleLatest",
            "deliver: Mailbox, recv": "Mailbox",
            "deliver: BoundedQueue, recv": "BoundedQueue",
            "deliver: deque + Event": "deque + Event",
            "deliver: list + Event": "list + Event",
            "deliver: RingIO + StreamReader": "RingIO + StreamReader",
            "deliver: RingbufQueue, get": "RingbufQueue",
            "deliver: Queue, get": "Queue",
        },
    ),
    (
        "Queue of 1, both tasks wait for each other: per value",
        ("two task switches", TWO_SWITCHES),
        {
            "queue of 1: BoundedQueue": "BoundedQueue",
            "queue of 1: RingbufQueue": "RingbufQueue",
            "queue of 1: Queue": "Queue",
        },
    ),
    (
        "Queue of 16, both tasks wait for each other: per value",
        None,
        {
            "queue of 16: BoundedQueue": "BoundedQueue",
            "queue of 16: RingbufQueue": "RingbufQueue",
            "queue of 16: Queue": "Queue",
        },
    ),
)
OUR_BUFFERS = ("SpmcRing", "SingleLatest", "Mailbox", "BoundedQueue")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, default=ROOT / "bench" / "results.json")
    parser.add_argument("--png", type=Path, default=ROOT / "docs" / "pictures" / "costs.png")
    options = parser.parse_args(arguments)
    draw(json.loads(options.json.read_text()), options.png)
    return 0


def draw(results: dict, file: Path) -> None:
    operations = results["operations"]
    heights = [sum(name in operations for name in names) + 1.5 for _, _, names in PANELS]
    pyplot.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
    figure, axes = pyplot.subplots(
        len(PANELS), 1, figsize=(8, sum(heights) * 0.25), height_ratios=heights, layout="constrained"
    )
    for axis, (title, floor, names) in zip(axes, PANELS):
        draw_panel(axis, title, floor, {name: label for name, label in names.items() if name in operations}, operations)
    axes[-1].set_xlabel(f"microseconds at {MEGAHERTZ} MHz, {results['firmware']}, {results['emulator']}")
    # Without a note of the program that wrote it, the same figures give the same file.
    figure.savefig(file, dpi=160, metadata={"Software": None})


def draw_panel(axis, title: str, floor: tuple | None, names: dict[str, str], operations: dict) -> None:
    def microseconds(*parts: str) -> float:
        return sum(operations[part]["cycles"] for part in parts) / MEGAHERTZ

    labels = list(names.values())
    times = [microseconds(name) for name in names]
    bars = axis.barh(labels, times, color=[OURS if label in OUR_BUFFERS else THEIRS for label in labels])
    axis.bar_label(bars, [f"{time:.0f}" for time in times], padding=3)
    axis.invert_yaxis()
    axis.set_title(title, loc="left", fontweight="bold", fontsize=10)
    axis.set_xlim(0, max(times) * 1.1)
    if floor:
        what, parts = floor
        axis.axvline(microseconds(*parts), color=FLOOR, linestyle="--", linewidth=1.2, label=what)
        axis.legend(loc="lower right", bbox_to_anchor=(1.01, 0.96), frameon=False)


if __name__ == "__main__":
    sys.exit(main())
