"""The library as a board gets it: modules that are always loaded together are one file."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest
from device_files import ROOT, DeployError, compiled_library
from joined_modules import GROUPS, JOINED, definitions, joined, package_of
from pytest_micropython.files import find_tool
from unix_library import LIBRARY, write_library

# Quick ones that reach most of what is joined. With SOAK all do it.
TESTS = "errors names mistakes own_buffers flash_queue conformance_flash_queue"

# They replace a part of a module. In the joined library that changes nothing, as the part is in another module.
CHANGE_A_MODULE = (
    "test_a_flush_that_is_overdue_is_not_put_off_by_a_commit_that_has_days_of_time",
    "test_what_ends_ready_has_no_state_that_ctrl_c_could_end",
    "test_dir_of_a_record_and_of_a_database_shows_their_calls_and_loads_only_those",
    "test_a_flash_from_which_no_module_can_be_read_is_told_ever_less_often",
)


def text_of(made: dict[str, bytes], place: str) -> str:
    return made[place].decode()


def core(**modules: str) -> dict[str, bytes]:
    """The sources of a core that has these modules."""
    return {"aimdb/__init__.py": b"", **{f"aimdb/{name}.py": text.encode() for name, text in modules.items()}}


def names_in(text: str) -> set[str]:
    return set(definitions(ast.parse(text)))


def test_the_module_of_a_group_has_all_that_the_others_define():
    made = joined({place: source.read_bytes() for place, source in LIBRARY.items()})
    for module, others in GROUPS.items():
        package = module.partition(".")[0]
        place = module.replace(".", "/") + (".py" if "." in module else "/__init__.py")
        for other in others:
            public = {name for name in names_in(LIBRARY[f"{package}/{other}.py"].read_text()) if name[0] != "_"}
            assert public and public <= names_in(text_of(made, place)), other


def test_the_library_imports_no_module_from_where_it_was():
    made = joined({place: source.read_bytes() for place, source in LIBRARY.items()})
    for place, content in made.items():
        for node in ast.walk(ast.parse(content)):
            if isinstance(node, ast.ImportFrom):
                package = place.partition("/")[0] if node.level else ""
                assert ".".join(filter(None, (package, node.module))) not in JOINED, (place, ast.unparse(node))


def test_a_package_imports_from_the_joined_core_also_when_it_is_compiled_alone():
    made = joined(
        {"aimdb_flash/__init__.py": b"", "aimdb_flash/device.py": b"from aimdb.errors import error as e, new\n"}
    )
    assert text_of(made, "aimdb_flash/device.py") == "from aimdb import error as e, new\n"


def test_a_package_that_is_not_joined_has_all_that_compiled_ones_import_from_it():
    made = joined({place: source.read_bytes() for place, source in LIBRARY.items()})
    needed = {
        f"from {node.module} import {name.name}"
        for place, content in made.items()
        for node in ast.walk(ast.parse(content))
        if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module
        if node.module.startswith("aimdb") and package_of(node.module) != place.partition("/")[0]
        for name in node.names
    }
    for place in (place for place in made if place.endswith("/names.py")):
        exec(text_of(made, place), public := {})
        for module, *names in map(str.split, public["MODULES"].split("\n")):
            if package_of(module) != place.partition("/")[0]:
                needed |= {f"from {module} import {name.rpartition('=')[2]}" for name in names}
    assert {"from aimdb import Line", "from aimdb_net import NotConnected"} <= needed
    run_on_unix("\n".join(sorted(needed)), ROOT / "lib")


def test_a_module_that_is_imported_as_a_whole_is_the_joined_one():
    made = joined(core(errors="a = 1", sentences="from . import errors\n"))
    assert text_of(made, "aimdb/sentences.py") == "import aimdb as errors\n"


def test_a_module_that_is_imported_beside_other_names_is_the_joined_one():
    made = joined(core(errors="a = 1", timing="from . import kept, errors as e\n"))
    assert text_of(made, "aimdb/timing.py") == "import aimdb as e; from aimdb import kept\n"


def test_public_names_are_found_in_the_joined_module():
    made = joined(core(db="class AimDb: pass", loading='MODULES = """\\\naimdb.db AimDb\naimdb.metrics Metrics"""\n'))
    assert (
        ast.literal_eval(text_of(made, "aimdb/loading.py").partition("= ")[2]) == "aimdb AimDb\naimdb.metrics Metrics"
    )


def test_statements_stay_as_they_are_written():
    # With brackets around its right side MicroPython would make a tuple, which takes heap.
    swap = "def swap(a, b):\n    a, b = b, a"
    assert swap in text_of(joined(core(errors=swap)), "aimdb/__init__.py")


def test_a_constant_keeps_its_value_beside_one_of_the_same_name():
    made = joined(
        core(errors="_A = const(1)\ndef one():\n    return _A", waiting="_A = const(2)\ndef two():\n    return _A")
    )
    found = {"const": int}
    exec(text_of(made, "aimdb/__init__.py"), found)
    assert (found["one"](), found["two"]()) == (1, 2)


@pytest.mark.parametrize(
    "text", ["from micropython import const\n_A = const(1)", "import micropython\n@micropython.viper\ndef f(): pass"]
)
def test_what_only_the_compiler_needs_is_not_imported(text):
    assert "import" in text and "import" not in text_of(joined(core(timing=text)), "aimdb/timing.py")


def test_what_a_program_asks_of_micropython_is_imported():
    text = "import micropython\nmicropython.schedule(print, 1)\n"
    assert text_of(joined(core(timing=text)), "aimdb/timing.py") == text


def test_what_stands_in_several_modules_stands_once_in_the_joined_one():
    line = "from array import array"
    assert text_of(joined(core(errors=line, waiting=line)), "aimdb/__init__.py").count(line) == 1


@pytest.mark.parametrize("other", ["def name(): pass", "from time import ticks_ms as name", "name = 2"])
def test_two_modules_that_use_a_name_for_different_things_are_not_joined(other):
    with pytest.raises(DeployError, match="has another name than a module of aimdb"):
        joined(core(errors="def name(): return 1", waiting=other))


def test_a_function_that_only_returns_what_has_a_name_is_written_out_where_it_is_called():
    made = joined(
        core(
            waiting="from asyncio import core\ndef now():\n 'T'\n return core.cur_task\ndef one(): return 1\n",
            buffer="from .waiting import now, one\ndef same(task, other): return task is now(), one(), other.now()\n",
        )
    )
    text = text_of(made, "aimdb/__init__.py")
    assert "return task is core.cur_task, one(), other.now()" in text
    assert "now" in names_in(text)  # For other modules.


def test_with_line_numbers_each_module_has_a_file_of_its_own():
    separate = compiled_library(LIBRARY, None, keep_line_numbers=True)
    assert b"BoundedQueue" in separate["aimdb/bounded_queue.mpy"] and b"popleft" not in separate["aimdb/__init__.mpy"]


def run_on_unix(program: str, library: Path) -> None:
    environment = {**os.environ, "MICROPYPATH": f"{library}:.frozen"}
    result = subprocess.run([find_tool("micropython"), "-c", program], env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def test_a_program_finds_all_where_the_sources_have_it(tmp_path: Path):
    write_library(tmp_path, "bytecode")
    lines = [f"import {old}, {new}" for old, new in JOINED.items()]
    for old, new in JOINED.items():
        package, _, module = old.partition(".")
        for name in names_in(LIBRARY[f"{package}/{module}.py"].read_text()):
            if name[0] != "_":
                lines.append(f"assert {old}.{name} is {new}.{name}, {name!r}")
        lines.append(f"from {package} import {module}; assert {module} is {old}")
    run_on_unix("\n".join(lines), tmp_path)


@pytest.mark.parametrize("kind", ["bytecode", "native"] if os.environ.get("SOAK") else ["native"])
def test_the_joined_library_passes_the_tests(kind: str, tmp_path: Path):
    write_library(tmp_path, kind)
    tests = [f"tests/test_{name}.py" for name in TESTS.split()]
    if os.environ.get("SOAK"):
        tests = sorted(file.relative_to(ROOT).as_posix() for file in ROOT.glob("tests/test_*.py"))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests]
    command += [
        "-o",
        f"micropython_path={tmp_path}\ntests",
        "-k",
        " and ".join(f"not {name}" for name in CHANGE_A_MODULE),
    ]
    environment = {name: value for name, value in os.environ.items() if name not in ("TARGET", "SOAK")}
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout[-5000:]
