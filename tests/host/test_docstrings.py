"""Every public class says when it is safe, once; its calls say so only where it differs."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

LIBRARY = Path(__file__).parents[2] / "lib"

# What the loop calls, or asyncio, and not users.
OF_THE_LOOP = {"error", "send", "throw", "remove", "ioctl"}

# Modules whose functions packages use.
FOR_PACKAGES = {"complaint", "errors", "loading", "timing", "waiting"}

SAFETY = re.compile(
    r"(Cancel safety|IRQ safety): (.*?)(?=\s*(?:Cancel safety:|IRQ safety:|Heap:|\n\s*\n|\Z))", re.DOTALL
)


class Call(NamedTuple):
    name: str
    docstring: str | None
    is_async: bool
    overrides: bool


class Class(NamedTuple):
    name: str
    bases: list[str]
    docstring: str  # With that of its module, which may say it for all its classes.
    calls: list[Call]


def functions_in(body: list[ast.stmt]) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """The public ones; those under TYPE_CHECKING stand for what boards get in their place."""
    for node in body:
        if isinstance(node, ast.If):
            yield from functions_in(node.body)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_"):
            is_overload = any(ast.unparse(decorator) == "overload" for decorator in node.decorator_list)
            if node.name not in OF_THE_LOOP and not is_overload:
                yield node


def read(package: str) -> tuple[dict[str, Class], list[Call]]:
    """All classes of a package, and its public functions."""
    classes, functions = {}, []
    for file in sorted((LIBRARY / package).glob("*.py")):
        tree = ast.parse(file.read_text())
        of_module = ast.get_docstring(tree) or ""
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                bases = [ast.unparse(base) for base in node.bases]
                calls = [call(function, bool(bases)) for function in functions_in(node.body)]
                docstring = (ast.get_docstring(node) or "") + "\n\n" + of_module
                classes[node.name] = Class(node.name, bases, docstring, calls)
        if file.stem in FOR_PACKAGES:
            functions += [call(function, False) for function in functions_in(tree.body)]
    return classes, functions


def call(function: ast.FunctionDef | ast.AsyncFunctionDef, overrides: bool) -> Call:
    is_async = isinstance(function, ast.AsyncFunctionDef)
    return Call(function.name, ast.get_docstring(function), is_async, overrides)


CORE, FUNCTIONS = read("aimdb")
EXPORTED = re.findall(r"^from \S+ import (\w+) as", (LIBRARY / "aimdb" / "__init__.pyi").read_text(), re.MULTILINE)

PUBLIC = [CORE[name] for name in EXPORTED if name in CORE and CORE[name].calls]


def family(each: Class) -> list[Class]:
    """The class and those of the library that it inherits from: what they say holds for it, too."""
    return [each, *(older for base in each.bases if base in CORE for older in family(CORE[base]))]


def said(docstring: str | None) -> dict[str, str]:
    """What a docstring says of safety, by subject."""
    return {subject: " ".join(text.split()) for subject, text in SAFETY.findall(docstring or "")}


def said_of(each: Class) -> dict[str, str]:
    together: dict[str, str] = {}
    for older in reversed(family(each)):
        together |= said(older.docstring)
    return together


@pytest.mark.parametrize("each", PUBLIC, ids=lambda each: each.name)
def test_a_public_class_says_when_it_is_safe(each):
    assert "IRQ safety" in said_of(each)
    if any(call.is_async for older in family(each) for call in older.calls):
        assert "Cancel safety" in said_of(each)


@pytest.mark.parametrize("each", PUBLIC, ids=lambda each: each.name)
def test_a_call_says_of_safety_only_what_its_class_does_not(each):
    for call in each.calls:
        for subject, text in said(call.docstring).items():
            assert text.rstrip(".") != said_of(each).get(subject, "").rstrip("."), call.name
            assert "it does not wait" not in text.lower(), call.name


@pytest.mark.parametrize("each", PUBLIC, ids=lambda each: each.name)
def test_every_public_call_has_a_docstring(each):
    for call in each.calls:
        assert call.docstring or call.overrides, call.name


def test_every_public_function_has_a_docstring():
    assert [call.name for call in FUNCTIONS if not call.docstring] == []


def test_what_is_said_of_safety_is_understood():
    text = "A thing.\n\nCancel safety: nothing is\nlost. IRQ safety: none; only here.\n\nMore."
    assert said(text) == {"Cancel safety": "nothing is lost.", "IRQ safety": "none; only here."}
