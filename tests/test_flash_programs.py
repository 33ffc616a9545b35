"""Random programs on a flash queue, against a model: several readers, commits in any order, cancels, restarts."""

import os
import random

import harness
from flash_model import Blocks, Files
from flash_programs import Program

SOAK = int(getattr(os, "getenv", lambda name: None)("SOAK") or 1)
SEEDS = (120 if harness.target == "unix" else 2) * SOAK
TIME_LIMIT = 120 + SEEDS


def media(seed):
    if seed % 5 == 0:
        return Files()
    if seed % 5 == 1:
        return Blocks(write_size=32, rewritable=False)
    return Blocks()


def run(make, live=Program.live, seeds=SEEDS, **options):
    for seed in range(seeds):
        program = make(seed, **options)
        for life in range(5):
            try:
                live(program, 10 + seed % 60)
            except BaseException:
                print("seed", seed, "life", life)
                raise


def plain(seed, **options):
    return Program(media(seed), seed, stage=1 + seed % 17, **options)


def failing(seed, **options):
    program = plain(seed, **options)
    program.failing = 7 + seed % 20
    program.medium.flash.how = seed % 3
    program.medium.flash.fails = lambda number: random.randrange(program.failing) == 0
    return program


def test_every_value_is_delivered_in_order_and_none_comes_back_whatever_readers_do():
    run(plain)


def test_a_queue_that_drops_its_oldest_values_delivers_the_others_in_order():
    run(plain, drop_oldest=True)


def test_what_was_accepted_outlasts_errors_of_the_flash_and_nothing_else_is_there():
    run(failing)


def test_programs_that_are_started_anew_from_inside_lose_nothing_either():
    for make in (plain, failing):
        for drop_oldest in (False, True):
            run(make, Program.live_in_loops, (SEEDS + 2) // 3, drop_oldest=drop_oldest)
