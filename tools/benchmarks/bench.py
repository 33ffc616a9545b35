"""`make bench`: what each operation costs, beside what it contains and beside what else people use."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from statistics import mean

import bench_budgets
from bench_goals import Goal, goals_of
from bench_results import MEGAHERTZ, floor_of, imports_of, results_of, start_of
from bench_targets import (
    Target,
    forms,
    measure,
    measure_import,
    measure_start,
    target_of,
    tool_versions,
)
from device_files import DeployError


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--target", default="rp2040", help="rp2040 (emulated, exact), unix, or a board's serial port")
    parser.add_argument("--peers", type=Path, help="folder v3 of micropython-async, to measure its queues as well")
    parser.add_argument("--library", type=Path, help="another folder lib/aimdb to measure, to compare with")
    parser.add_argument("--json", type=Path, help="file to write the results to")
    parser.add_argument("--record", action="store_true", help="lower the budgets to what is measured now")
    parser.add_argument("--allow-raise", action="store_true", help="with --record: raise budgets, too")
    options = parser.parse_args(arguments)
    if options.peers and not (options.peers / "primitives").is_dir():
        parser.error(f"{options.peers} is not the folder v3 of micropython-async: it has no folder 'primitives'")
    try:
        if options.record:
            return record(options.allow_raise)
        target = target_of(options.target)
        started = time.monotonic()
        results = run(target, options.peers, options.library)
    except DeployError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    print(operations_table(results, target.unit))
    print()
    print(sizes_table(results))
    print()
    print(goals_table(goals_of(results, target.unit)))
    print(f"\n{results['firmware']}, {time.monotonic() - started:.0f} s")
    if options.json:
        options.json.write_text(json.dumps(results, indent=2) + "\n")
    return 0


def run(
    target: Target,
    peers: Path | None = None,
    folder: Path | None = None,
    names: tuple[str, ...] | None = None,
) -> dict:
    """Measure on the target: this library, or the one in `folder`; all operations, or those of these names."""
    made = forms(target.architecture, *([folder] if folder else []))
    library = made["native code"]
    results = results_of(measure(target, library, peers, names), target.unit, library)
    # Whether the interpreter's table of names leaps at the import depends on the names before it.
    programs = range(0, 160, 8) if names is None and target.name == "rp2040" else range(1)
    imported = imports_of(measure_import(target, library, programs))
    heap = {"after import": imported[0]}
    if len(imported) > 1:
        heap[f"after import, the mean of {len(imported)} programs"] = round(mean(imported))
        heap["after import, as bytecode"] = imports_of(measure_import(target, made["bytecode"], range(1)))[0]
    results["heap"] = {**heap, **results["heap"]}
    if names is None and target.architecture:
        results["start"] = {form: start_of(measure_start(target, files), target.unit) for form, files in made.items()}
    return {**tool_versions(target), **results}


def run_budgeted() -> dict[str, float]:
    """Measure what has a budget. Always the same run, so that the same code gives the same figures."""
    target = target_of("rp2040")
    target = target._replace(strangers=target.strangers[::2])  # The room is for what half of the programs do not show.
    results = run(target, names=bench_budgets.FLOORS + bench_budgets.OPERATIONS)
    return bench_budgets.figures_of(results)


def record(allow_raise: bool) -> int:
    figures, budgets = run_budgeted(), bench_budgets.read()
    exceeded = bench_budgets.above(figures, budgets)
    if exceeded and not allow_raise:
        print("bench: above budget, so nothing is recorded (--allow-raise would):", file=sys.stderr)
        print(*exceeded.values(), sep="\n", file=sys.stderr)
        return 1
    after = {**bench_budgets.lowered(figures, budgets), **{name: figures[name] for name in exceeded}}
    bench_budgets.write(after)
    lower = sum(after[name] < budgets.get(name, 0) for name in after)
    print(f"{len(after)} budgets, {lower} of them lower than before, {len(exceeded)} higher")
    return 0


def operations_table(results: dict, unit: str) -> str:
    """All operations; microseconds are those of the chip's usual clock when cycles were counted."""
    operations = results["operations"]
    counts_cycles = unit == "cycles"
    lines = [f"{'operation':<44}{'cycles' if counts_cycles else '':>10}{'us':>11}{'bytes':>8}{'/ floor':>10}"]
    group = ""
    for name, figures in operations.items():
        if name.partition(":")[0] != group:
            group = name.partition(":")[0]
            lines.append("")
        floor = floor_of(name, operations, unit)
        cycles = f"{figures['cycles']:,}" if counts_cycles else ""
        microseconds = figures[unit] / MEGAHERTZ if counts_cycles else figures[unit]
        ratio = f"{figures[unit] / floor:.2f}" if floor else ""
        lines.append(f"{name:<44}{cycles:>10}{microseconds:>11.2f}{figures['bytes']:>8g}{ratio:>10}")
    return "\n".join(lines)


def sizes_table(results: dict) -> str:
    mpy = [f"{name:<44}{size:>10,}" for name, size in results["mpy"].items()]
    heap = [f"{name:<44}{size:>10,}" for name, size in results["heap"].items()]
    heap += [
        f"{f'at the first value, as {form}':<44}{cost['bytes']:>10,}" for form, cost in results.get("start", {}).items()
    ]
    return "\n".join([f"{'.mpy file':<44}{'bytes':>10}", *mpy, "", f"{'heap':<44}{'bytes':>10}", *heap])


def goals_table(goals: list[Goal]) -> str:
    lines = [f"{'goal':<60}{'limit':>8}{'now':>10}  met"]
    for goal in goals:
        decided_by = f"  ({goal.decided_by})" if goal.decided_by else ""
        lines.append(f"{goal.sentence:<60}{goal.limit:>8g}{goal.now:>10g}  {'yes' if goal.met else 'NO '}{decided_by}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
