"""`make figures`: the tables of measured figures in docs/, written anew from what was measured last.

A table stands between two comments, which readers do not see:

    <!-- figures: delivering -->
    <!-- end of figures -->

With --check nothing is written, and the exit status is 1 when a page is out of date.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable

from pages import ROOT, rewrite

MEGAHERTZ = 125
PLACE = re.compile(r"(<!-- figures: (\w+) -->\n).*?(<!-- end of figures -->)", re.DOTALL)

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


def used() -> Rows:
    """What is loaded when it is used, and what each further one takes."""
    return [
        ("kept on the heap, in bytes", "the first", "each further one"),
        *((f"`{name}`", f"{first:,}", f"{more:,}") for name, (first, more) in measured("results.json")["used"].items()),
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


def wear() -> Rows:
    return [
        ("32-byte values", "erasures a value", "programmed bytes a value"),
        *(
            (f"{each['medium']}: {each['pattern']}", f"{each['erases']:.3f}", f"{each['programmed']:.0f}")
            for each in measured("flash/results.json")["wear"]
        ),
    ]


def flash_times() -> Rows:
    times = {(each["name"], each["medium"]): each["microseconds"] for each in measured("flash/results.json")["speed"]}
    names = dict.fromkeys(name for name, _ in times)
    return [
        ("", "littlefs, ms", "raw, ms"),
        *((name, *(f"{times[name, medium] / 1000:.1f}" for medium in ("littlefs", "raw"))) for name in names),
    ]


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
    results = measured("interrupts.json")
    rows: Rows = [("200 hard Pin interrupts a second", "shortest, ms", "median, ms", "longest, ms", "received")]
    for name, latency in results["latency at 200/s, microseconds"].items():
        times = (f"{latency[which] / 1000:.2f}" for which in ("min", "median", "max"))
        rows.append((name, *times, latency["received"]))
    return rows


def node_kept() -> Rows:
    """What the parts of a node keep of the heap, and the whole firmware."""
    return [
        ("emulated Pico W, after a collection, each with what it needs of the others", "bytes"),
        *kept("node.json")[1:],
    ]


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
    "used": used,
    "periods": periods,
    "heap": heap,
    "wear": wear,
    "flash_times": flash_times,
    "codec_times": codec_times,
    "messages": lambda: messages("mqtt.json", "message"),
    "mqtt_kept": lambda: kept("mqtt.json"),
    "dialling": lambda: messages("dialling.json", "value"),
    "dialling_kept": lambda: kept("dialling.json"),
    "serving": serving,
    "serving_kept": lambda: kept("aimx.json"),
    "watched": watched,
    "interrupts": interrupts,
    "node_kept": node_kept,
}


def as_markdown(rows: Rows) -> str:
    first, *others = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([first, "|---" + "|--:" * (len(rows[0]) - 1) + "|", *others]) + "\n"


def with_figures(text: str) -> str:
    return PLACE.sub(lambda found: f"{found[1]}\n{as_markdown(TABLES[found[2]]())}\n{found[3]}", text)


def main(arguments: list[str]) -> int:
    """Return the exit status."""
    lateness = "does not show what was measured last: run `make figures`."
    return rewrite((ROOT / "docs").glob("*.md"), with_figures, lateness, arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
