"""Links: the scheme of a URL finds the package, by name."""

import builtins
import os
import sys

from aimdb import AimDb, InvalidConfiguration, Mailbox, SpmcRing
from harness import equal, raises


class Package:
    """Stands where an imported package would."""

    def __init__(self):
        self.links = []
        self.ran = []

    def link_to(self, record, url, qos=0):
        if "?" in url:
            raise ValueError("no query, please")
        self.links.append((record, url, qos))

        async def stage(record):
            self.ran.append(record)

        return stage


def installed(name):
    sys.modules[name] = package = Package()
    return package


async def mistake_of(db):
    with raises(InvalidConfiguration) as caught:
        await db.run()
    (mistake,) = caught.error.errors
    return mistake


async def test_the_scheme_finds_the_package():
    package = installed("aimdb_demo")
    db = AimDb()
    record = db.configure("a", SpmcRing(2)).link_to("demo://host/x", qos=1)
    assert record is db.configure("a")
    await db.run()
    equal(package.links, [(record, "demo://host/x", 1)])
    equal(package.ran, [record])


async def test_a_scheme_with_tls_finds_the_package_of_the_one_without():
    package = installed("aimdb_demo")
    db = AimDb()
    db.configure("a", SpmcRing(2)).link_to("DEMOS://host/x")
    await db.run()
    equal(len(package.ran), 1)


async def test_a_scheme_that_ends_in_s_finds_its_own_package_first():
    installed("aimdb_demo")
    package = installed("aimdb_demos")
    db = AimDb()
    db.configure("a", SpmcRing(2)).link_to("demos://host/x")
    await db.run()
    del sys.modules["aimdb_demos"]
    equal(len(package.ran), 1)


async def test_several_links_may_feed_a_record_and_no_source_beside_them():
    async def source(producer):
        pass

    installed("aimdb_demo").link_from = Package().link_to
    for url in ("demo://host/x", "demo://host/y"):
        db = AimDb()
        db.configure("a", SpmcRing(2)).link_from("demo://host/x").link_from(url)
        await db.run()
    for first in (True, False):
        db = AimDb()
        record = db.configure("a", SpmcRing(2))
        if first:
            record.source(source)
        record.link_from("demo://host/x")
        if not first:
            record.source(source)
        mistake = await mistake_of(db)
        assert mistake.startswith("record 'a' has a ") and "one task writes a record" in mistake, mistake


async def test_each_of_two_links_beside_a_source_is_a_mistake():
    async def source(producer):
        pass

    installed("aimdb_demo").link_from = Package().link_to
    db = AimDb()
    db.configure("a", SpmcRing(2)).source(source).link_from("demo://host/x").link_from("demo://host/y")
    with raises(InvalidConfiguration) as caught:
        await db.run()
    equal(len(caught.error.errors), 2)
    for mistake in caught.error.errors:
        assert "beside its source" in mistake, mistake


async def test_a_package_that_is_not_there_is_named():
    db = AimDb()
    db.configure("temperature", Mailbox()).link_from("nowhere://host/x")
    mistake = await mistake_of(db)
    assert "temperature" in mistake and "nowhere://" in mistake and "aimdb_nowhere" in mistake, mistake


async def test_a_package_without_links_in_that_direction_is_named():
    installed("aimdb_demo")
    db = AimDb()
    db.configure("temperature", Mailbox()).link_from("demo://host/x")
    mistake = await mistake_of(db)
    assert "temperature" in mistake and "aimdb_demo" in mistake and "link_from" in mistake, mistake


async def test_what_the_package_refuses_is_told_with_its_reason():
    installed("aimdb_demo")
    for url, options, reason in (("demo://host?x", {}, "no query, please"), ("demo://host", {"speed": 1}, "argument")):
        db = AimDb()
        db.configure("temperature", Mailbox()).link_to(url, **options)
        mistake = await mistake_of(db)
        assert "temperature" in mistake and "demo://" in mistake and reason in mistake, mistake


async def test_what_is_no_url_is_told():
    for url in (5, None, "", "host/x", "://x", "../x://y", "a.b://c"):
        db = AimDb()
        db.configure("temperature", Mailbox()).link_to(url)
        mistake = await mistake_of(db)
        assert "temperature" in mistake and "link_to" in mistake, mistake


async def test_a_package_that_cannot_be_imported_here_is_told_with_the_reason():
    for number, text in enumerate(("import no_network_here", "def __getattr__(name):\n    import no_network_here")):
        name = "aimdb_broken" + "ab"[number]
        with open(name + ".py", "w") as file:
            file.write(text)
        sys.path.insert(0, os.getcwd())
        try:
            db = AimDb()
            db.configure("temperature", Mailbox()).link_from(name[6:] + "://host/x")
            mistake = await mistake_of(db)
        finally:
            sys.path.pop(0)
            os.remove(name + ".py")
        assert "no_network_here" in mistake and name + ", which cannot be imported here" in mistake, mistake


async def test_a_package_that_is_not_there_is_not_told_to_be_broken():
    db = AimDb()
    db.configure("temperature", Mailbox()).link_from("nowheres://host/x")
    mistake = await mistake_of(db)
    assert "needs the package aimdb_nowheres, which is not installed; AimDB's own are aimdb_mqtt and" in mistake, (
        mistake
    )


async def test_a_link_by_tls_without_its_package_names_the_one_without_the_s():
    stock_import = builtins.__import__

    def without_mqtt(name, *arguments):
        if name.startswith("aimdb_mqtt"):
            raise ImportError("no module named '%s'" % name)
        return stock_import(name, *arguments)

    db = AimDb()
    builtins.__import__ = without_mqtt
    try:
        db.configure("temperature", Mailbox()).link_from("mqtts://host/x")
    finally:
        builtins.__import__ = stock_import
    mistake = await mistake_of(db)
    assert "needs the package aimdb_mqtt, which is not installed" in mistake, mistake
