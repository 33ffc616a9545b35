"""Numbers that users give: the right ones pass, and a wrong one is named with its range."""

from time import ticks_add, ticks_diff

from aimdb import check_int
from harness import equal, raises

LONGEST_MS = 2**29 - 1


def test_both_ends_of_the_range_pass():
    for value in (-3, 0, 7):
        check_int("depth", value, -3, 7)


def test_a_number_outside_the_range_is_a_value_error():
    for value in (-4, 8, 2**29, 2**30, -(2**31), 2**31, 2**62, 10**30):
        with raises(ValueError) as caught:
            check_int("depth", value, -3, 7)
        equal(str(caught.error), "depth is an int from -3 to 7, not %d" % value)


def test_what_is_no_int_is_a_type_error():
    for value in (0.5, 1.0, "3", b"3", None, True, False, (1,), (), [], {}):
        with raises(TypeError) as caught:
            check_int("depth", value, 0, 7)
        equal(str(caught.error), "depth is an int from 0 to 7, not %s" % repr(value))


def test_the_default_range_is_that_of_time_in_milliseconds():
    for value in (0, 1, LONGEST_MS):
        check_int("timeout_ms", value)
        equal(ticks_diff(ticks_add(5, value), 5), value)
    for value in (-1, 2**29, 2**30, 2**64):
        with raises(ValueError) as caught:
            check_int("timeout_ms", value)
        equal(str(caught.error), "timeout_ms is an int from 0 to 536870911, not %d" % value)


def test_a_range_beyond_small_ints_is_told_in_full():
    check_int("offset", 2**40, 0, 2**40)
    with raises(ValueError) as caught:
        check_int("offset", 2**40 + 1, 0, 2**40)
    assert "to 1099511627776, not 1099511627777" in str(caught.error)
