"""A setting is there after a restart, and costs the flash little."""

import asyncio
import os

from aimdb import AimDb
from aimdb_node import Setting
from flash_devices import AFTER, BEFORE, PARTLY, PowerCut
from flash_folder import Folder
from harness import equal, only, raises
from printing import Unspeakable, printed
from scarce import Scarce

PATH = "/flash/interval"


def positive(value):
    if not isinstance(value, int):
        raise TypeError("an interval is an int")
    if value < 1:
        raise ValueError("an interval is at least 1")


def setting(**options):
    options.setdefault("quiet_ms", 1)
    return Setting(PATH, 50, positive, **options)


async def settings_after(*values, **options):
    """Each is set in a run of its own, and then looked for."""
    for value in values:
        kept = setting(**options)
        db = AimDb()
        db.configure("interval", kept)
        run = asyncio.create_task(db.run())
        await asyncio.sleep_ms(0)
        kept.push(value)
        await asyncio.sleep_ms(30)
        run.cancel()
        try:
            await run
        except asyncio.CancelledError:
            pass
    return setting().peek()


async def test_the_default_holds_until_something_is_set():
    Folder()
    equal(setting().peek(), 50)


def test_a_power_cut_on_fat_between_the_old_file_and_the_new_one_loses_no_setting():
    Folder()
    kept = setting()
    kept.push(7)
    kept.save()
    os.rename(PATH, PATH + ".new")  # FAT cannot rename over a file, so the old one is removed first.
    kept = setting()
    equal(kept.peek(), 7)
    kept.push(8)
    kept.save()
    equal(setting().peek(), 8)


@only("unix", reason="to fill the heap of a board takes too long on an emulated one")
async def test_a_moment_without_heap_ends_no_run_and_what_is_set_next_is_written():
    Folder()
    kept = setting(quiet_ms=5)
    run = asyncio.create_task(kept.run())
    await asyncio.sleep_ms(5)
    for blocks in (0, 4, 8, 12, 16):
        kept.push(100 + blocks)
        with Scarce(blocks):
            await asyncio.sleep_ms(30)
    kept.push(7)
    await asyncio.sleep_ms(100)
    equal((run.done(), setting().peek()), (False, 7))
    run.cancel()


async def test_what_was_set_is_there_after_a_restart():
    Folder()
    equal(await settings_after(30, 20), 20)


async def test_what_is_set_just_before_the_run_ends_is_written_too():
    Folder()
    equal(await settings_after(30, quiet_ms=100000), 30)


async def test_what_does_not_pass_the_check_is_refused_and_the_old_value_holds():
    Folder()
    kept = setting()
    with raises(ValueError):
        kept.try_push(0)
    with raises(TypeError):
        await kept.push_async("50")
    kept.push(None)
    equal((kept.peek(), kept.metrics().dropped_count), (50, 1))


async def test_a_damaged_file_means_the_default():
    for content in (b"", b"{", b"0", b'"30"', b"\xff\xfe", b"null"):
        files = Folder()
        with open(PATH, "wb") as file:
            file.write(content)
        equal((content, await settings_after()), (content, 50))
        await settings_after(50)
        with open(PATH, "rb") as file:
            equal(file.read(), content and b"50")  # In the place of the damage.
        equal(await settings_after(20), 20)
        del files


def test_a_file_that_is_of_another_kind_than_the_check_expects_means_the_default():
    Folder()
    for content in ("5", "null", "[]", "{}", '{"ms": null}', '{"ms": 1e999}', "[" * 900, "9" * 5000):
        with open(PATH, "w") as file:
            file.write(content)
        kept = Setting(PATH, {"ms": 50}, lambda value: 0 < value["ms"] < 1 / 0.001)
        equal((content[:20], kept.peek()), (content[:20], {"ms": 50}))


def test_a_file_with_which_the_check_raises_what_cannot_be_shown_means_the_default():
    def check(value):
        if value != 50:
            raise ValueError(Unspeakable())

    Folder()
    with open(PATH, "w") as file:
        file.write("5")
    assert "ValueError" in printed(lambda: equal(Setting(PATH, 50, check).peek(), 50))


