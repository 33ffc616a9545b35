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
        ast.literal_eval(node.value.args[0])
        for node in ast.parse(file.read_text()).body
        if isinstance(node, ast.Assign) and node.targets[0].id == "OPTIONS"
    )
    return {name: options for name, *options in map(str.split, lines.split("\n"))}


def signatures(package: Path) -> dict[str, list[str]]:
    """What classes and functions take, by the name under which a program uses them."""
    found = {}
    for file in package.glob("*.py"):
        for node in ast.parse(file.read_text()).body:
            if isinstance(node, ast.FunctionDef):
                owner = 0 if package.name == "aimdb" and not node.name.startswith("Record_") else 2
                found[node.name.removeprefix("Record_")] = names(node)[1 if "Record_" in node.name else owner :]
            if isinstance(node, ast.ClassDef):
                inits = [each for each in ast.walk(node) if getattr(each, "name", "") == "__init__"]
                if inits:
                    found[node.name] = names(inits[0])[1:]
    found["every"] = found.pop("Every", [])
    return found


def names(function: ast.FunctionDef) -> list[str]:
    return [argument.arg for argument in function.args.args]


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
