"""The names of the package: which there are, and what a misspelt one is answered with."""

import sys

import aimdb
from harness import equal, only, raises
from printing import printed

newer = only("unix", reason="MicroPython 1.27, which the chip has, asks a module neither for __all__ nor for all names")


def names_by_star():
    found = {}
    exec("from aimdb import *", found)
    return [name for name in found if not name.startswith("__")]


@newer
def test_a_star_brings_the_names_of_each_package():
    for package, name in (("aimdb_flash", "FlashQueue"), ("aimdb_mqtt", "MqttTopic"), ("aimdb_aimx", "AimxServer")):
        found = {}
        exec("from %s import *" % package, found)
        assert name in found, sorted(found)


def test_a_misspelt_name_is_an_import_error_that_shows_those_like_it():
    with raises(ImportError) as caught:
        from aimdb import SpmcRng  # noqa: F401
    assert "aimdb has no name SpmcRng" in str(caught.error) and "SpmcRing" in str(caught.error), caught.error
    assert "Mailbox" not in str(caught.error), caught.error


def test_a_name_like_no_other_is_answered_with_all_of_them():
    with raises(ImportError) as caught:
        from aimdb import nothing_of_ours  # noqa: F401
    for name in ("AimDb", "SpmcRing", "Producer"):
        assert name in str(caught.error), caught.error


def test_a_name_of_another_package_is_answered_with_that_package():
    sys.modules.pop("aimdb_flash", None)  # A program that asks the wrong package has not imported the right one.
    with raises(ImportError) as caught:
        from aimdb import FlashQueue  # noqa: F401
    equal(str(caught.error), "aimdb has no name FlashQueue; aimdb_flash has it")
    with raises(ImportError) as caught:
        from aimdb_mqtt import SpmcRing  # noqa: F401
    equal(str(caught.error), "aimdb_mqtt has no name SpmcRing; aimdb has it")
    with raises(ImportError) as caught:
        from aimdb import Supervisor  # noqa: F401
    equal(str(caught.error), "aimdb has no name Supervisor; aimdb_node has it")


@newer
def test_star_imports_every_public_name():
    names = names_by_star()
    for name in ("AimDb", "SpmcRing", "BoundedQueue", "Reader", "Producer", "Consumer", "BufferFull", "JsonCodec"):
        assert name in names, name
    equal(sorted(names), sorted(set(aimdb.__all__)))
    for name in names:
        getattr(aimdb, name)


def test_the_ends_of_a_record_have_the_names_that_annotations_use():
    from aimdb import AimDb, Consumer, Mailbox, Producer, Record

    record = AimDb().configure("a", Mailbox())
    for name in (Producer, Consumer, Record):
        assert isinstance(record, name)


def test_what_finds_names_is_not_kept():
    equal([name for name in sys.modules if name == "aimdb.loading"], [])
    assert not hasattr(aimdb, "__loading__") and "loading" not in aimdb.__dict__


def loaded():
    return sorted([name for name in sys.modules if name.startswith("aimdb.")])


def test_help_shows_a_page_with_all_names_and_loads_nothing_for_good():
    before = loaded()
    page = str(aimdb.help)
    for word in ("db.configure(", "SpmcRing(n)", "JsonCodec", "SendDeadlock"):
        assert word in page, page
    assert max([len(line) for line in page.split("\n")]) < 80, page
    equal(repr(aimdb.help), page)
    assert aimdb.help in aimdb.__dict__.values()  # Which are what help(aimdb) shows.
    equal(loaded(), before)


def test_tab_shows_all_names_and_loads_no_module():
    by_default = aimdb.__getattr__
    before = loaded()

    def press_tab():
        # As MicroPython's line editor does, for each name that it knows and that has no underscore before it.
        for name in ("\n", " ", "*", "Signal", "help"):
            hasattr(aimdb, name)

    try:
        for _ in range(2):
            shown = printed(press_tab)
            for name in ("AimDb", "SpmcRing", "JsonCodec"):
                assert " %s " % name in shown, shown
            equal(shown.count("\n"), 1)
        equal(loaded(), before)
        equal(printed(lambda: dir(aimdb)), "")
    finally:
        aimdb.__getattr__ = by_default


def test_dir_and_what_asks_for_an_attribute_by_name_do_not_fail():
    by_default = aimdb.__getattr__
    try:
        assert "AimDb" in dir(aimdb)
        assert not hasattr(aimdb, "SpmcRng")
        from aimdb import PackedProducer

        equal(PackedProducer.__name__, "PackedProducer")
    finally:
        aimdb.__getattr__ = by_default


@newer
def test_all_names_are_found_after_dir():
    import aimdb_mqtt
    from aimdb import AimDb, Mailbox

    by_default = [each.__getattr__ for each in (aimdb, aimdb_mqtt)]
    try:
        dir(aimdb)
        from aimdb import Line, current, load, polling  # noqa: F401

        for package in (aimdb, aimdb_mqtt):
            dir(package)
            imported = {}
            exec("from %s import *" % package.__name__, imported)
            assert "StructCodec" in imported, package
        db = AimDb()
        db.configure("a", Mailbox()).link_to("mqtt://host/a").link_from("mqtt://host/b")
        equal(db.mistakes, [])
    finally:
        aimdb.__getattr__, aimdb_mqtt.__getattr__ = by_default


def test_help_shows_little_after_dir():
    by_default = aimdb.__getattr__
    try:
        dir(aimdb)
        assert max([len(repr(value)) for value in aimdb.__dict__.values() if value is not aimdb.help]) < 200
    finally:
        aimdb.__getattr__ = by_default


@newer
def test_dir_of_a_record_and_of_a_database_shows_their_calls_and_loads_only_those():
    # dir() and the Tab key ask for each of some thousand names; to load a module for each takes a board minutes.
    made = aimdb.AimDb()
    record = made.configure("a", aimdb.Mailbox())
    classes = aimdb.AimDb, aimdb.Record
    by_default = [each.__getattr__ for each in classes]
    once = aimdb.db.once
    loads = []

    def counting(name, *package):
        loads.append(name)
        return once(name, *package)

    aimdb.db.once = counting
    try:
        of_database, of_record = dir(made), dir(record)
        assert len(loads) < 10, loads
        for name in ("configure", "producer", "produce_any", "run", "graph"):
            assert name in of_database, of_database
        for name in ("source", "tap", "produce", "link_to", "transform"):
            assert name in of_record, of_record
        with raises(AttributeError) as caught:
            made.produce_many  # noqa: B018
        assert "produce_any" in str(caught.error), caught.error
        equal(made.graph()["order"], ["a"])
    finally:
        aimdb.db.once = once
        for each, attribute in zip(classes, by_default):
            each.__getattr__ = attribute
