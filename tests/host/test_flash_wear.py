"""What a FlashQueue costs the flash stays below the goals; the counts are exact."""

import flash_bench


def test_the_default_policy_stays_below_the_goals():
    rows = flash_bench.wear()
    assert {row["medium"] for row in rows if row["pattern"] == flash_bench.DEFAULT} == set(flash_bench.GOALS)
    assert not flash_bench.missed(rows)
