"""Joins modules that a program always loads together: on the board they are one.

A module takes some 250 bytes of a board's heap besides its code: for its dictionary, for what it imports from the
others, and for a table of the names in it. So the sources have one idea a file, and the board has one file for all of a
group. The library imports the joined module. For programs that were written against the sources, a small module stays
in each old place, and hands on what was in it.

The names `const` and `micropython` are left out where only the compiler needs them. A call of a function that only
returns what has a name, such as `core.cur_task`, becomes that name: the call takes a thousand cycles of an RP2040.
"""

from __future__ import annotations

import ast
import functools
import itertools
import re

from board_declaration import DeployError

# Left, the module that becomes the joined one; right, those that are put into it, in the order in which they run. A
# package itself runs before them, as they use what it defines. Any other module runs after them, as it uses them.
GROUPS = {
    "aimdb": ("waiting", "errors", "buffer", "spmc_ring", "bounded_queue", "db"),
    "aimdb.loop": ("polling",),
    "aimdb.sync_producer": ("doorbell",),
    "aimdb_flash": ("storage", "framing", "ledger", "segment_log", "flusher", "flash_reader", "values", "flash_queue"),
    "aimdb_net": ("errors", "waits", "window", "connection", "receiving", "keeper", "peer"),
    "aimdb_net.inbound": ("inbox",),
    "aimdb_mqtt": ("packets", "broker"),
    "aimdb_aimx.server": ("frames", "requests", "peer"),
    "aimdb_aimx.hub": ("hub_frames",),
}
# Where each of the others is on the board.
JOINED = {f"{name.partition('.')[0]}.{other}": name for name, others in GROUPS.items() for other in others}


def joined(sources: dict[str, bytes]) -> dict[str, bytes]:
    """The sources of whole packages, by their places below lib/, as a board gets them. Raises DeployError.

    A package that is not among them is taken to be on the board in the same form.
    """
    return joined_once(tuple(sources.items()))


@functools.cache
def joined_once(sources_by_place: tuple[tuple[str, bytes], ...]) -> dict[str, bytes]:
    """The same of pairs. Kept, as several boards get the same sources."""
    sources = dict(sources_by_place)
    places = {module_at(place): place for place in sources}
    moved = {old: new for old, new in JOINED.items() if {old, new} <= places.keys() or package_of(old) not in places}
    given = {module_at(place): text.decode() for place, text in sources.items()}
    made = {}
    for name, text in given.items():
        if name in GROUPS:
            others = [old for old, new in moved.items() if new == name]
            order = [name, *others] if name == package_of(name) else [*others, name]
            text = one_source(name, {each: redirected(given[each], each, moved, name) for each in order})
            made[name] = written_out(text)
        elif name in moved:
            public = [each for each in definitions(ast.parse(text)) if not each.startswith("_")]
            made[name] = f"from {moved[name]} import {', '.join(public)}\n"
        else:
            made[name] = redirected(text, name, moved)
    return {places[name]: text.encode() for name, text in made.items()}


def module_at(place: str) -> str:
    """The name of the module with its source there."""
    return place.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def package_of(module: str) -> str:
    return module.partition(".")[0]


def redirected(text: str, module: str, moved: dict[str, str], group: str = "") -> str:
    """A source that imports what has moved from where it is. In the `group` itself that needs no import."""
    changes: list[tuple[ast.stmt | ast.expr, str]] = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.Import, ast.ImportFrom)) and only_the_compiler_needs(node, text):
            changes.append((node, "pass"))
        elif isinstance(node, ast.ImportFrom):
            source = ".".join(filter(None, (package_of(module) if node.level else "", node.module)))
            modules = [name for name in node.names if f"{source}.{name.name}" in moved]  # And not something in one.
            names = [name for name in node.names if name not in modules]
            new = [f"import {moved[f'{source}.{name.name}']} as {name.asname or name.name}" for name in modules]
            if names and moved.get(source, source) == group:
                new += [f"{name.asname} = {name.name}" for name in names if name.asname] or ["pass"]
            elif names and (modules or source in moved):
                new.append(f"from {moved.get(source, source)} import {', '.join(map(ast.unparse, names))}")
            if new:
                changes.append((node, "; ".join(new)))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            # The lines by which a package finds its public names begin with the name of a module.
            value = re.sub(r"^\w+\.\w+(?= )", lambda name: moved.get(name[0], name[0]), node.value, flags=re.MULTILINE)
            if value != node.value:
                changes.append((node, repr(value)))
    return changed(text, changes)


