"""`make bench-periods`: how exactly `every` keeps its period on the emulated chip, beside a loop of `sleep_ms`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from bench_targets import core_files
from device_files import ROOT, compiled
from emulated_pico import Board
from emulated_pico.filesystem import build_image

PERIOD_US = 10000
PATIENCE_SECONDS = 7200
LIMIT = 0.0001  # How far the mean period of `every` may be off.

# The loop's period is off from the first turn on; `every` has to show that its is not in the long run.
CASES = {"every": 10000, "sleep_ms": 1000}


def measured(cases: dict[str, int]) -> dict[str, dict]:
    program = compiled(ROOT / "bench" / "keeping_time.py", "keeping_time.py")
    files = {**core_files("armv6m"), "keeping_time.mpy": program}
    image = build_image({f"lib/{place}": content for place, content in files.items()})
    results = {}
    for name, periods in cases.items():
        with Board(filesystem=image, model="pico") as board:
            results[name] = json.loads(
                board.exec(f"import keeping_time\nkeeping_time.run({name!r}, {periods})", PATIENCE_SECONDS)
            )
    for figures in results.values():
        whole, rest = figures.pop("mean_us")
        figures["mean_us"] = whole + rest
        figures["off"] = abs(figures["mean_us"] / PERIOD_US - 1)
    return results


def table(results: dict[str, dict]) -> str:
    lines = [f"{'10 ms, of which a reading takes 0.3':<36}{'periods':>9}{'mean, us':>12}{'off by':>10}"]
    for name, figures in results.items():
        lines.append(f"{name:<36}{figures['periods']:>9}{figures['mean_us']:>12.2f}{figures['off']:>10.4%}")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="file to write the results to")
    options = parser.parse_args(arguments)
    results = measured(CASES)
    print(table(results))
    if options.json:
        options.json.write_text(json.dumps(results, indent=2) + "\n")
    if results["every"]["off"] > LIMIT:
        print(f"bench: every is off by more than {LIMIT:.2%}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
