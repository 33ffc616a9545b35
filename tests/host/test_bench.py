"""The benchmark's arithmetic: from what the target reports to what the tables say."""

from bench_goals import Goal
from bench_results import costs_of, floor_of, results_of, start_of

# Counts of a target on which measuring takes 100, a round of a loop 10, and nothing else anything.
REPORT = [
    ["firmware", "a firmware"],
    ["case", "import: the whole core", 1, 1, 5100, 300],
    ["case", "floor: start and stop", 6, 6, 600, 0],
    ["case", "floor: empty loop", 6, 1, 160, 0],
    ["case", "floor: empty Python call", 6, 1, 220, 0],
    ["case", "floor: deque.append", 6, 1, 190, 0],
    ["case", "produce: around the loop", 6, 1, 100 + 6 * (10 + 40), 2],
    ["case", "produce: inside of it", 6, 6, 6 * (100 + 40), 2],
]


def test_loop_and_measuring_are_taken_off_wherever_the_bracket_is():
    costs = costs_of(REPORT)
    assert costs["produce: around the loop"] == costs["produce: inside of it"] == 40


def test_the_two_things_taken_off_are_shown_themselves():
    costs = costs_of(REPORT)
    assert (costs["floor: start and stop"], costs["floor: empty loop"]) == (100, 10)


def test_an_operation_is_compared_with_what_it_contains():
    results = results_of([REPORT], "cycles", {})
    assert floor_of("produce: inside of it", results["operations"], "cycles") == 10 + 5


def test_times_are_the_median_of_all_reports_and_bytes_those_of_the_first():
    slower, slowest = (
        [[*line[:4], line[4] + 6 * more, None] if line[1].startswith("produce") else line for line in REPORT]
        for more in (10, 900)
    )
    results = results_of([REPORT, slowest, slower], "cycles", {})
    assert results["operations"]["produce: inside of it"] == {"cycles": 50, "bytes": 2}


def test_the_size_of_the_core_is_that_of_the_modules_that_stay_loaded():
    library = {"aimdb/__init__.mpy": b"12", "aimdb/buffer.mpy": b"345", "aimdb/mistakes.mpy": b"6"}
    assert results_of([REPORT], "cycles", library)["mpy"]["total"] == 2


def test_what_is_loaded_when_used_is_told_without_the_leaps_of_the_table_of_names():
    used = [[["used", "transform", 3600, 100]], [["used", "transform", 1700, 100]]]
    assert results_of([REPORT, *used], "cycles", {})["used"] == {"transform": [1700, 100]}


def test_a_start_is_told_without_the_leaps_of_the_table_of_names():
    reports = [[["start", 5100, 2300]], [["start", 5000, 300]]]
    assert start_of(reports, "cycles") == {"cycles": 5000, "bytes": 300}


def test_a_goal_is_met_up_to_its_limit():
    assert Goal("", 1.1, 1.1).met
    assert not Goal("", 1.1, 1.101).met
