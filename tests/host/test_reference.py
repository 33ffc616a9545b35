"""The site of the documents: it builds with every link right, asks no other host, and has every public name in it."""

import ast
import html
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
LIBRARY = ROOT / "lib"
MKDOCS = Path(sys.executable).parent / "mkdocs"

pytestmark = pytest.mark.skipif(not MKDOCS.exists(), reason="mkdocs is not installed; make docs does that")

# What it has is for other packages, and not for programs.
INTERNAL = "aimdb_net"

# Names of packages whose definition has another name.
DEFINED_AS = {"Producer": "Record", "Consumer": "Record"}


# Functions of a package for its own modules.
OWN_USE = ("once", "parsed")

# No program makes one of these.
MADE_FOR_USERS = ("Record", "Producer", "Consumer", "Metrics", "FlashReader", "StorageError", "CodecError")


class Public(NamedTuple):
    package: str
    name: str
    parameters: list[str]  # Those of a function, or those of making an object of a class.


def definitions(package: str) -> dict[str, ast.stmt]:
    """Every class and function of the package's modules, and names that are given a value, by name."""
    found: dict[str, ast.stmt] = {}
    for file in sorted((LIBRARY / package).glob("*.py")):
        for node in ast.parse(file.read_text()).body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                found.setdefault(node.name, node)
    return found


def exported(package: str) -> list[str]:
    """The names that editors offer after `from package import`."""
    stub = LIBRARY / package / "__init__.pyi"
    text = (stub if stub.exists() else LIBRARY / package / "__init__.py").read_text()
    names = re.findall(r"^ *from \S+ import \w+ as (\w+)$", text, re.MULTILINE)
    names += [name for name in re.findall(r"^(?:async )?def ([a-z]\w*)", text, re.MULTILINE) if name not in OWN_USE]
    return names + re.findall(r"^(\w+) = [A-Z]\w+$", text, re.MULTILINE)


def parameters_of(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.ClassDef):
        makers = [each for each in node.body if isinstance(each, ast.FunctionDef) and each.name == "__init__"]
        return parameters_of(makers[0]) if makers else []
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        arguments = node.args
        return [each.arg for each in (*arguments.args, *arguments.kwonlyargs) if each.arg != "self"]
    return []


def public_names() -> list[Public]:
    names = []
    for package in sorted(folder.parent.name for folder in LIBRARY.glob("*/__init__.py")):
        if package == INTERNAL:
            continue
        own = definitions(package)
        for name in exported(package):
            node = own.get(DEFINED_AS.get(name, name))
            # Some packages also offer names of aimdb, which stand in its page.
            if node is not None or package == "aimdb":
                names.append(Public(package, name, [] if node is None else parameters_of(node)))
    return names


NAMES = public_names()


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [MKDOCS, "build", "--strict", "--site-dir", folder]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return folder


def sections_of(page: Path) -> dict[str, str]:
    """The text of a page from each heading to the next one of the same level or a higher one."""
    article = page.read_text().partition("<article")[2].partition("</article>")[0]
    pieces = re.split(r"<h([1-6])\b[^>]*?(?: id=\"([^\"]+)\")?[^>]*>", article)[1:]
    headings = [(int(pieces[i]), pieces[i + 1], pieces[i + 2]) for i in range(0, len(pieces), 3)]
    sections = {}
    for i, (level, name, _) in enumerate(headings):
        end = next((j for j in range(i + 1, len(headings)) if headings[j][0] <= level), len(headings))
        text = " ".join(piece for _, _, piece in headings[i:end])
        sections[name or ""] = html.unescape(re.sub(r"<[^>]+>", " ", text))
    return sections


@pytest.fixture(scope="module")
def reference(site) -> dict[str, dict[str, str]]:
    return {page.stem: sections_of(page) for page in (site / "reference").glob("*.html")}


@pytest.mark.parametrize("public", NAMES, ids=lambda public: f"{public.package}.{public.name}")
def test_a_public_name_and_its_parameters_stand_in_the_reference(reference, public):
    sections = reference[public.package]
    defined = DEFINED_AS.get(public.name, public.name)
    found = [text for name, text in sections.items() if name in (defined.lower(), public.name.lower())]
    assert found, f"docs/reference/{public.package}.md needs <!-- reference: {public.package}.{public.name} -->"
    for parameter in () if public.name in MADE_FOR_USERS else public.parameters:
        # In the call, and in what is said of it.
        assert sum(len(re.findall(rf"\b{parameter}\b", text)) for text in found) > 1, parameter


# What they call of each other, or the loop of them.
BETWEEN_CLASSES = {"look", "nothing", "park", "park_until", "remove", "missed", "start", "hand_over", "stop"}


@pytest.mark.parametrize("name", ["AimDb", "Record", "Buffer", "Reader", "SyncProducer", "PackedProducer"])
def test_every_call_of_a_class_stands_in_the_reference_with_its_parameters(reference, name):
    calls = {call.name: call for call in functions_of(definitions("aimdb")[name]) if ast.get_docstring(call)}
    assert len(calls) > 2
    for call in calls.values():
        if not call.name.startswith("_") and call.name not in BETWEEN_CLASSES:
            text = reference["aimdb"][f"{name}{call.name}".lower()]
            assert [each for each in parameters_of(call) if not re.search(rf"\b{each}\b", text)] == [], call.name


def functions_of(node: ast.stmt) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Those of a class, and of what stands there for editors."""
    found = []
    for each in node.body:
        if isinstance(each, ast.If):
            found += functions_of(each)
        elif isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef):
            found.append(each)
    return found


def test_there_are_public_names_of_every_package():
    assert {public.package for public in NAMES} >= {"aimdb", "aimdb_flash", "aimdb_mqtt", "aimdb_node"}
    assert len(NAMES) > 50


@pytest.mark.parametrize(
    "option", ["qos", "retain", "codec", "newest", "capacity", "commits", "tls", "will", "in_flight"]
)
def test_an_option_of_mqtt_is_explained(reference, option):
    text = " ".join(reference["aimdb_mqtt"].values())
    assert len(re.findall(rf"\b{option}\b", text)) > 1


@pytest.mark.parametrize("option", ["stage", "flush_records", "commit_ms", "drop_oldest", "undecodable", "max_size"])
def test_an_option_of_a_queue_on_flash_is_explained(reference, option):
    assert len(re.findall(rf"\b{option}\b", reference["aimdb_flash"]["flashqueue"])) > 1


def test_no_page_asks_another_host(site):
    for page in site.rglob("*.html"):
        asked = re.findall(r"<(?:script|img|link|iframe)\b[^>]*(?:src|href)=\"(https?:[^\"]+)", page.read_text())
        assert asked == [], page
