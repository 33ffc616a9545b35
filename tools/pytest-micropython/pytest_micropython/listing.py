"""Learns the names of a file's tests by importing it on the unix port: a file may make tests as it runs."""

import ast
import math
import os
from dataclasses import dataclass, field
from pathlib import Path

from .failure import explain
from .files import ON_TARGET, Program
from .output import Hang, Report
from .targets.unix import UnixTarget

SECONDS = 30

ELSEWHERE = "MicroPython runs this file; what needs pytest itself goes into one below a folder called host"


class ListingError(Exception):
    """The file cannot be imported; the message says why."""


@dataclass
class Listing:
    #: Test names in the order of the source, with their lines; made tests come last, with line 0.
    tests: dict[str, int] = field(default_factory=dict)
    #: What the file's TIME_LIMIT says, or 0.
    time_limit: float = 0
    #: Why the file skips itself as a whole.
    skipped: str = ""


def list_tests(program: Program, kind: str, unix: UnixTarget) -> Listing:
    """Names for a run on a target of this kind.

    A file that skips itself, or that imports what only the chip has, is cut short on the unix port. Its tests
    are then those that its source defines; what becomes of them is found out on the target.
    """
    listing = Listing()
    names: list[str] = []
    printed: list[str] = []
    cut_short = False
    run = unix.start(program, f"import harness; harness.list_tests({program.module!r}, {kind!r})")
    try:
        for event, argument in Report(run, SECONDS).lines():
            if event == "test":
                names.append(argument)
            elif event == "limit":
                listing.time_limit = float(argument)
            elif event == "file-skipped":
                listing.skipped = argument
                cut_short = True
            elif event == "import-failed":
                printed.clear()
            elif event == "end":
                failure = explain("".join(printed), program.root)
                cut_short = kind != "unix" and failure.message.startswith("ImportError")
                if failure.message == "ImportError: no module named 'pytest'":
                    raise ListingError(f"{failure.text}\n{ELSEWHERE}")
                if not cut_short:
                    raise ListingError(failure.text + places(failure.message, program))
            elif event == "text":
                printed.append(argument)
            elif event == "listed":
                break
        else:
            ending = f"the interpreter ended during the import ({run.how_it_ended()})"
            raise ListingError(f"{ending}\n{''.join(printed)}")
    except Hang as hang:
        raise ListingError(f"hang: the import did not finish {hang}\n{''.join(printed)}") from None
    finally:
        run.stop()
    source = parsed(program.test_file)
    for node in source:
        if isinstance(node, ast.ClassDef) and node.name.startswith("Test") and tests_among(node.body):
            raise ListingError(f"class {node.name}: a test is a function of the file, and not in a class")
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            if len(node.args.args) > len(node.args.defaults) and not node.decorator_list:
                raise ListingError(f"{node.name}: a test takes no arguments, as there are no fixtures. {ELSEWHERE}")
    lines = tests_among(source)
    if cut_short:
        listing.tests = lines
    else:
        names.sort(key=lambda name: (lines.get(name, math.inf), name))
        listing.tests = {name: lines.get(name, 0) for name in names}
    return listing


def places(message: str, program: Program) -> str:
    """Where a module was looked for that was not found: a folder may be missing there, or not copied yet."""
    if not message.startswith("ImportError: no module named"):
        return ""
    folders = [os.path.relpath(folder, program.root) for folder in program.search_path if folder != ON_TARGET]
    return f"\nit was looked for in {', '.join(folders)}; the setting micropython_path names the folders"


def parsed(test_file: Path) -> list[ast.stmt]:
    try:
        return ast.parse(test_file.read_bytes()).body
    except SyntaxError:
        return []


def tests_among(statements: list[ast.stmt]) -> dict[str, int]:
    """The test functions that the source spells out there, in its order, with their lines."""
    functions = (node for node in statements if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return {node.name: node.lineno for node in functions if node.name.startswith("test_")}
