"""The step that makes the emulator faster, as far as it can be tried without a minute of compiling."""

from pathlib import Path

import pytest
from emulated_pico import speedup
from rp2040py.cortex_m0_core import CortexM0Core
from rp2040py.rp2040 import RP2040


def test_machine_without_a_compiler_is_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(speedup, "is_fast", lambda: False)
    monkeypatch.setattr(speedup, "CACHE", tmp_path)
    monkeypatch.setenv("CC", "no-such-compiler")
    speedup.main()
    assert capsys.readouterr().out.splitlines() == [
        "The emulator runs from its wheel, about ten times slower: there is no C compiler here."
    ]


def test_wheel_for_another_python_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speedup, "CACHE", tmp_path)
    (tmp_path / "rp2040py-0.3.6+fast3-cp39-cp39-linux_x86_64.whl").touch()
    assert speedup.cached_wheel() is None
    own = tmp_path / f"rp2040py-{speedup.FAST_VERSION}-{speedup.python_tag()}-{speedup.python_tag()}-linux_x86_64.whl"
    own.touch()
    assert speedup.cached_wheel() == own


def test_wheel_of_an_earlier_fast_build_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speedup, "CACHE", tmp_path)
    (tmp_path / f"rp2040py-0.3.6-{speedup.python_tag()}-{speedup.python_tag()}-linux_x86_64.whl").touch()
    assert speedup.cached_wheel() is None


def test_sources_that_have_changed_are_refused(tmp_path: Path) -> None:
    (tmp_path / "setup.py").write_text("something else\n")
    with pytest.raises(speedup.SpeedupError, match=r"setup.py no longer has the line 'USE_LIMITED_API = \('"):
        speedup.change(tmp_path)


@pytest.mark.skipif(not speedup.is_fast(), reason="the emulator runs from its wheel")
@pytest.mark.parametrize("part", [RP2040, CortexM0Core])
def test_fast_build_does_not_look_for_replaced_methods_at_each_instruction(part: type) -> None:
    with pytest.raises(TypeError, match="not an acceptable base type"):
        type("Subclass", (part,), {})
