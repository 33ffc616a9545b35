"""The tables of options, by which a misspelt one is told, have what the sources have."""

import ast
from pathlib import Path

import pytest

LIB = Path(__file__).parents[2] / "lib"
TABLES = sorted(LIB.glob("*/options.py"))

# Made by the library, not by a program; or they take what they need by position.
NOT_MADE = {"Record", "Reader", "Buffer", "SyncProducer", "PackedProducer", "FlashReader"}


def table(file: Path) -> dict[str, list[str]]:
    lines = next(
        ast.literal_eval(node.value)
        for node in ast.parse(file.read_text()).body
        if isinstance(node, ast.Assign) and node.targets[0].id == "OPTIONS"
    )
    return {name: options for name, *options in map(str.split, lines.split("\n"))}


def signatures(package: Path) -> dict[str, list[str]]:
    """What classes and functions take, by the name under which a program uses them."""
    found = {}
    calls = {}  # Of records and databases.
    for file in package.glob("*.py"):
        for node in ast.parse(file.read_text()).body:
            if isinstance(node, ast.FunctionDef) and package.name != "aimdb":  # A link, of a record and a URL.
                found[node.name] = names(node)[2:]
            if isinstance(node, ast.ClassDef):
                kinds = ast.FunctionDef, ast.AsyncFunctionDef
                functions = [each for each in ast.walk(node) if isinstance(each, kinds)]
                inits = [each for each in functions if each.name == "__init__"]
                if inits:
                    found[node.name] = names(inits[0])[1:]
                if file.name == "db.py":
                    calls |= {each.name: names(each)[1:] for each in functions if each.name[0] != "_"}
    found["every"] = found.pop("Every", [])
    return found | calls


def names(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    return [argument.arg for argument in function.args.args + function.args.kwonlyargs]


@pytest.mark.parametrize("file", TABLES, ids=lambda file: file.parent.name)
def test_the_table_has_what_the_sources_take(file):
    found = signatures(file.parent)
    for name, options in table(file).items():
        assert found[name] == options, name


def test_every_package_that_programs_use_has_a_table():
    assert {file.parent.name for file in TABLES} == {
        *("aimdb", "aimdb_aimx", "aimdb_flash", "aimdb_mqtt", "aimdb_node"),
    }


@pytest.mark.parametrize("file", TABLES, ids=lambda file: file.parent.name)
def test_every_class_that_a_program_makes_is_in_the_table(file):
    sources = [ast.parse(each.read_text()) for each in file.parent.glob("*.py")]
    checked = {
        node.name
        for source in sources
        for node in source.body
        if isinstance(node, ast.ClassDef) and "__new__ = new" in ast.unparse(node)
    }
    listed = {name.lower() for name in table(file)}
    assert {name.lower() for name in checked - NOT_MADE - {"Storage"}} <= listed