def only_the_compiler_needs(node: ast.Import | ast.ImportFrom, text: str) -> bool:
    """Whether it puts what this imports into its place, and the board never asks for it."""
    if ast.unparse(node) == "from micropython import const":
        return True
    return ast.unparse(node) == "import micropython" and not re.search(r"(?<!@)\bmicropython\.", text)


def one_source(group: str, texts: dict[str, str]) -> str:
    """The modules of a group as one source. What stands in several of them, such as an import, stands in it once."""
    statements: list[str] = []
    taken: dict[str, str] = {}  # What each name stands for.
    for module, text in texts.items():
        own = constants(ast.parse(text))
        other = [name for name, value in own.items() if taken.get(name, value) != value]
        text = renamed(text, other, "_of_" + module.rpartition(".")[2])
        tree = ast.parse(text)
        names = {**dict.fromkeys(definitions(tree), module), **constants(tree), **imports(tree)}
        if twice := [name for name, meaning in names.items() if taken.get(name, meaning) != meaning]:
            raise DeployError(f"{module} has another {twice[0]} than a module of {group} that is joined with it.")
        taken |= names
        statements += [statement for statement in statements_of(text) if statement not in statements]
    return "\n".join(statements) + "\n"


def written_out(text: str) -> str:
    """A source without calls of functions that only return an attribute: the attribute stands in their place."""
    tree = ast.parse(text)
    returned = {
        node.name: ast.unparse(value)
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and not ast.unparse(node.args)
        if isinstance(value := getattr(node.body[-1], "value", None), ast.Attribute)
        if all(isinstance(each, (ast.Expr, ast.Return)) for each in node.body)
    }
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node)[:-2] in returned]
    return changed(text, [(node, returned[ast.unparse(node)[:-2]]) for node in calls])


def statements_of(text: str) -> list[str]:
    """The statements of a module as they stand there, without what is between them or behind them."""
    content = text.encode()
    starts = starts_of_lines(content)
    statements = []
    for node in ast.parse(text).body:
        segment = content[span_of(node, starts)].decode()
        if segment != "pass":
            # What a decorator stands above begins with the decorator.
            decorators = "".join(f"@{ast.unparse(each)}\n" for each in getattr(node, "decorator_list", []))
            statements.append(decorators + segment)
    return statements


def renamed(text: str, names: list[str], ending: str) -> str:
    """A source with another ending of these names."""
    found = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name) and node.id in names]
    return changed(text, [(node, node.id + ending) for node in found])


def changed(text: str, changes: list[tuple[ast.stmt | ast.expr, str]]) -> str:
    """A source with other text in the places of these nodes."""
    # Written anew from its tree, `a, b = b, a` would get brackets, and need heap on the board.
    content = text.encode()
    starts = starts_of_lines(content)
    for node, new in sorted(changes, key=lambda change: (change[0].lineno, change[0].col_offset), reverse=True):
        span = span_of(node, starts)
        content = content[: span.start] + new.encode() + content[span.stop :]
    return content.decode()


def starts_of_lines(content: bytes) -> list[int]:
    """Where each line of a source begins. Worked out once for all its nodes, unlike in `ast.get_source_segment`."""
    return [0, *itertools.accumulate(map(len, content.splitlines(keepends=True)))]


def span_of(node: ast.stmt | ast.expr, starts: list[int]) -> slice:
    """Where a node stands among the bytes of its source. `starts`: where the lines of that begin."""
    begin = starts[node.lineno - 1] + node.col_offset
    return slice(begin, starts[(node.end_lineno or node.lineno) - 1] + (node.end_col_offset or 0))


def definitions(tree: ast.Module) -> list[str]:
    """The names that a module gives to what it makes."""
    names = []
    for statement in tree.body:
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.append(statement.name)
        elif isinstance(statement, (ast.Assign, ast.AnnAssign)) and statement.value:
            targets = getattr(statement, "targets", None) or [statement.target]
            names += [target.id for target in targets if isinstance(target, ast.Name)]
    return names


def constants(tree: ast.Module) -> dict[str, str]:
    """Its private constants and what they are. The compiler puts them in their places, and keeps no names of them."""
    return {
        statement.targets[0].id: ast.unparse(statement.value)
        for statement in tree.body
        if isinstance(statement, ast.Assign) and ast.unparse(statement).startswith("_")
        if ast.unparse(statement.value).startswith("const(")
    }


def imports(tree: ast.Module) -> dict[str, str]:
    """The names that it imports, and from where."""
    return {
        alias.asname or alias.name: f"{getattr(statement, 'module', '')} {alias.name}"
        for statement in tree.body
        if isinstance(statement, (ast.Import, ast.ImportFrom))
        for alias in statement.names
    }
