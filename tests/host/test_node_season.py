"""A season in the field, from a seed: whatever happens to the node, it comes back, and nothing acknowledged is lost.

`SEASON_SECONDS` in the environment says how long it lasts, `SEASON_SEED` which one it is.
"""

from __future__ import annotations

import os
import sys
import time

import pytest
from mqtt_broker import find_mosquitto
from season import Season

SECONDS = float(os.environ.get("SEASON_SECONDS", 0))
SEED = int(os.environ.get("SEASON_SEED", 16))

A_FEW = 4  # Faults, of the short season among the tests: about a minute.

# Bytes of heap: the code that is loaded with the first fault of each kind, and what queues stage.
FIRST_FAULTS = 14000
STAGED = 6000


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  season {SEED}: {text}", file=sys.stderr, flush=True)


@pytest.mark.skipif(not find_mosquitto(), reason="mosquitto is not installed: apt install mosquitto")
def test_a_node_in_the_field_comes_back_from_everything_and_loses_nothing() -> None:
    began = time.monotonic()
    with Season(SEED, say, hurry=not SECONDS) as season:
        try:
            season.pause(3, 4)
            heap, room = season.heap(), FIRST_FAULTS
            connections = season.open_connections()
            season.suffer(count=len(Season.FAULTS) if SECONDS else A_FEW)
            if SECONDS:
                season.pause(5, 6)
                heap, room = season.heap(), STAGED
                season.suffer(until=began + SECONDS - 60)
            season.harvest()
            season.pause(3, 4)
            say(f"heap {heap} at the start, {season.heap()} at the end; connections {season.open_connections()}")
            assert season.heap() < heap + room, (heap, season.heap())
            assert season.open_connections() <= connections, (connections, season.open_connections())
        except Exception:
            print(season.console[-8000:])
            print(f"To repeat it: SEASON_SEED={SEED} SEASON_SECONDS={SECONDS:.0f} make test TESTS={__file__}")
            raise
