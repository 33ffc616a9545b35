"""AimX in the field, from a seed: whatever peers and the hub do, the node answers, loses nothing, and does not grow.

`AIMX_SECONDS` in the environment says how long it lasts, `AIMX_SEED` which one it is.
"""

from __future__ import annotations

import os
import sys
import time

from aimx_field import Field

SECONDS = float(os.environ.get("AIMX_SECONDS", 0))
SEED = int(os.environ.get("AIMX_SEED", 19))

# Bytes of heap, on a computer: the code that is loaded with the first of each kind, and what is on its way just then.
FIRST = 40000
NOISE = 6000
RESTS = 3  # What is left of the last faults for a while differs by nearly so much: the least of several counts.


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  AimX {SEED}: {text}", file=sys.stderr, flush=True)


def least_of_rests(field: Field) -> tuple[int, int]:
    """Bytes of heap and open sockets, of several times at which it rested after faults."""
    rests = []
    for _ in range(RESTS):
        field.suffer()
        rests.append(field.settle())
    heaps, sockets = zip(*rests)
    return min(heaps), min(sockets)


def test_a_node_with_aimx_in_the_field_answers_loses_nothing_and_keeps_nothing() -> None:
    began = time.monotonic()
    with Field(SEED, say) as field:
        heap, sockets = field.settle()
        room = FIRST
        field.suffer()
        after, sockets_after = field.settle()
        if SECONDS:
            heap, sockets = least_of_rests(field)
            room = NOISE
            field.suffer(until=began + SECONDS - 180)
            after, sockets_after = least_of_rests(field)
        say(f"heap {heap} and {after}, sockets {sockets} and {sockets_after}, {field.missing()} values missing")
        assert after < heap + room, (heap, after)
        assert sockets_after <= sockets, (sockets, sockets_after)
        assert field.missing() <= field.given_up(), field.missing()
