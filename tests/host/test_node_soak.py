"""`make soak` takes a time, and says what it does with it."""

import os
import subprocess
import sys

import pytest
import soak


def run(**variables):
    return subprocess.run(
        [sys.executable, soak.__file__],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("10m", 600), ("2h", 7200), ("10", 600), (" 1.5m ", 90)])
def test_a_time_has_a_unit_or_is_in_minutes(text, seconds):
    assert soak.seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["0", "-5m", "5x", "m", "ten minutes", "1e3"])
def test_what_is_no_time_gets_a_sentence(text):
    result = run(SOAK=text)
    assert result.returncode == 2
    assert result.stderr == f"soak: SOAK is a time such as 90s, 10m or 2h, not {text!r}\n"


def test_it_says_how_long_it_takes_and_keeps_to_it():
    result = run(SOAK="8s")
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.startswith("This takes 0:08, until ")
    assert "A season in the field needs 4:00 and is left out." in result.stdout
    assert "SOAK=1 tests/test_" in result.stdout
    assert "0 have failed" in result.stdout


def test_a_failure_says_how_to_repeat_it():
    assert soak.repeat("tests/test_stress.py", {"SOAK": "16"}) == "SOAK=16 make test TESTS=tests/test_stress.py"
