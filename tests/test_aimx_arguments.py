"""What is wrong with a URL or an argument is said in words, where it is given."""

from aimdb import AimDb, BoundedQueue, InvalidConfiguration, SingleLatest
from aimdb_conformance.support import raises, raises_async
from harness import equal, skip, target

if target != "unix":
    skip("a computer tells as much")

from aimdb_aimx import AimxRecord, Hub
from aimdb_aimx.dialling import parts_of
from aimdb_aimx.hub import hubs


def link(direction, url, **options):
    import aimdb_aimx

    hubs.clear()
    return getattr(aimdb_aimx, direction)(AimDb().configure("n", SingleLatest()), url, **options)


def test_a_url_has_host_port_token_and_key():
    equal(parts_of("aimx://hub")[:4], ("aimx://hub:7433", False, "hub", 7433))
    equal(parts_of("AIMX://Hub.local:1/a.b/c")[2:], ("hub.local", 1, None, None, "a.b/c"))
    equal(parts_of("aimxs://tok%40en@[::1]:5/k")[1:], (True, "::1", 5, "tok@en", None, "k"))


def test_urls_that_are_wrong_are_refused_without_showing_them():
    for url in (
        "",
        "mqtt://hub/k",
        "aimx:/hub/k",
        "aimx:///k",
        "aimx://hub:0/k",
        "aimx://hub:x/k",
        "aimx://user:secret@hub/k",
        "aimx://hub",
        "aimx://hub/",
        "aimx://hub/plant.#",
        "aimx://hub/\ud800",
        "aimx://hub/*",
        'aimx://hub/a"b',
        "aimx://hub/a\\b",
        "aimx://hub/a\nb",
    ):
        for direction in ("link_to", "link_from"):
            error = raises(ValueError, link, direction, url)
            assert "secret" not in str(error), error
        raises(ValueError, AimxRecord, url)
    raises(TypeError, AimxRecord, 7)
    raises(ValueError, Hub, "aimx://hub/key")
    hubs.clear()


def test_arguments_that_are_wrong_are_named_with_their_range():
    for options, kind, word in (
        ({"in_flight": 0}, ValueError, "in_flight"),
        ({"in_flight": "8"}, TypeError, "in_flight"),
        ({"timeout_ms": 0}, ValueError, "timeout_ms"),
        ({"retry_ms": 5}, TypeError, "retry_ms"),
        ({"retry_ms": (9, 5)}, ValueError, "retry_ms"),
        ({"keepalive_s": -1}, ValueError, "keepalive_s"),
        ({"max_frame": 10}, ValueError, "max_frame"),
        ({"token": 5}, TypeError, "token"),
        ({"token": ""}, TypeError, "token"),
        ({"token": "\ud800"}, ValueError, "a token has no half of a surrogate pair"),
        ({"codec": 5}, TypeError, "codec"),
        ({"codec": ""}, TypeError, "codec"),
        ({"capacity": 0}, ValueError, "capacity"),
        ({"hub": 5}, TypeError, "hub"),
    ):
        if word in ("codec", "capacity", "hub"):
            error = raises(kind, lambda: link("link_from", "aimx://hub/k", **options))
        else:
            error = raises(kind, lambda: Hub("aimx://hub", **options))
        assert word in str(error), error
    error = raises(TypeError, lambda: link("link_to", "aimx://hub/k", newest="newest"))
    equal(str(error), "newest is True or False, not 'newest'")
    raises(ValueError, Hub, "aimx://%ED%A0%80@hub")
    raises(TypeError, Hub, "aimxs://hub")
    raises(ValueError, lambda: Hub("aimxs://hub", tls=b"none"))
    hubs.clear()


def test_a_hub_is_made_before_the_links_that_use_it():
    record = AimxRecord("aimx://hub/a")
    assert AimxRecord("aimx://hub:7433/b").hub is record.hub
    raises(ValueError, Hub, "aimx://hub")
    hubs.clear()


async def test_all_mistakes_of_a_configuration_are_told_at_once():
    db = AimDb()
    db.configure("a", SingleLatest()).link_to("aimx://hub/")
    db.configure("b", SingleLatest()).link_from("aimx://hub:99999/k")
    db.configure("c", BoundedQueue(1)).link_to("aimx://hub/x").link_from("aimx://hub/x")
    db.configure("d", AimxRecord("aimx://hub/y")).link_to("aimx://hub/y")
    error = await raises_async(InvalidConfiguration, db.run())
    equal(len(error.errors), 4)
    for key, word in (("a", "names no record"), ("b", "port"), ("c", "without end"), ("d", "without end")):
        assert [text for text in error.errors if repr(key) in str(text) and word in str(text)], (key, error.errors)
    hubs.clear()
