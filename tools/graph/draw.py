"""`make graph`: what a program's records look like, as text and as a Mermaid diagram, without a board."""

from __future__ import annotations

import argparse
import ast
import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryFile
from threading import Timer

from board_declaration import DeployError, board_file
from pytest_micropython.files import find_tool

ROOT = Path(__file__).parents[2]
MARK = "\x1e"
PATIENCE_SECONDS = 30

# By kind of stage: what it is called, where it stands next to its record.
WORDS = {"transform": "transform", "transform_join": "join", "link_from": "link", "link_to": "link"}


class GraphError(Exception):
    """The program could not be looked at."""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", type=Path, help="a program that makes an AimDb, such as firmware/sensor_node.py")
    parser.add_argument("--board", default="pico_w", help="whose board.py the program imports (pico_w)")
    parser.add_argument("--only", choices=("text", "mermaid"), help="print this alone")
    options = parser.parse_args(arguments)
    try:
        board_file(options.board)
        programs, notes = seen(options.program, options.board)
    except (DeployError, GraphError) as error:
        print(f"graph: {error}", file=sys.stderr)
        return 1
    for note in notes:
        print(f"graph: {note}", file=sys.stderr)
    for program in programs:
        for mistake in program["mistakes"]:
            print(f"graph: {mistake}", file=sys.stderr)
        if options.only != "mermaid":
            print(as_text(program))
        if not options.only:
            print()
        if options.only != "text":
            print(as_mermaid(program))
    return 0


def seen(program: Path, board: str = "pico_w") -> tuple[list[dict], list[str]]:
    """What `look.py` tells of each database of the program, and notes on what it lacks here. Raises `GraphError`."""
    if not program.is_file():
        raise GraphError(f"there is no {program}")
    folder = program.resolve().parent
    folders = [folder, ROOT / "boards" / board, ROOT / "boards", ROOT / "lib"]
    files = [folder, ROOT / "firmware"]  # `make wifi` copies a file from there.
    arguments = [[str(each) for each in folders], [str(each) for each in files], str(program.resolve())]
    code = f"""
import sys
sys.path[:0] = [{str(ROOT / "tools" / "graph")!r}]
import look
begin(*{arguments!r}, {builders(program)!r})
"""
    command = [find_tool("micropython"), "-X", "heapsize=4M", "-c", code]
    with (
        TemporaryFile("w+") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as process,
    ):
        timer = Timer(PATIENCE_SECONDS, process.kill)
        timer.start()
        printed = ""
        try:
            for line in process.stdout:
                if line.startswith(MARK):
                    found = json.loads(line.removeprefix(MARK))
                    if not found["programs"]:
                        raise GraphError(f"{program} makes no AimDb when it is run")
                    return found["programs"], found["notes"]
                printed += line
        finally:
            timer.cancel()
            process.kill()  # Some programs catch all that could end them.
        if process.wait() < 0:
            raise GraphError(f"{program} did not come to its db.run() within {PATIENCE_SECONDS} s")
        errors.seek(0)
        raise GraphError(f"{program} did not come to its db.run():\n{printed[-500:]}{errors.read()[-2000:]}")


def builders(program: Path) -> list[str]:
    """The functions and classes of a program that make an AimDb, and can be called without arguments."""
    try:
        tree = ast.parse(program.read_text())
    except SyntaxError:
        return []  # MicroPython says it, or knows better.
    names = []
    for part in tree.body:
        if isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            calls = [each.func for each in ast.walk(part) if isinstance(each, ast.Call)]
            makes = any(getattr(each, "id", getattr(each, "attr", "")) == "AimDb" for each in calls)
            first = next((f for f in ast.walk(part) if getattr(f, "name", "") == "__init__"), None)
            function = first if isinstance(part, ast.ClassDef) else part
            needed = len(function.args.args) - len(function.args.defaults) if function else 0
            if makes and needed == (1 if function and isinstance(part, ast.ClassDef) else 0):
                names.append(part.name)
    return [*names, *(["main"] if any(getattr(part, "name", "") == "main" for part in tree.body) else [])]


