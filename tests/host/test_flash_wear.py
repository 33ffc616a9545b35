"""What a FlashQueue costs the flash, and the time to open one, stay below the goals; the counts are exact."""

import flash_bench


def test_the_default_policy_stays_below_the_goals():
    rows = flash_bench.wear()
    assert {row["medium"] for row in rows if row["pattern"] == flash_bench.DEFAULT} == set(flash_bench.GOALS)
    assert not flash_bench.missed(rows)


def test_the_chip_opens_a_full_queue_of_700_kb_within_a_second():
    (row,) = flash_bench.openings(("raw",))
    assert row["microseconds"] < 1_000_000