def test_a_file_that_cannot_be_read_is_told_and_means_the_default():
    Folder()
    os.mkdir(PATH)
    assert PATH + " cannot be read: " in printed(lambda: equal(Setting(PATH, 50).peek(), 50))


def test_what_could_not_be_read_again_is_refused():
    Folder()
    kept = Setting(PATH, 0)
    for value in (float("nan"), float("inf"), object(), {1: 2}, b"1", "\ud800", "x" * 5000):
        with raises(ValueError):
            kept.try_push(value)
        kept.push(value)
    equal((kept.peek(), kept.dropped_count), (0, 7))
    with raises(ValueError):
        Setting(PATH, object())


async def test_a_full_flash_is_said_and_the_setting_holds_until_the_restart():
    Folder(blocks=8)
    with open("/flash/big", "wb") as file:
        with raises(OSError):
            while True:
                file.write(bytes(100))
                file.flush()
    kept = setting()
    kept.push(30)
    kept.save()
    equal(kept.peek(), 30)
    os.remove("/flash/big")
    kept.save()
    equal(setting().peek(), 30)


@only("unix", reason="takes long")
async def test_a_power_cut_at_any_operation_leaves_the_old_or_the_new_setting():
    outcomes = set()
    for how in (BEFORE, PARTLY, AFTER):
        number = 0
        cut = True
        while cut:
            number += 1
            files = Folder()
            kept = setting()
            kept.push(40)
            kept.save()
            kept.push(30)
            files.flash.how = how
            files.flash.cut_at = files.flash.operations + number
            try:
                kept.save()
                cut = False
            except PowerCut:
                files.lose_power()
            outcomes.add(setting().peek())
    equal(outcomes, {30, 40})


@only("unix", reason="takes long")
async def test_a_thousand_changes_in_a_row_cost_a_few_writes():
    files = Folder()
    kept = setting(quiet_ms=20)
    db = AimDb()

    async def change(producer):
        for value in range(1, 1001):
            producer.produce(value)
            await asyncio.sleep_ms(0 if value % 10 else 1)
        kept.close()

    db.configure("interval", kept).source(change)
    before = files.flash.operations
    await db.run()
    # The first, which was the default, and the last.
    assert files.flash.operations - before < 60, files.flash.operations - before
    equal(setting().peek(), 1000)


@only("unix", reason="takes long")
async def test_a_value_that_is_set_again_costs_nothing():
    files = Folder()
    await settings_after(30)
    before = files.flash.operations
    await settings_after(30, 30, 30)
    equal(files.flash.operations, before)


def test_a_default_in_place_of_the_path_is_told():
    with raises(TypeError) as caught:
        Setting(50)
    assert "path" in str(caught.error) and "50" in str(caught.error), caught.error


def test_a_check_that_cannot_be_called_is_told_where_it_is_given():
    for wrong in (0, "", [], 5):
        with raises(TypeError):
            Setting("/flash/setting", 50, wrong)


def test_an_async_check_which_would_never_run_is_told_where_it_is_given():
    class Node:
        async def check(self, value):
            pass

    async def check(value):
        pass

    for wrong in (check, Node().check):
        with raises(TypeError) as caught:
            Setting("/flash/setting", 50, wrong)
        equal(str(caught.error), "check is a function without async, not %r" % (wrong,))


def test_a_path_that_names_no_file_is_told_where_it_is_given():
    for wrong in ("", "/", "//", "a\0b"):
        with raises(ValueError) as caught:
            Setting(wrong, 50)
        equal(str(caught.error), "the path of a setting's file names none: %r" % wrong)


def test_a_time_that_no_timer_takes_is_told_where_it_is_given():
    for kind, wrong in ((ValueError, -1), (ValueError, 53687092), (TypeError, "5"), (TypeError, None)):
        with raises(kind) as caught:
            Setting("/flash/setting", 50, quiet_ms=wrong)
        assert "quiet_ms" in str(caught.error), (wrong, caught.error)


def test_a_value_of_which_the_check_returns_false_is_refused():
    kept = Setting("/flash/setting", 50, lambda ms: ms > 0)
    with raises(ValueError) as caught:
        kept.try_push(0)
    equal((str(caught.error), kept.peek()), ("0 does not pass check", 50))
