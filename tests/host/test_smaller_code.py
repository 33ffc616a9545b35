"""What is done to a source so that its code takes less heap."""

import subprocess
from pathlib import Path

import pytest
from pytest_micropython import mpy
from pytest_micropython.files import find_tool
from smaller_code import IN_A_BYTE, smaller

# A function with many names, and then many with the same one.
MANY = "; ".join(f"it.rare_{number}" for number in range(2 * IN_A_BYTE))
OFTEN = "; ".join(["it.often"] * 20)
PROGRAM = "\n".join([f"def f_0(it):\n    {MANY}", *(f"def f_{number}(it):\n    {OFTEN}" for number in range(1, 100))])


def printed(program: str, text: str, folder: Path) -> str:
    """What a program prints on the unix port, with a compiled module of this source beside it."""
    (folder / "module.mpy").write_bytes(mpy.compile_source(text.encode(), "module"))
    ran = subprocess.run([find_tool("micropython"), "-c", program], cwd=folder, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip()


def heap_of(text: str, folder: Path) -> int:
    program = (
        "import gc; gc.collect(); before = gc.mem_alloc(); import module; gc.collect(); print(gc.mem_alloc() - before)"
    )
    return int(printed(program, text, folder))


def first_names(text: str) -> list[str]:
    first = smaller(text).partition("\n")[0]
    assert first.startswith("__name__ or __name__.")
    return first.split(".")[1:]


@pytest.mark.parametrize(
    "body", ["x = 1", '"""Words."""\n    x = 1', "@property\n    def x(self): pass", "x, y = 2, 3"]
)
def test_a_class_has_only_what_its_body_defines(body: str, tmp_path: Path):
    text = smaller(f"class A:\n    {body}\nclass B(A):\n    def last(self): pass\n")
    assert printed("import module; print(*sorted(module.A.__dict__))", text, tmp_path) in ("x", "x y")
    assert printed("import module; print(*module.B.__dict__)", text, tmp_path) == "last"


def test_a_class_of_one_line_stays_as_it_is(tmp_path: Path):
    assert printed("import module; print(module.A.x)", smaller("class A: x = 5\n"), tmp_path) == "5"


def test_code_with_many_names_takes_less_heap_and_names_that_are_used_often_come_first(tmp_path: Path):
    assert heap_of(smaller(PROGRAM), tmp_path) < heap_of(PROGRAM, tmp_path) - 1000
    assert first_names(PROGRAM)[:2] == ["often", "it"]
    assert len(first_names(PROGRAM)) == IN_A_BYTE - 2


def test_the_line_of_names_does_not_run(tmp_path: Path):
    assert printed("import module; print('imported')", smaller(PROGRAM), tmp_path) == "imported"


def test_a_module_with_native_code_keeps_the_order_of_its_names():
    native = "@micropython.native\ndef g(it): return it\n" + PROGRAM
    assert smaller(native) == native


def test_a_module_with_few_names_gets_no_line_of_them():
    assert smaller("def f(it):\n    it.often\n") == "def f(it):\n    it.often\n"


@pytest.mark.parametrize(
    "unused",
    [
        "def g(it: 'unused.unused.unused') -> unused.unused: pass",
        "def g(it):\n    unused = it\n    return unused + unused",
        "def g(it):\n    it.x: unused.unused.unused = 1\n    it.unused: int",
        "_A = const(1)\ndef g(it): return _A + _A + _A",
        "if TYPE_CHECKING:\n    def g(it): unused.unused.unused",
        "if not TYPE_CHECKING:\n    pass\nelse:\n    def g(it): unused.unused.unused",
    ],
)
def test_what_is_not_in_the_compiled_code_takes_no_place(unused: str):
    names = first_names(f"{unused}\n{PROGRAM}")
    assert "unused" not in names and "_A" not in names
