"""`make reference`: the reference of every public name in docs/reference/, written anew from the docstrings.

What is said of a name stands between two comments, which readers do not see:

    <!-- reference: aimdb.Reader without=look,park -->
    <!-- end of reference -->

`members=` chooses the members that are told, `without=` leaves some out. With --check nothing is written, and the exit
status is 1 when a page is out of date.
"""

from __future__ import annotations

import re
import sys
from functools import cache
from typing import Any

import griffe
from docstrings import REFERENCE, Docstrings
from pages import ROOT, rewrite

PLACE = re.compile(r"(<!-- reference: (\S+)(.*?) -->\n).*?(<!-- end of reference -->)", re.DOTALL)
WIDTH = 100  # Of a call that stands in one line.


@cache
def library() -> griffe.GriffeLoader:
    extensions = griffe.load_extensions(Docstrings)
    loader = griffe.GriffeLoader(extensions=extensions, search_paths=[ROOT / "lib"], allow_inspection=False)
    for folder in sorted((ROOT / "lib").glob("*/__init__.py")):
        loader.load(folder.parent.name)
    loader.resolve_aliases(external=False)
    return loader


def described(path: str, options: dict[str, list[str]]) -> str:
    """A class or function in Markdown: heading, call, docstring, and the same of its members."""
    found: Any = library().modules_collection[path]
    name = path.rpartition(".")[2]
    if found.is_module:  # It has the name of what is in it.
        found = found.members[name]
    if found.is_attribute and str(found.value) in found.parent.members:  # Another name of a class.
        found = found.parent.members[str(found.value)]
    body = body_of(found, name)
    if not body:
        sys.exit(f"reference.py: {path} has no docstring.")
    parts = [f"### {name}\n", *body]
    if found.is_class:
        for member in members_of(found, options):
            parts += [f"#### {name}.{member.name}\n", *body_of(member, member.name)]
    return "\n".join(parts)


def members_of(found: Any, options: dict[str, list[str]]) -> list[Any]:
    """Those with a docstring, in the order of the source."""
    members = found.all_members if "members" in options else found.members
    chosen = [
        member
        for name, member in members.items()
        if not name.startswith("_")
        and name in options.get("members", members)
        and name not in options.get("without", [])
        and member.docstring
    ]
    return sorted(chosen, key=lambda member: member.lineno or 0)


def body_of(found: Any, name: str) -> list[str]:
    init = found.members.get("__init__") if found.is_class else None
    parts: list[str] = []
    if found.is_function:
        parts.append(fenced(f"{'async def ' if 'async' in found.labels else ''}{call(found, name)}"))
    elif found.is_class and init is not None:
        parts.append(fenced(call(init, name)))
    elif found.is_attribute and "namedtuple(" in str(found.value):
        _, *fields = re.findall(r"'(\w+)'", str(found.value))
        parts.append(fenced(f"{name}({', '.join(fields)})"))
    parts += [f"{each.docstring.value}\n" for each in (found, init) if each is not None and each.docstring]
    return parts


def fenced(text: str) -> str:
    return f"```py\n{text}\n```\n"


def call(function: Any, name: str) -> str:
    """The call with types and defaults; one argument a line when it is long."""
    arguments: list[str] = []
    for parameter in function.parameters:
        if parameter.name == "self":
            continue
        stars = {"variadic positional": "*", "variadic keyword": "**"}.get(parameter.kind and parameter.kind.value, "")
        text = stars + parameter.name
        if parameter.kind is griffe.ParameterKind.keyword_only and not any(each.startswith("*") for each in arguments):
            arguments.append("*")
        if parameter.annotation is not None:
            text += f": {plain(parameter.annotation)}"
        if parameter.default is not None and not stars:
            text += f" = {parameter.default}" if parameter.annotation is not None else f"={parameter.default}"
        arguments.append(text)
    returns = f" -> {plain(function.returns)}" if function.returns is not None and function.name != "__init__" else ""
    line = f"{name}({', '.join(arguments)}){returns}"
    if len(line) <= WIDTH:
        return line
    return f"{name}(\n" + "".join(f"    {each},\n" for each in arguments) + f"){returns}"


def plain(annotation: object) -> str:
    return re.sub(r"^(['\"])(.*)\1$", r"\2", str(annotation))


def with_reference(text: str) -> str:
    def fill(found: re.Match[str]) -> str:
        options = {key: value.split(",") for key, value in re.findall(r"(\w+)=(\S*)", found[3])}
        return f"{found[1]}\n{described(found[2], options)}\n{found[4]}"

    return PLACE.sub(fill, text)


def main(arguments: list[str]) -> int:
    """Return the exit status."""
    lateness = "does not say what the docstrings say: run `make reference`."
    return rewrite(REFERENCE.glob("*.md"), with_reference, lateness, arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
