"""Random programs of several records and databases, each of which accounts for every value at its end.

A failing one is shrunk and printed as a test. `SOAK=n` in the environment runs n times as many.
"""

import os
import random

import harness

if harness.target != "unix":
    harness.skip("the account of such a program needs more memory than a board has")

from random_programs import shortened
from wired_programs import World, check

PROGRAMS = 60 * int(os.getenv("SOAK") or 1)
TIME_LIMIT = 120 + PROGRAMS

KEYS = "abcdef"
BUFFERS = "queue 1|queue 2|queue 3|ring 2|ring 40|latest 1|mailbox 1".split("|")
SOURCE = "put|put|put 1|try|produce|turn|turn|sleep|die".split("|")
TAP = "recv|recv|recv 1|recv 0|ready|next|take|again|turn|sleep|to K|to K 1|end|die".split("|")
RECORD = "close|send|send|thread|put|put|produce".split("|")
DATABASE = "run|run|run|cancel".split("|")
OTHER = "turns|turns|turns|sleep|leave|stop".split("|")


def random_program(verbs):
    """Lines of a program, in which the main task does what is among the verbs."""
    keys = KEYS[: random.randrange(1, len(KEYS) + 1)]
    databases = "xyz"[: random.randrange(1, 4)]
    of = {}
    lines = []
    for key in keys:
        of[key] = random.choice(databases)
        inputs = [each for each in of if of[each] == of[key] and each != key]
        writer = random.choice(("source", "source", "none", "every", "transform", "state", "join"))
        if writer == "every":
            writer = "every %d" % random.randrange(1, 3)
        elif writer in ("transform", "state", "join"):
            if not inputs:
                writer = "source"
            elif writer == "join" and len(inputs) > 1:
                first = random.choice(inputs)
                inputs.remove(first)
                writer += " %s %s" % (first, random.choice(inputs))
            else:
                writer += " " + random.choice(inputs)
        if writer == "source":
            writer += ": " + script(SOURCE, 4)
        lines.append("record %s of %s %s %s" % (key, of[key], random.choice(BUFFERS), writer))
    for _ in range(random.randrange(len(keys) + 2)):
        at = random.randrange(len(keys))
        operations = script(TAP, 4)
        # To one of the records after it: in a circle of full queues all would wait for ever.
        later = keys[at + 1 :]
        operations = operations.replace("K", random.choice(later)) if later else operations.replace("to K", "recv")
        lines.append("tap %s: %s" % (keys[at], operations))
    lines += ["run " + each for each in databases]
    for _ in range(random.randrange(4, 20)):
        verb = random.choice(random.choice((RECORD, DATABASE, OTHER, OTHER)))
        if verb not in verbs:
            continue
        if verb in RECORD:
            count = "" if verb == "close" else " %d" % random.randrange(1, 6)
            verb += " " + random.choice(keys) + count
        elif verb in DATABASE:
            verb += " " + random.choice(databases)
        elif verb in ("turns", "sleep"):
            verb += " %d" % random.randrange(1, 12 if verb == "turns" else 3)
        lines.append(verb)
    return lines


def script(operations, most):
    return "; ".join([random.choice(operations) for _ in range(random.randrange(1, most + 1))])


def search(verbs, count=PROGRAMS, first=0):
    def fails(lines):
        return World(lines).go()

    for seed in range(first, first + count):
        random.seed(seed)
        lines = random_program(verbs.split())
        if fails(lines):
            lines, error = shortened(lines, fails)
            program = "\n        ".join(lines)
            raise AssertionError(
                '%s (seed %d)\n\ndef test_found():\n    check("""\n        %s\n    """)\n' % (error, seed, program)
            )


def test_programs_that_run_to_their_end_account_for_every_value():
    search("turns sleep produce put")


def test_records_that_are_closed_while_others_run_lose_nothing():
    search("turns sleep produce put close send")


def test_runs_that_are_cancelled_and_begun_again_lose_nothing():
    search("turns sleep produce put run cancel close send")


def test_loops_that_are_left_lose_nothing():
    search("turns sleep produce put run cancel close send leave stop")


def test_values_that_threads_send_meanwhile_are_not_lost():
    search("turns sleep produce put run cancel close send leave stop thread")


# Programs that have gone wrong.


def test_a_join_whose_inputs_have_ended_goes_on_with_what_it_has():
    check("""
        record a of x latest 1 none
        record b of x queue 1 join a
        run x
        put b 1
        produce a 1
        turns 3
        produce a 1
        close a
        turns 8
        cancel x
    """)
