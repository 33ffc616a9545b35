"""Thousands of random programs, each run on a buffer and on its model. A failing one is shrunk and printed as a test.

`SOAK=n` in the environment runs n times as many.
"""

import os

import harness
from random_programs import search

PROGRAMS = (1500 if harness.target == "unix" else 12) * int((getattr(os, "getenv", lambda name: None)("SOAK")) or 1)
TIME_LIMIT = 120 + PROGRAMS


def test_a_ring_does_what_its_model_does():
    search("ring", PROGRAMS)


def test_a_single_latest_does_what_its_model_does():
    search("latest", PROGRAMS)


def test_a_mailbox_does_what_its_model_does():
    search("mailbox", PROGRAMS)


def test_a_queue_does_what_its_model_does():
    search("queue", PROGRAMS)
