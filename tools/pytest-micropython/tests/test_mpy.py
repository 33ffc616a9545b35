"""From sources to .mpy: native code where the target's architecture is known, the same as bytecode where it is not."""

import pytest
from pytest_micropython import mpy

MARKED = b"import micropython\n\n@micropython.viper\ndef double(x: int) -> int:\n    return x + x\n"


def architecture_of(content: bytes) -> str | None:
    return mpy.ARCHITECTURES[content[2] >> 2 & 15]


def test_marked_functions_become_native_code_of_the_architecture():
    assert architecture_of(mpy.compile_source(MARKED, "marked.py", architecture="armv6m")) == "armv6m"


def test_without_an_architecture_they_stay_bytecode():
    assert architecture_of(mpy.compile_source(MARKED, "marked.py")) is None


def test_what_does_not_compile_is_told_with_the_reason():
    with pytest.raises(mpy.CompileError, match="SyntaxError"):
        mpy.compile_source(MARKED + b"def broken(:\n", "marked.py")


def test_a_board_says_its_architecture_by_number():
    assert [mpy.architecture_named(text) for text in ("4", "2", "0", "99", "no answer")] == [
        "armv6m",
        "x64",
        None,
        None,
        None,
    ]
