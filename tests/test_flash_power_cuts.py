"""The power goes out, or the flash fails, at every operation on it. Afterwards all that was acknowledged is there."""

import os
import random

import harness
from flash_devices import AFTER, BEFORE, PARTLY
from flash_model import Blocks, Files, Scenario

SOAK = int(getattr(os, "getenv", lambda name: None)("SOAK") or 1)
SEEDS = (40 if harness.target == "unix" else 1) * SOAK  # Of the runs at random.
SCENARIOS = (3 if harness.target == "unix" else 1) * min(SOAK, 10)  # In which operations have their turn.
STEP = 1 if harness.target == "unix" else 16  # From one operation to the next one that fails.
TIME_LIMIT = 300 + 5 * SEEDS


def play_and_check(scenario, may_end, *where):
    try:
        ended = scenario.play()
        if not may_end:
            assert ended
            scenario.account.doubtful.clear()  # The power stayed on.
        scenario.check()
    except BaseException:
        print("at operation", *where)
        raise
    return ended


def cut(medium, seed, at, how):
    """Cut the power at an operation. True: the scenario has come to its end before."""
    scenario = Scenario(medium(), seed)
    flash = scenario.medium.flash
    flash.cut_at = flash.operations + at
    flash.how = how
    return play_and_check(scenario, True, seed, at, how)


def fail(medium, seed, at, how):
    """Let an operation fail with EIO. True: the scenario has come to its end before."""
    scenario = Scenario(medium(), seed)
    flash = scenario.medium.flash
    failing = flash.operations + at
    flash.how = how
    flash.fails = lambda number: number == failing
    play_and_check(scenario, False, seed, at, how)
    return flash.operations < failing


def everywhere(happens, medium, scenarios):
    """One operation after the other, until the scenario comes to its end; several scenarios."""
    for seed in range(scenarios):
        at = 1
        while not [how for how in (BEFORE, PARTLY, AFTER) if happens(medium, seed, at, how)]:
            at += STEP


def cut_everywhere(medium):
    everywhere(cut, medium, SCENARIOS)


def fail_everywhere(medium):
    everywhere(fail, medium, max(1, SCENARIOS // 3))


def like_a_pico():
    return Files(16, 1024, 256)


def written_once():
    return Blocks(write_size=32, rewritable=False)


def test_files_keep_what_was_acknowledged_whenever_the_power_goes_out():
    cut_everywhere(Files)
    cut_everywhere(like_a_pico)


def test_blocks_keep_what_was_acknowledged_whenever_the_power_goes_out():
    cut_everywhere(Blocks)
    cut_everywhere(written_once)


def test_files_keep_what_was_acknowledged_and_nothing_else_when_an_operation_fails():
    fail_everywhere(Files)
    fail_everywhere(like_a_pico)


def test_blocks_keep_what_was_acknowledged_and_nothing_else_when_an_operation_fails():
    fail_everywhere(Blocks)
    fail_everywhere(written_once)


def medium_of(seed):
    """One of the geometries that boards have, scaled down, and more."""
    kind = seed % 6
    if kind == 0:
        return Files()
    if kind == 1:
        return like_a_pico()
    if kind == 2:
        return Files(12, 512, 16)  # A filesystem that is nearly full.
    if kind == 3:
        return Blocks()
    if kind == 4:
        return written_once()
    return Blocks(write_size=1)


def test_power_cuts_and_errors_at_random_again_and_again_on_one_flash():
    for seed in range(SEEDS):
        random.seed(seed)
        scenario = Scenario(medium_of(seed), seed, 4 + seed % 7, flush_ms=seed % 2, stage=1 + seed % 9)
        for generation in range(8):
            flash = scenario.medium.flash
            random.seed(seed * 1000 + generation)
            flash.cut_at = random.randrange(1, 120)
            flash.how = random.randrange(3)
            failing = random.randrange(1, 60) if random.randrange(2) else 0
            flash.fails = lambda number: failing and number % failing == 0
            try:
                scenario.play()
                flash.fails = None
                scenario.check()
            except BaseException:
                print("seed", seed, "generation", generation)
                raise
