"""Measures operations on the target: what each takes of a clock, and of the heap.

A case is a function of (repetitions, start, stop). It prepares, calls `start`, repeats the operation in a loop, and
calls `stop`; where something in between must not count, it calls both in each repetition instead. The host takes
off what the loop and the calls themselves cost, by the first two floors.

Objects are in local variables and methods are called on them, as in everybody's code. Values are small ints, which
need no heap.
"""

import asyncio
import gc
import json
import time

REPETITIONS = 6

cases = []


def case(name, repetitions=REPETITIONS):
    """Decorator: measure this function, sync or async, under this name."""

    def add(function):
        cases.append((name, repetitions, function))
        return function

    return add


class Clock:
    """Something that can be read before and after: time, cycles or allocated bytes."""

    def __init__(self, read, difference):
        self.read = read
        self.difference = difference


def emulated_cycles():
    # The emulator's marker, a peripheral of no real chip: a read gives the low 32 bits of the cycle counter.
    from machine import mem32

    return Clock(lambda: mem32[0x50400000], lambda stop, start: (stop - start) & 0xFFFFFFFF)


def microseconds():
    return Clock(time.ticks_us, time.ticks_diff)


def heap_bytes():
    return Clock(gc.mem_alloc, lambda stop, start: stop - start)


class Bracket:
    """Adds up what passes between `start` and `stop`."""

    def __init__(self, clock):
        self._read = clock.read
        self._difference = clock.difference
        self._started = 0
        self.total = 0
        self.count = 0

    def start(self):
        self.count += 1
        self._started = self._read()

    def stop(self):
        stopped = self._read()
        self.total += self._difference(stopped, self._started)


def fill_gaps():
    """Take every gap in front of a free piece of 12 KB, or what there is; returns what keeps them taken.

    The allocator searches from the first gap of one block on, past all that is in use. Where modules happen to have
    left gaps would move the cost of an operation that needs heap by up to a half.
    """
    filling = filled_up_to(address_of_room())
    gc.collect()  # Now the allocator would search from the beginning of the heap.
    return (filling,)  # A block of its own, behind which it goes on.


def address_of_room():
    items = 3000
    while True:
        try:
            return id((None,) * items)  # Garbage at once.
        except MemoryError:
            items //= 2


def filled_up_to(address):
    # Blocks in all gaps in front of the address. None stays behind it, where it would cut what is free in two.
    filling = None
    block = (filling,)
    while id(block) < address:
        filling = block
        block = (filling,)
    return filling


def measured(function, repetitions, clock, fills=True):
    """Run one case under one clock; the garbage collector rests, so that it neither costs time nor frees bytes.

    `fills`: take the gaps of the heap before. A case that loads much does so itself, later.
    """
    asyncio.new_event_loop()
    gc.collect()
    gc.disable()
    bracket = Bracket(clock)
    filling = fill_gaps() if fills else None
    running = function(repetitions, bracket.start, bracket.stop)
    if hasattr(running, "send"):
        asyncio.run(running)
    del filling
    gc.enable()
    return bracket


def run(clock, names, more, with_bytes):
    """Print a line for each case, or each of these names; with `more` times the repetitions for a coarse clock."""
    gc.collect()
    most_gaps = fill_gaps()  # So that each case has few to fill.
    for name, repetitions, function in cases:
        if names is None or name in names:
            fills = not name.startswith("compute:")
            if not fills:
                most_gaps = None
            timed = measured(function, repetitions * more, clock, fills)
            size = measured(function, repetitions, heap_bytes(), fills).total / repetitions if with_bytes else None
            report("case", name, repetitions * more, timed.count, timed.total, size)
    del most_gaps


def report(*words):
    print("\x1e" + json.dumps(words))
