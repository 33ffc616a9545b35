"""Writes a source so that its code takes less of a board's heap, and does the same."""

from __future__ import annotations

import ast
import collections
import functools
from collections.abc import Iterator

from joined_modules import constants

# Bytecode has, for a name, its number in a table of its module: the first so many take a byte, the others two.
IN_A_BYTE = 128


@functools.cache
def smaller(text: str) -> str:
    """The source of a module, written so. Kept, as several boards get the same sources."""
    return with_frequent_names_first(with_fewer_entries(text))


def with_fewer_entries(text: str) -> str:
    """A source whose classes have no `__module__` and `__qualname__`: nobody asks for them.

    The interpreter defines them before the body runs. What the body defines takes their places.
    """
    lines = text.splitlines(keepends=True)
    classes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ClassDef)]
    for node in sorted(classes, key=lambda node: node.lineno, reverse=True):
        first = node.body[0]
        line = min(each.lineno for each in [first, *getattr(first, "decorator_list", [])])
        if line > node.lineno:
            lines.insert(line - 1, " " * first.col_offset + "del __module__, __qualname__\n")
    return "".join(lines)


def with_frequent_names_first(text: str) -> str:
    """A source that names first, in a line that does not run, what its functions name most often.

    The compiler numbers names as it meets them: the source's own, then `<module>`, and then these. Where functions are
    native, speed counts more: by the numbers the interpreter's cache finds some names sooner than others.
    """
    if "@micropython." in text:
        return text
    tree = WithoutTypes().visit(ast.parse(text))
    uses = collections.Counter(name for function in functions(tree) for name in names_used(function))
    for constant in constants(tree):
        del uses[constant]
    if len(uses) < IN_A_BYTE - 2:
        return text
    frequent = [name for name, _ in uses.most_common(IN_A_BYTE - 2)]
    return f"__name__ or __name__.{'.'.join(frequent)}\n{text}"


class WithoutTypes(ast.NodeTransformer):
    """Takes out of a tree what is only for editors, and is not compiled."""

    def visit_arg(self, node: ast.arg) -> ast.AST:
        return ast.arg(node.arg)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        node.annotation = ast.Constant(None)
        return self.generic_visit(node) if node.value else None

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        return self.generic_visit(node)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt]:
        self.generic_visit(node)
        return {"TYPE_CHECKING": node.orelse, "not TYPE_CHECKING": node.body}.get(ast.unparse(node.test), node)


def functions(tree: ast.AST) -> Iterator[ast.AST]:
    """The functions that are in no other function."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node
        else:
            yield from functions(node)


def names_used(function: ast.AST) -> Iterator[str]:
    """Each name in the code of a function, as often as it is there. Its local variables have none."""
    nodes = list(ast.walk(function))
    local = {node.arg for node in nodes if isinstance(node, ast.arg)}
    local |= {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    for node in nodes:
        if isinstance(node, ast.Name) and node.id not in local:
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, (ast.arg, ast.keyword)) and node.arg:
            yield node.arg
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.name
