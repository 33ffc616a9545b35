"""`db.graph()`: a program as data, in AimDB's shapes."""

import sys

import aimdb
from aimdb import AimDb, BoundedQueue, Buffer, Mailbox, SingleLatest, SpmcRing
from harness import equal, raises


class Package:
    """Stands where an imported package would."""

    @staticmethod
    def link_to(record, url):
        return stage

    link_from = link_to


async def stage(*_):
    pass


def same(value):
    return value


def node(db, key):
    (found,) = [node for node in db.graph()["nodes"] if node["key"] == key]
    return found


def edges(db):
    return [(edge["from"], edge["to"], edge["edge_type"]) for edge in db.graph()["edges"]]


def test_a_node_has_the_fields_that_aimdb_gives_it():
    db = AimDb()
    db.configure("t", SpmcRing(16)).source(stage).tap(stage).tap(stage)
    equal(
        db.graph()["nodes"],
        [
            {
                "key": "t",
                "origin": "source",
                "buffer_type": "spmc_ring",
                "buffer_capacity": 16,
                "tap_count": 2,
                "has_outbound_link": False,
            }
        ],
    )


def test_the_kind_of_buffer_has_aimdbs_name():
    class Setting(SingleLatest):
        pass

    class RawLog(Buffer):
        pass

    class Log2(RawLog):
        capacity = 5

    db = AimDb()
    for buffer, kind, capacity in (
        (SpmcRing(4), "spmc_ring", 4),
        (SingleLatest(), "single_latest", None),
        (Mailbox(), "mailbox", None),
        (BoundedQueue(3), "bounded_queue", 3),
        (Setting(), "single_latest", None),
        (RawLog(), "raw_log", None),
        (Log2(), "log2", 5),
        (None, "none", None),
    ):
        key = "%d" % id(buffer)
        db.configure(key, buffer)
        found = node(db, key)
        equal((found["buffer_type"], found["buffer_capacity"]), (kind, capacity))


def test_origins_and_edges_are_those_of_aimdb():
    sys.modules["aimdb_demo"] = Package
    db = AimDb()
    db.configure("a", SpmcRing(4)).source(stage).tap(stage).link_to("demo://me:secret@host/x/y")
    db.configure("b", SpmcRing(4)).link_from("demo://me:secret@host/b")
    db.configure("c", SpmcRing(4)).transform("a", same)
    db.configure("d", SpmcRing(4)).transform_join(("a", "c"), stage).tap(stage).tap(stage)
    db.configure("e", Mailbox())
    equal(
        [node(db, key)["origin"] for key in "abcde"],
        [
            "source",
            {"link": {"protocol": "demo", "address": "host/b"}},
            {"transform": {"input": "a"}},
            {"transform_join": {"inputs": ["a", "c"]}},
            "passive",
        ],
    )
    equal([node(db, key)["has_outbound_link"] for key in "abcde"], [True, False, False, False, False])
    equal(
        edges(db),
        [
            (None, "a", "source"),
            ("a", None, {"tap": {"index": 0}}),
            ("a", None, {"link_out": {"protocol": "demo"}}),
            (None, "b", {"link": {"protocol": "demo"}}),
            ("a", "c", "transform"),
            ("a", "d", "transform_join"),
            ("c", "d", "transform_join"),
            ("d", None, {"tap": {"index": 0}}),
            ("d", None, {"tap": {"index": 1}}),
        ],
    )


def test_in_the_order_a_record_comes_after_its_inputs():
    db = AimDb()
    db.configure("d", Mailbox()).transform_join(("c", "b"), stage)
    db.configure("c", Mailbox()).transform("b", same)
    db.configure("b", Mailbox()).transform("a", same)
    db.configure("a", Mailbox())
    equal(db.graph()["order"], ["a", "b", "c", "d"])


async def test_it_is_the_same_while_the_program_runs():
    graphs = []

    async def look(consumer):
        graphs.append(db.graph())

    db = AimDb()
    db.configure("a", Mailbox()).tap(look)
    before = db.graph()
    await db.run()
    equal(graphs, [before])


def test_a_program_with_mistakes_has_a_graph_too():
    db = AimDb()
    db.configure("a", Mailbox()).transform("b", same).source(stage)
    db.configure("b").transform_join(("a", "unknown"), stage)
    equal(sorted(db.graph()["order"]), ["a", "b"])
    equal(len(edges(db)), 4)


def test_it_can_be_sent_as_json():
    import json

    db = AimDb()
    db.configure("a", SpmcRing(4)).source(stage)
    db.configure("b", SpmcRing(4)).transform_join(("a",), stage)
    equal(json.loads(json.dumps(db.graph())), db.graph())


def test_a_capacity_that_is_no_number_of_values_is_none():
    db = AimDb()
    for capacity in ("many", 1.5, float("inf"), -1, True):
        buffer = Buffer()
        buffer.capacity = capacity
        db.configure("record %r" % capacity, buffer)
    equal([node["buffer_capacity"] for node in db.graph()["nodes"]], [None] * 5)


def test_a_capacity_that_raises_is_none():
    class Far(Buffer):
        @property
        def capacity(self):
            raise OSError(5)

    db = AimDb()
    db.configure("far", Far())
    equal(db.graph()["nodes"][0]["buffer_capacity"], None)


def test_an_attribute_that_there_is_not_is_named():
    with raises(AttributeError) as caught:
        AimDb().graphs()
    assert "AimDb" in str(caught.error) and "graphs" in str(caught.error), caught.error


def test_what_draws_it_is_not_kept():
    AimDb().graph()
    for name in "graph", "registrar", "db_calls", "computing":
        assert "aimdb." + name not in sys.modules and name not in aimdb.__dict__, name
