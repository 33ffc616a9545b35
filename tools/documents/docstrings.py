"""Reads the library's docstrings for the reference: griffe loads this as an extension.

The sources are those that boards run, so what editors see stands under `if TYPE_CHECKING`, and the options of a call
are two columns of plain text.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

from griffe import Attribute, Class, Extension, Function, Module, Object

EDITORS_CONSTANTS = ("TYPE_CHECKING", "_EDITOR")

# A name or several, and what is said of them, two or more spaces away or on the lines below.
OPTION = re.compile(r"^(\w+(?:, \w+)*)(?: {2,}(\S.*))?$")

REFERENCE = Path(__file__).resolve().parents[2] / "docs" / "reference"

SAFETY = re.compile(r"\b(Cancel safety|IRQ safety|Heap):")


def places() -> dict[str, dict[str, str]]:
    """The links from a page of the reference to each class: by its name, the page's and then the link."""
    found: dict[str, dict[str, str]] = {}
    for page in sorted(REFERENCE.glob("*.md")):
        for path in re.findall(r"^<!-- reference: (\S+)", page.read_text(), re.MULTILINE):
            name = path.rpartition(".")[2]
            found.setdefault(name, {})[page.stem] = f"{page.name}#{name.lower()}"
    return found


PLACES = places()


class Docstrings(Extension):
    """What editors see of the library, and its docstrings in Markdown."""

    def on_module_node(self, *, node: Any, **_: Any) -> None:
        """Called before the members of a module are looked at."""
        if isinstance(node, ast.AST):
            node.body = for_editors(node.body)

    on_class_node = on_module_node

    def on_object(self, *, obj: Object, **_: Any) -> None:
        """Called when an object is complete."""
        if isinstance(obj, Attribute | Module | Class | Function) and obj.docstring:
            obj.docstring.value = in_markdown(obj.docstring.value, obj.path.partition(".")[0])


def for_editors(body: list[ast.stmt]) -> list[ast.stmt]:
    """The statements with what stands under `if TYPE_CHECKING` in place of the `if`, and without its `else`."""
    kept: list[ast.stmt] = []
    for statement in body:
        test = statement.test if isinstance(statement, ast.If) else None
        if isinstance(test, ast.Name) and test.id in EDITORS_CONSTANTS:
            kept += statement.body
        else:
            kept.append(statement)
    return kept


def in_markdown(docstring: str, package: str) -> str:
    """A docstring with its columns of options as a list, and what it says of safety in paragraphs of their own.

    `package` is that of the docstring: a class that several have is linked where this one has it.
    """
    paragraphs = re.split(r"\n\s*\n", docstring)
    text = with_links("\n\n".join(paragraph_in_markdown(paragraph) for paragraph in paragraphs), package)
    return re.sub(r"\s+\n\n(?=\*\*)", "\n\n", text)


def paragraph_in_markdown(paragraph: str) -> str:
    lines = paragraph.split("\n")
    if options := options_in(lines):
        return "\n".join(f"- {', '.join(f'`{name}`' for name in names)}: {text}" for names, text in options)
    if lines[0].startswith("    "):
        return paragraph  # Code.
    return SAFETY.sub(r"\n\n**\1:**", paragraph).lstrip("\n")


def with_links(text: str, package: str) -> str:
    """The text with each class that it names as a link to where the reference has it."""

    def link(found: re.Match[str]) -> str:
        pages = PLACES.get(found[1], {})
        place = pages.get(package) or next(iter(pages.values()), None)
        return f"[{found[0]}]({place})" if place else found[0]

    return re.sub(r"`([A-Z]\w+)`", link, text)


def options_in(lines: list[str]) -> list[tuple[list[str], str]]:
    """The (names, text) of two columns, or nothing if the lines are none."""
    options: list[tuple[list[str], str]] = []
    for line in lines:
        if line.startswith("        ") and options:
            names, text = options.pop()
            options.append((names, f"{text} {line.strip()}".strip()))
        elif found := OPTION.match(line):
            options.append((found[1].split(", "), found[2] or ""))
        else:
            return []
    return options if all(text for _, text in options) else []
