"""`make interrupts`: what interrupts cost that hand values to tasks, how fast they arrive, and at what rate no more.

Measured on the emulated chip, beside asyncio.ThreadSafeFlag and micropython.schedule, while garbage is collected and
the flash is written.
"""

from __future__ import annotations

import argparse
import functools
import json
import multiprocessing
import os
import statistics
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

from bench_targets import MARK, PATIENCE_SECONDS, compiled_folder, core_files, tell
from device_files import ROOT
from emulated_pico import Board
from emulated_pico.filesystem import build_image
from emulated_pico.pins import Pulses

# As in bench/interrupting.py.
PIN = 15
PULSES, ARRIVED, BEGIN, END = 1, 2, 3, 4

WAYS = ("SyncProducer", "SyncProducer, SpmcRing", "PackedProducer", "ThreadSafeFlag", "schedule")
SOURCES = (("Pin", True), ("Pin", False), ("Timer", True), ("Timer", False))
LATENCY_RATE = 200
RATES = (200, 500, 1000, 1500, 2000, 3000, 5000, 8000, 12000, 20000)
COUNT = 400
IDLE_SECONDS = 10
PRODUCERS = (1, 10, 50)


class Outcome(NamedTuple):
    """What became of a number of interrupts."""

    sent: int  # How often the handler ran.
    refused: int  # What it was told that there is no room for.
    received: int
    out_of_order: int  # Of those received: not higher than the one before.
    disturbances: int  # Garbage collections, and as many writes to the flash.
    latencies: tuple[float, ...]  # Microseconds from the edge to the task having the value, for those received; Pin.


@functools.cache
def image() -> bytes:
    files = {**compiled_folder(ROOT / "bench"), **core_files("armv6m")}
    return build_image({f"lib/{place}": content for place, content in files.items()})


def run(source: str, hard: bool, way: str, rate: int, count: int) -> Outcome:
    """Let `count` interrupts happen on a fresh board, `rate` in a second."""
    with Board(filesystem=image()) as board:
        trains = []

        def on_mark(mark):
            if mark.number >> 16 == PULSES:
                trains.append(Pulses(board.mcu.gpio[PIN], count, 10**9 // (mark.number & 0xFFFF)))

        board.marker.on_mark = on_mark
        arguments = (source, hard, way, rate, count)
        printed = board.exec(f"import interrupting; interrupting.run{arguments}", timeout=PATIENCE_SECONDS)
        # With soft interrupts a pin's edge may be lost before any handler runs, so that numbers are not those of edges.
        rising = trains[0].rising if trains and hard else []
        arrivals = [mark for mark in board.marker.marks if mark.number >> 16 == ARRIVED]
        latencies = [(mark.nanoseconds - rising[mark.number & 0xFFFF]) / 1000 for mark in arrivals if rising]
    return Outcome(**json.loads(printed.partition(MARK)[2]), latencies=tuple(latencies))


def cycles(code: str) -> int:
    """What passes between the last two marks BEGIN and END that this code makes."""
    with Board(filesystem=image()) as board:
        board.exec(f"import interrupting; interrupting.{code}", timeout=PATIENCE_SECONDS)
        return board.marker.cycles_between(BEGIN << 16, END << 16)


def measure() -> dict:
    """Everything, with as many boards at once as there are processors."""
    with ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("spawn")) as processes:
        handlers = {
            (way, first): processes.submit(cycles, f"handler({way!r}, {first})")
            for way in ("nothing", *WAYS)
            for first in (True, False)
        }
        delivered = {count: processes.submit(cycles, f"deliver({count})") for count in PRODUCERS}
        idle = {count: processes.submit(cycles, f"idle({count}, {IDLE_SECONDS})") for count in (0, 4)}
        latencies = {way: processes.submit(run, "Pin", True, way, LATENCY_RATE, COUNT) for way in WAYS}
        sweeps = {
            (source, hard, rate): processes.submit(run, source, hard, "SyncProducer", rate, COUNT)
            for source, hard in SOURCES
            for rate in RATES
        }

        def handler(way: str, first: bool) -> int:
            return handlers[way, first].result() - handlers["nothing", first].result()

        return {
            "handler, cycles": {way: handler(way, False) for way in WAYS},
            "handler, the first since the loop has looked, cycles": {way: handler(way, True) for way in WAYS},
            "from try_send to a task that has the value, cycles": {
                f"{count} SyncProducers": future.result() for count, future in delivered.items()
            },
            f"idle for {IDLE_SECONDS} s, cycles": {
                f"{count} SyncProducers": future.result() for count, future in idle.items()
            },
            f"latency at {LATENCY_RATE}/s, microseconds": {
                way: latency_of(future.result()) for way, future in latencies.items()
            },
            "rates": {
                name_of(source, hard): {
                    str(rate): sweeps[source, hard, rate].result()._replace(latencies=())._asdict() for rate in RATES
                }
                for source, hard in SOURCES
            },
        }


def latency_of(outcome: Outcome) -> dict:
    latencies = outcome.latencies
    return {
        "min": round(min(latencies)),
        "median": round(statistics.median(latencies)),
        "max": round(max(latencies)),
        "received": f"{outcome.received} of {outcome.sent}",
    }


def unaccounted(results: dict) -> list[str]:
    """The rates at which what was sent is not what was received, in order, and refused."""
    return [
        f"{name} at {rate}/s: {outcome}"
        for name, rates in results["rates"].items()
        for rate, outcome in rates.items()
        if outcome["sent"] != outcome["received"] + outcome["refused"] or outcome["out_of_order"]
    ]


def name_of(source: str, hard: bool) -> str:
    return f"{source}, {'hard' if hard else 'soft'}"


def table(results: dict) -> str:
    lines = []
    for title, figures in results.items():
        if title == "rates":
            continue
        lines += [title]
        for name, figure in figures.items():
            text = ", ".join(f"{key} {value}" for key, value in figure.items()) if isinstance(figure, dict) else figure
            lines.append(f"    {name:<28}{text}")
    for name, rates in results["rates"].items():
        lines += [name, f"    {'per second':>10}{'sent':>8}{'refused':>9}{'received':>10}"]
        for rate, outcome in rates.items():
            lines.append(f"    {rate:>10}{outcome['sent']:>8}{outcome['refused']:>9}{outcome['received']:>10}")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="file to write the results to")
    options = parser.parse_args(arguments)
    tell("Measuring on the emulated chip, some minutes ...")
    results = measure()
    print(table(results))
    if wrong := unaccounted(results):
        print("interrupts: values are missing, doubled or out of order:", *wrong, sep="\n  ", file=sys.stderr)
        return 1
    if options.json:
        options.json.write_text(json.dumps(results, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
