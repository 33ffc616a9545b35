"""The power goes out, or the flash fails, at every operation on it. Afterwards all that was acknowledged is there."""

from flash_devices import AFTER, BEFORE, PARTLY
from flash_model import Blocks, Files, Scenario

TIME_LIMIT = 300


def play_and_check(scenario, may_end, *where):
    try:
        ended = scenario.play()
        assert ended or may_end, "the power went out"
        scenario.check()
    except BaseException:
        print("at operation", *where)
        raise
    return ended


def cut_everywhere(medium, **options):
    """Cut the power at each operation in turn, until the scenario comes to its end."""
    at = 0
    while True:
        at += 1
        for how in (BEFORE, PARTLY, AFTER):
            scenario = Scenario(medium(), **options)
            flash = scenario.medium.flash
            flash.cut_at = flash.operations + at
            flash.how = how
            if play_and_check(scenario, True, at, how):
                return


def fail_everywhere(medium, **options):
    """Let each operation in turn fail with EIO."""
    at = 0
    while True:
        at += 1
        for how in (BEFORE, PARTLY, AFTER):
            scenario = Scenario(medium(), **options)
            flash = scenario.medium.flash
            failing = flash.operations + at
            flash.how = how
            flash.fails = lambda number: number == failing
            play_and_check(scenario, False, at, how)
            if flash.operations < failing:
                return


def test_files_keep_what_was_acknowledged_whenever_the_power_goes_out():
    cut_everywhere(Files)


def test_blocks_keep_what_was_acknowledged_whenever_the_power_goes_out():
    cut_everywhere(Blocks)


def test_files_keep_what_was_acknowledged_and_nothing_else_when_an_operation_fails():
    fail_everywhere(Files)


def test_blocks_keep_what_was_acknowledged_and_nothing_else_when_an_operation_fails():
    fail_everywhere(Blocks)