def stage_name(stage: dict) -> str:
    """A stage in a few words."""
    if stage["kind"] in ("link_to", "link_from"):
        return "://".join(stage["url"])
    name = stage["name"]
    if stage["period"]:
        return f"{name} every {stage['period']} ms" if isinstance(stage["period"], int) else f"{name}, periodic"
    return name


def buffer_name(program: dict, node: dict) -> str:
    kind = program["kinds"].get(node["key"], "no buffer")
    return f"{kind}({node['buffer_capacity']})" if node["buffer_capacity"] else kind


def writers_of(program: dict, key: str) -> list[str]:
    """What feeds a record, a phrase each."""
    phrases = []
    for stage in program["stages"]:
        if stage["record"] != key or stage["kind"] in ("tap", "link_to"):
            continue
        words = f"{WORDS.get(stage['kind'], stage['kind'])} {stage_name(stage)}"
        phrases.append(words + (f" of {', '.join(stage['inputs'])}" if stage["inputs"] else ""))
    if key in program["interrupts"]:
        phrases.append("interrupts or threads")
    return phrases


def readers_of(program: dict, key: str) -> list[str]:
    """What reads a record, a phrase each."""
    phrases = []
    for stage in program["stages"]:
        if stage["record"] == key and stage["kind"] in ("tap", "link_to"):
            phrases.append(f"{WORDS.get(stage['kind'], stage['kind'])} {stage_name(stage)}")
        elif key in stage["inputs"]:
            phrases.append(f"record {stage['record']}")
    return phrases


def as_text(program: dict) -> str:
    """Three lines a record, inputs first."""
    lines = []
    for node in program["graph"]["nodes"]:
        key = node["key"]
        lines.append(f"{key}  {buffer_name(program, node)}")
        lines.append(f"    from {', '.join(writers_of(program, key)) or 'NO STAGE; code may produce in it by its key'}")
        lines.append(f"    to   {', '.join(readers_of(program, key)) or 'NO STAGE; code may read it by its key'}")
    return "\n".join(lines)


def as_mermaid(program: dict) -> str:
    """A flowchart: records are boxes, stages are rounded; what no stage feeds or reads has a dashed line."""
    graph = program["graph"]
    places = {node["key"]: f"r{number}" for number, node in enumerate(graph["nodes"])}
    lines = ["flowchart LR"]
    for node in graph["nodes"]:
        label = quoted(f"{node['key']}<br/>{buffer_name(program, node)}")
        lines.append(f"    {places[node['key']]}[{label}]")
    for number, stage in enumerate(program["stages"]):
        record = places[stage["record"]]
        label = quoted(stage_name(stage))
        if stage["inputs"]:
            for key in stage["inputs"]:
                if key in places:
                    lines.append(f"    {places[key]} -->|{label}| {record}")
            continue
        outside = f"s{number}"
        shape = f"[/{label}/]" if stage["kind"] in ("link_to", "link_from") else f"([{label}])"
        arrow = f"{record} --> {outside}" if stage["kind"] in ("tap", "link_to") else f"{outside} --> {record}"
        lines.append(f"    {outside}{shape}")
        lines.append(f"    {arrow}")
    for key in program["interrupts"]:
        lines.append(f'    i{places[key]}{{{{"interrupts or threads"}}}} --> {places[key]}')
    alone = [places[key] for key in places if not writers_of(program, key) or not readers_of(program, key)]
    if alone:
        lines.append("    classDef alone stroke-dasharray: 5 5")
        lines.append(f"    class {','.join(alone)} alone")
    return "\n".join(lines)


def quoted(text: str) -> str:
    return '"' + text.replace('"', "#quot;") + '"'


if __name__ == "__main__":
    sys.exit(main())
