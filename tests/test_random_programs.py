"""Thousands of random programs, each run on a buffer and on its model. A failing one is shrunk and printed as a test.

`SOAK=n` in the environment runs n times as many.
"""

import os

import harness
from programs import check
from random_programs import search

PROGRAMS = (1500 if harness.target == "unix" else 6) * int((getattr(os, "getenv", lambda name: None)("SOAK")) or 1)
TIME_LIMIT = 120 + PROGRAMS


def test_a_ring_does_what_its_model_does():
    search("ring", PROGRAMS)


def test_a_single_latest_does_what_its_model_does():
    search("latest", PROGRAMS)


def test_a_mailbox_does_what_its_model_does():
    search("mailbox", PROGRAMS)


def test_a_queue_does_what_its_model_does():
    search("queue", PROGRAMS)


# Programs that have gone wrong, and others for the same promises.


def test_a_newcomer_does_not_overtake_who_waits_when_a_reader_is_closed():
    check("queue", 1, "open x | open y | open z | a: recv x | b: recv y | turn | close x | c: recv z | produce | rest")


def test_a_newcomer_does_not_overtake_who_waits_when_ready_leaves_its_value():
    check("queue", 1, "open x | open y | a: ready x | b: recv y | turn | c: recv x | produce | take x | rest")


def test_a_value_that_ready_leaves_is_for_the_next_in_line_and_not_for_a_task_that_runs_before():
    check(
        "queue",
        1,
        "open x | open y | a: ready x | b: recv y | turn | produce | c: take x; recv x | turn | take y | rest",
    )


def test_a_second_task_on_one_reader_waits_for_its_turn():
    check("queue", 1, "open x | a: recv x | rest | produce | take x | b: recv x | rest | produce | rest")


def test_a_granted_producer_uses_its_slot_although_another_one_is_free():
    check("queue", 3, "open x | try | try | c: produce; put | turn | take x | take x | rest | produce | try")


def test_a_granted_reader_keeps_its_value_when_another_was_lent_one():
    check("queue", 3, "open x | open y | d: ready y; take y | c: ready x | e: put; put; ready y")
    check("queue", 3, "open x | try | b: recv x 0; ready x; take x | f: recv x | e: recv x | turn | try | produce")


def test_ready_of_a_closed_reader_takes_nothing_from_who_waits():
    check("mailbox", 1, "open x | open y | close y | a: recv x long | e: put long; recv x long | a: ready y")


def test_what_a_closed_reader_was_granted_goes_to_the_next():
    check("queue", 2, "open x | open y | a: recv x | b: recv y | turn | produce | close x | rest")


def test_a_task_that_has_only_looked_has_not_read():
    check("queue", 1, "open x | a: ready x; put 1 | try | rest")


def test_a_task_that_has_waited_in_vain_has_not_read():
    check("queue", 1, "open x | a: recv x 1; turn; put 1; put 1; put 1 | sleep 2 | b: recv x | rest | rest")


def test_a_task_that_has_read_and_ended_has_read():
    check("queue", 1, "open x | d: recv x | f: produce | a: put; next x; put | a: put | rest")


def test_a_task_that_has_read_before_anybody_waited_has_read():
    check(
        "queue", 1, "open x | open y | e: put 1 | c: put | turn | a: recv x; put | take y | c: recv y; put | b: close x"
    )


def test_a_time_limit_that_is_over_when_its_task_is_woken_for_nothing_is_not_given_again():
    for kind in ("ring", "latest", "queue", "mailbox"):
        check(kind, 1, "open x | d: recv x | b: recv x 1 | turn | busy 2 | produce | rest")


def test_the_time_limit_of_a_read_that_was_cancelled_does_not_end_the_next_one():
    for kind in ("ring", "queue"):
        check(kind, 1, "open x | a: recv x 2; recv x 2 | turn | sleep 1 | produce | cancel a | take x | sleep 1 | rest")
