"""What a program uses of MicroPython, held against the type stubs of a port: what that port does not have."""

import ast
from collections.abc import Iterator
from pathlib import Path

from board_declaration import ROOT

# Modules that all ports have, in the stubs that are used for the type checker, too.
COMMON = ROOT / ".cache" / "stubs" / "stdlib"


def missing(sources: dict[str, Path], stubs: Path) -> list[str]:
    """Sentences, one for each module or name that is used in the sources and is neither among them nor in the stubs.

    Arguments:
        sources: what goes onto a board, by device path.
        stubs: folder of the port's stubs.
    """
    own = {path.removeprefix("/lib").split("/")[1].removesuffix(".py") for path in sources}
    found = []
    for path, source in sources.items():
        for line, module, name in uses(ast.parse(source.read_bytes())):
            if module.partition(".")[0] in own:
                continue
            stub = stub_of(module, stubs) or stub_of(module, COMMON)
            if stub is None:
                found.append(f"{path}, line {line}: there is no module {module}")
            elif name and stub.is_relative_to(stubs) and name not in names_in(stub, stubs):
                found.append(f"{path}, line {line}: {module} has no {name}")
    return found


def uses(tree: ast.Module) -> Iterator[tuple[int, str, str | None]]:
    """Line, module and name of each import, and of each attribute of an imported module."""
    modules = {}
    optional = {
        node
        for handled in ast.walk(tree)
        if isinstance(handled, ast.Try)
        and any("ImportError" in ast.unparse(handler.type or ast.Name("")) for handler in handled.handlers)
        for node in ast.walk(handled)
    }
    for node in ast.walk(tree):
        if node in optional:
            continue
        if isinstance(node, ast.Import):
            for alias in node.names:
                modules[alias.asname or alias.name] = alias.name
                yield node.lineno, alias.name, None
        elif isinstance(node, ast.ImportFrom) and not node.level:
            for alias in node.names:
                yield node.lineno, node.module, alias.name
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules:
            yield node.lineno, modules[node.value.id], node.attr


def stub_of(module: str, folder: Path) -> Path | None:
    """The file that describes a module."""
    base = folder / module.replace(".", "/")
    return next((file for file in (base.with_suffix(".pyi"), base / "__init__.pyi") if file.is_file()), None)


def names_in(stub: Path, folder: Path) -> set[str]:
    """The names that a stub defines or takes over from others."""
    names = set()
    for node in ast.parse(stub.read_bytes()).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.AnnAssign | ast.Assign):
            targets = [node.target] if isinstance(node, ast.AnnAssign) else node.targets
            names |= {target.id for target in targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {alias.asname or alias.name for alias in node.names}
            if isinstance(node, ast.ImportFrom) and node.names[0].name == "*":
                other = stub_of(node.module, folder) or stub_of(node.module, COMMON)
                names |= names_in(other, folder) if other else set()
    return names
