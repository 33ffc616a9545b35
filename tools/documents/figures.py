"""`make figures`: the measured figures in README and docs/, written anew from what was measured last.

A table is between two comments, which readers do not see:

    <!-- figures: delivering -->
    <!-- end of figures -->

A single figure is, too, in the middle of a sentence: <!--figure:core-->15.4<!--end-->.

With --check nothing is written, and the exit status is 1 when a page is out of date.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable

from bench_results import MEGAHERTZ
from pages import ROOT, rewrite

TABLE = re.compile(r"(<!-- figures: (\w+) -->\n).*?(<!-- end of figures -->)", re.DOTALL)
FIGURE = re.compile(r"(<!--figure:(\w+)-->)[^<]*(<!--end-->)")

MEDIA = "littlefs", "raw"

Rows = list[tuple[str, ...]]


def measured(name: str) -> dict:
    return json.loads((ROOT / "bench" / name).read_text())


def costs(*beginnings: str) -> Rows:
    """The time and heap of each operation whose name begins like that, the cheapest first."""
    rows = [("", "us", "bytes of heap")]
    operations = measured("results.json")["operations"]
    found = {name: cost for name, cost in operations.items() if name.startswith(beginnings)}
    for name, cost in sorted(found.items(), key=lambda item: item[1]["cycles"]):
        label = name.removeprefix(beginnings[0]).strip() if len(beginnings) == 1 else name
        rows.append((label, f"{cost['cycles'] / MEGAHERTZ:.0f}", f"{cost['bytes']:.0f}"))
    return rows


def heap() -> Rows:
    sizes = measured("results.json")["heap"]
    return [("", "bytes"), *((name, f"{size:,}") for name, size in sizes.items() if "held value" not in name)]


def starting() -> Rows:
    return [
        ("the library as", "s", "bytes of heap"),
        *(
            (form, f"{cost['cycles'] / MEGAHERTZ / 1e6:.2f}", f"{cost['bytes']:,}")
            for form, cost in measured("results.json")["start"].items()
        ),
    ]


def seconds_to_start(form: str) -> str:
    return f"{measured('results.json')['start'][form]['cycles'] / MEGAHERTZ / 1e6:.1f}"


def more_as_sources(unit: str) -> float:
    """What the library takes as sources more than compiled."""
    costs = measured("results.json")["start"]
    return costs["sources"][unit] - costs["native code"][unit]


def used(*names: str) -> Rows:
    """What is loaded when it is used, and what each further one takes."""
    costs = measured("results.json")["used"]
    return [
        ("kept on the heap, in bytes", "the first", "each further one"),
        *((f"`{name}`", f"{costs[name][0]:,}", f"{costs[name][1]:,}") for name in names),
    ]


def periods() -> Rows:
    names = {"every": "`every(10, read)`", "sleep_ms": "a loop of `sleep_ms(10)`"}
    return [
        ("", "periods", "mean, us", "off by"),
        *(
            (names[name], f"{each['periods']:,}", f"{each['mean_us']:,.2f}", f"{100 * each['off']:.2g} %")
            for name, each in measured("periods.json").items()
        ),
    ]


A_SECOND = "A value a second, "


def worn() -> dict[tuple[str, str], dict]:
    """What was counted, by pattern and medium."""
    return {(each["pattern"], each["medium"]): each for each in measured("flash/results.json")["wear"]}


def wear() -> Rows:
    return [
        ("32-byte values", "erasures a value", "programmed bytes a value"),
        *(
            (f"{medium}: {pattern}", f"{each['erases']:.3f}", f"{each['programmed']:.0f}")
            for (pattern, medium), each in worn().items()
            if not pattern.startswith(A_SECOND)
        ),
    ]


def wear_a_second() -> Rows:
    """With the default settings: erasures a value."""
    counts = worn()
    patterns = dict.fromkeys(pattern for pattern, _ in counts if pattern.startswith(A_SECOND))
    return [
        ("erasures a value", "littlefs", "raw"),
        *(
            (pattern.removeprefix(A_SECOND), *(f"{counts[pattern, medium]['erases']:.3f}" for medium in MEDIA))
            for pattern in patterns
        ),
    ]


def years(medium: str, blocks: int) -> str:
    """How long so many blocks last, with one awaited value a second and 100,000 erasures a block."""
    seconds = blocks * 100_000 / worn()[A_SECOND + "each awaited", medium]["erases"]
    return f"{seconds / (365 * 86400):.2g}"


def flash_times() -> Rows:
    times = {(each["name"], each["medium"]): each["microseconds"] for each in measured("flash/results.json")["speed"]}
    names = dict.fromkeys(name for name, _ in times)
    return [
        ("", "littlefs, ms", "raw, ms"),
        *((name, *(f"{times[name, medium] / 1000:.1f}" for medium in MEDIA)) for name in names),
    ]


def flash_kept() -> Rows:
    sizes = measured("flash/results.json")["kept"]
    return [("kept on the heap", "bytes"), *((each["name"], f"{each['bytes']:,}") for each in sizes)]


def codec_times() -> Rows:
    return [
        ("a codec's `encode`", "ms", "of which the check, ms"),
        *(
            (f"`{each['name']}`", f"{each['microseconds'] / 1000:.2f}", f"{each['check'] / 1000:.2f}")
            for each in measured("flash/results.json")["codecs"]
        ),
    ]


def figures_of(name: str) -> dict[str, list[int]]:
    return measured(name)["figures"]


def messages(name: str, what: str) -> Rows:
    """What goes over a connection: `what` is the word for one of them."""
    figures = figures_of(name)
    return [
        ("", f"{what}s a second", f"bytes of heap a {what}"),
        *((name, f"{rate:,}", f"{size}") for name, (rate, size) in figures.items() if rate),
    ]


def kept(name: str) -> Rows:
    """What a connection keeps of the heap."""
    beginning = "heap of "
    figures = figures_of(name)
    return [
        ("kept on the heap", "bytes"),
        *(
            (each.removeprefix(beginning), f"{size:,}")
            for each, (_, size) in figures.items()
            if each.startswith(beginning)
        ),
    ]


def serving() -> Rows:
    """What a server does in a second, alone and over a line."""
    ways = {name: rate for name, (rate, _) in figures_of("aimx.json").items() if rate and "microseconds" not in name}
    rows: Rows = [("", "a second")]
    for name, rate in ways.items():
        what = name.replace(", per second", "")
        rows.append((what if ": " in what else f"the chip's own work: {what}", f"{rate:,}"))
    return rows


def watched() -> Rows:
    beginning = "produce, microseconds: "
    figures = figures_of("aimx.json")
    return [
        ("`produce` in a ring", "us"),
        *((name.removeprefix(beginning), f"{us}") for name, (us, _) in figures.items() if name.startswith(beginning)),
    ]


def interrupts() -> Rows:
    rows: Rows = [("400 hard Pin interrupts, 200 a second", "shortest, ms", "median, ms", "longest, ms", "received")]
    for name, latency in measured("interrupts.json")["latency at 200/s, microseconds"].items():
        times = (f"{latency[which] / 1000:.2f}" for which in ("min", "median", "max"))
        rows.append((name, *times, latency["received"].partition(" ")[0]))
    return rows


def handlers() -> Rows:
    results = measured("interrupts.json")
    first = results["handler, the first since the loop has looked, cycles"]
    return [
        ("in the handler, us", "first", "later"),
        *(
            (f"`{way}`", *(f"{cycles[way] / MEGAHERTZ:.0f}" for cycles in (first, results["handler, cycles"])))
            for way in first
            if ", " not in way
        ),
    ]


def delivered() -> Rows:
    """From `try_send` until a task has the value."""
    cycles = measured("interrupts.json")["from try_send to a task that has the value, cycles"]
    counts = [name.partition(" ")[0] for name in cycles]
    return [
        ("`SyncProducer`s in the program", *counts),
        ("from `try_send` to the task, ms", *(f"{each / MEGAHERTZ / 1000:.2f}" for each in cycles.values())),
    ]


def rates() -> Rows:
    """What was refused of what the handler has sent."""
    sources = measured("interrupts.json")["rates"]
    rows: Rows = [("interrupts a second", *sources)]
    for rate in next(iter(sources.values())):
        outcomes = [rates[rate] for rates in sources.values()]
        rows.append((f"{int(rate):,}", *(f"{each['refused']} of {each['sent']}" for each in outcomes)))
    return rows


def node_kept() -> Rows:
    """What the parts of a node keep of the heap, and the whole firmware; then what is left of it."""
    others = ((name, f"{size:,}") for name, (_, size) in figures_of("node.json").items() if not name.startswith("heap"))
    return [*kept("node.json"), *others]


TABLES: dict[str, Callable[[], Rows]] = {
    "producing": lambda: costs("produce:"),
    "refusing": lambda: costs("try_produce:"),
    "putting": lambda: costs("put:"),
    "looking": lambda: costs("try_recv:"),
    "receiving": lambda: costs("recv", "wait_for_ms"),
    "delivering": lambda: costs("deliver:"),
    "queue_of_1": lambda: costs("queue of 1:"),
    "queue_of_16": lambda: costs("queue of 16:"),
    "floors": lambda: costs("floor:"),
    "computing": lambda: costs("compute:"),
    "used": lambda: used("transform", "transform_join", "every", "AimDb(profile=True)", "signal_gauge"),
    "periods": periods,
    "heap": heap,
    "starting": starting,
    "wear": wear,
    "wear_a_second": wear_a_second,
    "flash_times": flash_times,
    "flash_kept": flash_kept,
    "codec_times": codec_times,
    "messages": lambda: messages("mqtt.json", "message"),
    "mqtt_kept": lambda: kept("mqtt.json"),
    "dialling": lambda: messages("dialling.json", "value"),
    "dialling_kept": lambda: kept("dialling.json"),
    "serving": serving,
    "serving_kept": lambda: kept("aimx.json"),
    "watched": watched,
    "interrupts": interrupts,
    "handlers": handlers,
    "delivered": delivered,
    "rates": rates,
    "sync_producers": lambda: used("SyncProducer", "PackedProducer"),
    "node_kept": node_kept,
}


FIGURES: dict[str, Callable[[], str]] = {
    "core": lambda: f"{measured('results.json')['heap']['after import'] / 1000:.1f}",
    "start_as_sources": lambda: seconds_to_start("sources"),
    "start_compiled": lambda: seconds_to_start("native code"),
    "seconds_more_as_sources": lambda: f"{more_as_sources('cycles') / MEGAHERTZ / 1e6:.1f}",
    "kb_more_as_sources": lambda: f"{more_as_sources('bytes') / 1000:.0f}",
    "mqtt_mpy": lambda: f"{measured('mqtt.json')['mpy'] / 1000:.0f}",
    "wear_of_16": lambda: f"{worn()['FlashQueue, default (16)', 'littlefs']['erases']:.2f}",
    "years_on_littlefs": lambda: years("littlefs", 352),
    "years_of_16_blocks": lambda: years("raw", 16),
    "years_of_64_blocks": lambda: years("raw", 64),
    "open_file": lambda: f"{figures_of('node.json')['an open file, in one piece'][1] / 1000:.1f}",
}


def as_markdown(rows: Rows) -> str:
    first, *others = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([first, "|---" + "|--:" * (len(rows[0]) - 1) + "|", *others]) + "\n"


def with_figures(text: str) -> str:
    text = TABLE.sub(lambda found: f"{found[1]}\n{as_markdown(TABLES[found[2]]())}\n{found[3]}", text)
    return FIGURE.sub(lambda found: f"{found[1]}{FIGURES[found[2]]()}{found[3]}", text)


def main(arguments: list[str]) -> int:
    """Return the exit status."""
    lateness = "does not show what was measured last: run `make figures`."
    return rewrite([ROOT / "README.md", *(ROOT / "docs").glob("*.md")], with_figures, lateness, arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
