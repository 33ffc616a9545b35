"""Every public call of the library says when it is safe."""

import ast
from pathlib import Path

import pytest

LIBRARY = Path(__file__).parents[2] / "lib"
PACKAGES = ("aimdb", "aimdb_flash", "aimdb_mqtt")

# Called by the scheduler, or by asyncio, and not by users.
OF_THE_SCHEDULER = {"Turn.throw", "Turn.remove", "error", "Alarm.send", "Flight.remove"}


def public_calls():
    """(name, docstring) of every public function and method; an override without one has that of its base."""
    for file in [file for package in PACKAGES for file in sorted((LIBRARY / package).glob("*.py"))]:
        for name, function, overrides in calls_in(ast.parse(file.read_text()).body, "", False):
            documented = ast.get_docstring(function)
            if name not in OF_THE_SCHEDULER and not (overrides and documented is None):
                yield pytest.param(documented, id=f"{file.stem}.{name}")


def calls_in(body, prefix, overrides):
    for node in body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from calls_in(node.body, node.name + ".", bool(node.bases))
        elif isinstance(node, ast.If):  # _EDITOR: its first branch is what users see.
            yield from calls_in(node.body, prefix, overrides)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_"):
            yield prefix + node.name, node, overrides


@pytest.mark.parametrize("docstring", list(public_calls()))
def test_a_public_call_says_when_it_is_safe(docstring):
    assert docstring, "no docstring"
    assert "Cancel safety:" in docstring
    assert "IRQ safety:" in docstring
