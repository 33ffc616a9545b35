"""What the view knows of a node: its records and their stages, from the answers to its questions."""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass, field
from typing import Any

# How many values a record's curve shows.
CURVE = 24

# From here on a number is in no curve: what lies between two such may be more than a float holds.
LARGEST = 1e300

BARS = "▁▂▃▄▅▆▇█"

# A counter of a board goes from 0 to this, and on from 1.
COUNTER_TOP = 1 << 29


@dataclass
class Row:
    """One record. None stands for what the other side does not tell."""

    key: str
    kind: str = ""
    origin: str = ""
    held: int | None = None
    capacity: int | None = None
    produced: int | None = None
    dropped: int | None = None
    lag: int | None = None
    rate: float | None = None  # Values per second.
    writable: bool = False
    value: Any = None
    has_value: bool = False
    curve: deque[float] = field(default_factory=lambda: deque(maxlen=CURVE))
    stages: list[dict] = field(default_factory=list)
    signals: list[dict] = field(default_factory=list)
    _asked: float = 0.0

    def update(self, entry: dict, now: float) -> None:
        """Take what `record.list` says of this record at the time `now`, in seconds."""
        self.kind = entry.get("buffer_type", "")
        self.origin = origin_named(entry.get("origin"))
        self.writable = bool(entry.get("writable"))
        self.held, self.capacity = entry.get("occupancy") or (None, entry.get("buffer_capacity"))
        # What a ring drops, a reader of it has missed.
        lost = entry.get("dropped_count")
        self.lag, self.dropped = (lost, None) if self.kind == "spmc_ring" else (None, lost)
        produced = entry.get("produced_count")
        if produced is not None and self.produced is not None and now > self._asked:
            count = produced - self.produced
            self.rate = (count if count >= 0 else count + COUNTER_TOP) / (now - self._asked)
        self.produced, self._asked = produced, now
        self.stages = entry.get("stage_profiling") or []
        self.signals = entry.get("signal_stats") or []

    def see(self, value: Any) -> None:
        """Take the newest value."""
        self.value, self.has_value = value, True
        number = number_in(value)
        if number is not None:
            self.curve.append(number)


@dataclass
class Stage:
    """One function of the program, with the time it takes."""

    record: str
    name: str
    calls: int
    mean_us: float
    max_us: float
    total_us: float


class Records:
    """All records of a node."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}

    def update(self, entries: list[dict], now: float) -> None:
        """Take the answer to `record.list`. Records that it does not name are gone."""
        before = self.rows
        self.rows = {
            entry["record_key"]: before.get(entry["record_key"]) or Row(entry["record_key"]) for entry in entries
        }
        for entry in entries:
            self.rows[entry["record_key"]].update(entry, now)

    def sorted_by(self, order: str) -> list[Row]:
        """All rows: by `key`, or those first that have the most of `rate`, `held` or `lost`."""
        rows = sorted(self.rows.values(), key=lambda row: row.key)
        if order == "rate":
            rows.sort(key=lambda row: -(row.rate or 0))
        elif order == "held":
            rows.sort(key=lambda row: -((row.held or 0) / (row.capacity or 1)))
        elif order == "lost":
            rows.sort(key=lambda row: -((row.dropped or 0) + (row.lag or 0)))
        return rows

    def stages(self) -> list[Stage]:
        """All stages, those first that have taken the most time."""
        found = [
            Stage(
                row.key,
                stage.get("name") or f"{stage.get('stage_type', '')} {stage.get('index', '')}".strip(),
                stage.get("call_count", 0),
                stage.get("avg_time_ns", 0) / 1000,
                stage.get("max_time_ns", 0) / 1000,
                stage.get("total_time_ns", 0) / 1000,
            )
            for row in self.rows.values()
            for stage in row.stages
        ]
        return sorted(found, key=lambda stage: -stage.total_us)


def origin_named(origin: Any) -> str:
    """An origin in words: AimDB gives a word, or an object with what it comes from."""
    if not isinstance(origin, dict):
        return str(origin or "")
    kind, of = next(iter(origin.items()), ("", None))
    of = of if isinstance(of, dict) else {}
    source = of.get("input") or ", ".join(of.get("inputs") or []) or of.get("address") or of.get("protocol") or ""
    return f"{kind} {source}".strip()


def number_in(value: Any) -> float | None:
    """The number that a curve shows: the value itself, or the first number in it."""
    if isinstance(value, int | float):
        return float(value) if abs(value) < LARGEST else None
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return next((number for item in inside if (number := number_in(item)) is not None), None)


def drawn(curve: deque[float]) -> str:
    """A curve in one line of text."""
    if not curve:
        return ""
    low, high = min(curve), max(curve)
    step = (high - low) / (len(BARS) - 1)
    return "".join(BARS[round((number - low) / step)] if step else BARS[0] for number in curve)


def shortened(value: Any, width: int) -> str:
    """A value in so many characters, with what can be seen of its numbers at a glance."""
    text = json.dumps(rounded(value), ensure_ascii=False, separators=(",", ":"))
    return text if len(text) <= width else text[: width - 1] + "…"


def rounded(value: Any) -> Any:
    """The same with five digits a number."""
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return {name: rounded(item) for name, item in value.items()} if isinstance(value, dict) else value
