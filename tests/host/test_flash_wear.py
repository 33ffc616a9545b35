"""What a FlashQueue costs the flash, and the time to open one, stay below the goals; the counts are exact."""

import bench_flash


def test_the_default_policy_stays_below_the_goals():
    rows = bench_flash.wear()
    assert {row["medium"] for row in rows if row["pattern"] == bench_flash.DEFAULT} == set(bench_flash.GOALS)
    assert not bench_flash.missed(rows)


def test_the_chip_opens_a_full_queue_of_700_kb_within_a_second():
    (row,) = bench_flash.openings(("raw",))
    assert row["microseconds"] < 1_000_000
