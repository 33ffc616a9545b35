"""What the core costs on the emulated chip, exact to the cycle: within bench/budgets.json and 2 % of room."""

import bench_budgets
import pytest

import bench


def test_the_core_keeps_its_budgets():
    exceeded = bench_budgets.above(bench.run_budgeted(), bench_budgets.read())
    assert not exceeded, "\n".join(exceeded.values())


def test_a_figure_within_the_room_is_not_above():
    assert bench_budgets.above({"a": 102}, {"a": 100}) == {}


def test_a_figure_beyond_the_room_is_named_with_its_budget():
    sentences = bench_budgets.above({"a": 103}, {"a": 100})
    assert sentences["a"] == "a: 103, but the budget is 100 (+3.0%)"


def test_something_that_must_be_free_has_no_room():
    assert bench_budgets.above({"a": 1}, {"a": 0})


def test_budgets_go_down_and_not_up():
    assert bench_budgets.lowered({"a": 90, "b": 101}, {"a": 100, "b": 100}) == {"a": 90, "b": 100}


def test_recording_above_a_budget_is_refused(monkeypatch, capsys):
    monkeypatch.setattr(bench, "run_budgeted", lambda: {"a": 200})
    monkeypatch.setattr(bench_budgets, "read", lambda: {"a": 100})
    monkeypatch.setattr(bench_budgets, "write", lambda budgets: pytest.fail("budgets were written"))
    assert bench.record(allow_raise=False) == 1
    assert "a: 200" in capsys.readouterr().err


def test_raising_is_for_what_is_above_its_budget_alone(monkeypatch, capsys):
    written = []
    monkeypatch.setattr(bench, "run_budgeted", lambda: {"a": 200, "b": 101, "c": 90})
    monkeypatch.setattr(bench_budgets, "read", lambda: {"a": 100, "b": 100, "c": 100})
    monkeypatch.setattr(bench_budgets, "write", written.append)
    assert bench.record(allow_raise=True) == 0
    assert written == [{"a": 200, "b": 100, "c": 90}]
    assert "3 budgets, 1 of them lower than before, 1 higher" in capsys.readouterr().out
