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


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  AimX {SEED}: {text}", file=sys.stderr, flush=True)


def test_a_node_with_aimx_in_the_field_answers_loses_nothing_and_keeps_nothing() -> None:
    began = time.monotonic()
    with Field(SEED, say) as field:
        heap, sockets = field.settle()
        room = FIRST
        field.suffer()
        if SECONDS:
            field.suffer()
            heap, sockets = field.settle()
            room = NOISE
            field.suffer(until=began + SECONDS - 60)
        after, sockets_after = field.settle()
        say(f"heap {heap} and {after}, sockets {sockets} and {sockets_after}, {field.missing()} values missing")
        assert after < heap + room, (heap, after)
        assert sockets_after <= sockets, (sockets, sockets_after)
        assert field.missing() <= field.given_up(), field.missing()
