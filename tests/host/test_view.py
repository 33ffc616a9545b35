"""The view of a running node, beside a node on the unix port."""

import asyncio
import contextlib
import json
import socket
import struct
import threading
import time

import pytest
from aimx_connection import AimxClient, AimxError, Refused, dial
from mqtt_broker import free_port
from textual.widgets import DataTable, Input, Static
from unix_node import start_node, wait_until_served
from view import View, main, take_picture
from view_records import Row, drawn, number_in, origin_named, shortened

NODE = """
import asyncio, sys
from aimdb import AimDb, BoundedQueue, SingleLatest, SpmcRing
from aimdb_aimx import AimxServer

async def sensor(producer):
    while True:
        producer.produce({"celsius": 21})
        await asyncio.sleep_ms(10)

async def slow(consumer):
    async for _ in consumer.subscribe():
        await asyncio.sleep_ms(100)

async def work(producer):
    while True:
        producer.produce(1)
        await asyncio.sleep_ms(10)

db = AimDb(profile=True)
db.configure("samples", SpmcRing(4)).source(sensor).tap(slow).remote()
db.configure("work[/]", BoundedQueue(4)).source(work).remote()
db.configure("interval", SingleLatest()).remote(write=True)
db.producer("interval").produce(25)
AimxServer(db, tcp=PORT, token="secret")
asyncio.run(db.run())
"""


MANY = """
import asyncio
from aimdb import AimDb, SingleLatest
from aimdb_aimx import AimxServer

db = AimDb()
for number in range(320):
    db.configure("record%03d" % number, SingleLatest()).remote().produce(number)
AimxServer(db, tcp=PORT, token="secret")
asyncio.run(db.run())
"""


class Node:
    """A program, on the unix port."""

    def __init__(self, program=NODE):
        self.port = free_port()
        self.url = f"tcp://127.0.0.1:{self.port}"
        self._program = program
        self._process = None

    def start(self):
        self._process = start_node(self._program.replace("PORT", str(self.port)))
        wait_until_served(self._process, self.port)
        return self

    def kill(self):
        self._process.kill()
        self._process.wait()

    def client(self):
        return AimxClient(dial(self.url))


@pytest.fixture(scope="module")
def node():
    node = Node().start()
    yield node
    node.kill()


@pytest.fixture(scope="module")
def node_of_many():
    node = Node(MANY).start()
    yield node
    node.kill()


@contextlib.contextmanager
def answering(*frames):
    """A URL at which somebody answers each frame that comes by these; NUMBER in them stands for 1, then 2, 3 …"""

    def serve():
        peer, _ = server.accept()
        with peer, peer.makefile("rb") as stream:
            number = 0
            while head := stream.read(4):
                stream.read(struct.unpack(">I", head)[0])
                number += 1
                for frame in frames:
                    data = frame.replace(b"NUMBER", b"%d" % number)
                    peer.sendall(struct.pack(">I", len(data)) + data)

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, daemon=True).start()
        yield f"tcp://127.0.0.1:{server.getsockname()[1]}"


def view_at(url):
    return View(url, lambda: AimxClient(dial(url)), None, every=0.1)


def view_of(node, token="secret"):
    return View(node.url, node.client, token, every=0.1)


async def until(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


def state_of(view):
    return str(view.query_one("#state", Static).render())


def tried(view, steps):
    """Run the view unseen, and await `steps(pilot)`."""

    async def run():
        async with view.run_test(size=(124, 30), notifications=True) as pilot:
            await steps(pilot)

    asyncio.run(run())


def test_it_shows_rate_held_dropped_lag_and_newest_value_of_each_record(node):
    view = view_of(node)

    async def look(pilot):
        await until(lambda: view.records.rows)
        rows = view.records.rows
        await until(lambda: rows["work[/]"].dropped and rows["samples"].lag and rows["samples"].rate)
        assert (rows["work[/]"].held, rows["work[/]"].capacity, rows["work[/]"].lag) == (4, 4, None)
        assert rows["samples"].dropped is None
        assert rows["samples"].value == {"celsius": 21}
        assert rows["samples"].rate > 1
        assert view.query_one("#records", DataTable).row_count == 3

    tried(view, look)


def test_a_node_that_lets_nobody_see_a_record_is_told_of():
    node = Node(MANY.replace(".remote()", "")).start()

    async def look(pilot):
        await until(lambda: "no records, only those with a .remote() are seen" in state_of(pilot.app))

    try:
        tried(view_of(node), look)
    finally:
        node.kill()


def test_each_of_many_records_is_shown_with_its_counters_and_its_value(node_of_many):
    view = view_of(node_of_many)

    async def look(pilot):
        await until(lambda: view.records.rows)
        rows = view.records.rows
        assert sorted(rows) == [f"record{number:03}" for number in range(320)]
        assert {row.produced for row in rows.values()} == {1}
        assert [rows[key].value for key in sorted(rows)] == list(range(320))

    tried(view, look)


def test_all_of_many_records_are_reached_by_keys(node_of_many):
    view = view_of(node_of_many)

    async def look(pilot):
        await until(lambda: view.records.rows)
        table = view.query_one("#records", DataTable)
        for key, row in (("end", 319), ("up", 318), ("home", 0), ("down", 1)):
            await pilot.press(key)
            assert table.cursor_row == row
            assert table.scroll_offset.y <= row < table.scroll_offset.y + table.size.height

    tried(view, look)


@pytest.mark.parametrize("key", ["home", "end"])
def test_a_new_look_leaves_the_table_where_it_was_scrolled_to(node_of_many, key):
    view = view_of(node_of_many)

    async def look(pilot):
        await until(lambda: view.records.rows)
        table = view.query_one("#records", DataTable)
        await pilot.press(key)
        table.scroll_to(y=150, animate=False, immediate=True)
        before = view.records.rows["record000"]._asked
        await until(lambda: view.records.rows["record000"]._asked > before)
        await pilot.pause()
        assert table.scroll_offset.y == 150

    tried(view, look)


def test_a_writable_record_is_set_by_a_key(node):
    view = view_of(node)

    async def write(pilot):
        await until(lambda: view.records.rows)  # The first row is `interval`.
        await pilot.press("w")
        view.screen.query_one(Input).value = "30"
        await pilot.press("enter")
        await until(lambda: view.records.rows["interval"].value == 30)

    tried(view, write)


def test_a_value_that_is_no_json_is_told(node):
    view = view_of(node)

    async def write(pilot):
        await until(lambda: view.records.rows)
        await pilot.press("w")
        view.screen.query_one(Input).value = "NaN"
        await pilot.press("enter")
        await until(lambda: view.screen.query("Toast"))
        assert view.records.rows["interval"].value != "NaN"

    tried(view, write)


def test_an_answer_that_comes_as_it_ends_is_overlooked(node):
    view = view_of(node)

    async def end(pilot):
        await until(lambda: view.records.rows)
        view.workers.cancel_all()
        await view.screen.remove_children()
        view._take([], {}, 0, "late")

    tried(view, end)


def test_ctrl_c_ends_it_also_while_a_value_is_typed(node):
    view = view_of(node)

    async def leave(pilot):
        await until(lambda: view.records.rows)
        await pilot.press("w", "ctrl+c")
        await until(lambda: view.return_code == 0, 5)

    tried(view, leave)


def test_it_ends_at_once_though_an_answer_is_due():
    with answering() as url:
        began = time.monotonic()
        tried(view_at(url), lambda pilot: pilot.press("r"))
        assert time.monotonic() - began < 10


def test_what_answers_but_is_no_aimdb_is_told():
    with answering(b'{"t":"reply","id":NUMBER,"ok":[5]}') as url:
        view = view_at(url)
        tried(view, lambda pilot: until(lambda: "the next try is in" in state_of(view)))


def test_one_record_is_looked_at_alone(node):
    view = view_of(node)

    async def look(pilot):
        await until(lambda: view.records.rows)
        await pilot.press("down", "enter")
        await until(lambda: "samples: spmc_ring" in str(view.screen.query_one("#text", Static).render()))
        await pilot.press("escape")
        assert view.screen.query("#records")

    tried(view, look)


def test_all_of_a_long_value_is_reached_by_keys(node):
    view = view_of(node)

    async def look(pilot):
        await until(lambda: view.records.rows)
        await pilot.press("p")
        await asyncio.sleep(0.5)
        view.records.rows["interval"].see(list(range(60)))
        await pilot.press("enter")
        box = view.screen.query_one(".box")
        await until(lambda: box.max_scroll_y)
        await pilot.press("end")
        await until(lambda: box.scroll_offset.y == box.max_scroll_y)

    tried(view, look)


def test_it_sorts_and_pauses(node):
    view = view_of(node)

    async def press(pilot):
        await until(lambda: (view.records.rows.get("samples") or Row("")).lag)
        await pilot.press("s", "s", "s")
        assert "by lost" in state_of(view)
        assert view.records.sorted_by("lost")[-1].key == "interval"
        await pilot.press("p")
        await asyncio.sleep(0.5)
        before = view.records.rows["samples"].produced
        await asyncio.sleep(0.5)
        assert view.records.rows["samples"].produced == before
        assert "paused" in state_of(view)
        await pilot.press("p")
        await until(lambda: view.records.rows["samples"].produced > before)

    tried(view, press)


def test_a_lost_connection_is_told_and_made_anew():
    node = Node().start()
    view = view_of(node)

    async def lose(pilot):
        await until(lambda: view.records.rows)
        node.kill()
        await until(lambda: "the next try is in" in state_of(view))
        node.start()
        await until(lambda: "3 records" in state_of(view), 60)
        node.kill()

    tried(view, lose)


def test_a_connection_that_is_back_is_told_also_while_it_pauses():
    node = Node().start()
    view = view_of(node)

    async def lose(pilot):
        await until(lambda: view.records.rows)
        await pilot.press("p")
        node.kill()
        await until(lambda: "the next try is in" in state_of(view))
        node.start()
        await until(lambda: "the next try is in" not in state_of(view))
        node.kill()

    tried(view, lose)


@pytest.mark.parametrize(
    "url", ["http://foo", "10.0.0.7:7433", "tcp://10.0.0.7", "tcp://10.0.0.7:99999", "tcp://[::1:7433"]
)
def test_a_url_that_names_nothing_ends_it_at_once(url, capsys):
    assert main([url]) == 1
    assert url in capsys.readouterr().err


def test_all_of_why_a_port_cannot_be_opened_is_shown():
    view = view_at("serial:///dev/[nowhere]")

    async def look(pilot):
        await until(lambda: "could not open port /dev/[nowhere]" in state_of(view))
        assert state_of(view).count("serial://") == 1
        await until(lambda: view.query_one("#state", Static).size.height == 2)

    tried(view, look)


@pytest.mark.parametrize("token, why", [("wrong", "the token is wrong"), (None, "it wants a token")])
def test_a_token_that_is_wrong_or_missing_is_told(node, token, why):
    view = view_of(node, token=token)

    async def look(pilot):
        await until(lambda: f"hello: denied, as {why}" in state_of(view))

    tried(view, look)


def test_a_picture_of_it_is_written(node, tmp_path):
    file = tmp_path / "view.svg"
    assert take_picture(view_of(node), file, 5) == 0
    assert "interval" in (picture := file.read_text()) and "@font-face" not in picture


def test_a_picture_that_cannot_be_written_raises_why(node, tmp_path):
    with pytest.raises(FileNotFoundError):
        take_picture(view_of(node), tmp_path / "nowhere" / "view.svg", 0.5)


def test_a_pause_that_is_none_is_refused(capsys):
    for pause in ("0", "-1", "nan", "inf"):
        with pytest.raises(SystemExit):
            main(["tcp://127.0.0.1:7433", "--every", pause])
        assert "--every" in capsys.readouterr().err


def test_the_client_overlooks_frames_that_are_none():
    odd = b'{"t":"event","sub":1e999}', b'{"t":"event","sub":[]}', b'{"t":"reply","id":[]}', b"[" * 9000, b"\xff"
    with answering(*odd, b'{"t":"reply","id":NUMBER,"ok":5}') as url:
        client = AimxClient(dial(url))
        assert [client.call("a"), client.call("b")] == [5, 5]
        client.close()


@pytest.mark.parametrize("count", [0, 49, 50, 51, 120])
def test_the_client_gets_all_records_of_an_aimdb_that_gives_no_parts(count):
    entries = [{"record_key": f"record{number}"} for number in range(count)]
    with answering(b'{"t":"reply","id":NUMBER,"ok":%s}' % json.dumps(entries).encode()) as url:
        client = AimxClient(dial(url))
        assert client.records() == entries
        client.close()


def test_the_client_names_what_is_refused_and_what_is_not_there(node):
    client = node.client()
    client.hello("test", "secret")
    with pytest.raises(Refused) as info:
        client.call("record.get", {"name": "nowhere"})
    assert info.value.code == "not_found"
    client.ping()
    client.close()
    with pytest.raises(AimxError):
        client.call("record.list")
    for url in ("tcp://127.0.0.1:1", "http://127.0.0.1:80", "tcp://127.0.0.1", "serial:///dev/nowhere"):
        with pytest.raises(AimxError):
            dial(url)


def test_a_rate_goes_on_where_a_counter_of_the_board_begins_anew():
    row = Row("a")
    row.update({"buffer_type": "mailbox", "produced_count": (1 << 29) - 10}, now=1.0)
    row.update({"buffer_type": "mailbox", "produced_count": 10}, now=3.0)
    assert row.rate == 10


def test_a_curve_fits_between_its_lowest_and_its_highest_value():
    assert drawn([0, 7, 3.5]) == "▁█▅"
    assert drawn([5, 5]) == "▁▁"
    assert drawn([]) == ""


def test_the_number_of_a_value_is_the_first_in_it():
    assert number_in({"unit": "C", "celsius": 21.5}) == 21.5
    assert number_in([True, 3]) == 1
    assert number_in("text") is None


def test_a_number_beyond_what_a_curve_can_show_is_left_out():
    assert [number_in(value) for value in (10**400, -1e308, [1e308, 3])] == [None, None, 3]


def test_a_long_value_is_cut():
    assert shortened({"celsius": 21.123456}, 40) == '{"celsius":21.123}'
    assert len(shortened(json.dumps(list(range(100))), 30)) == 30


def test_an_origin_is_told_in_words():
    assert origin_named("source") == "source"
    assert origin_named({"transform": {"input": "t"}}) == "transform t"
    assert origin_named({"transform_join": {"inputs": ["a", "b"]}}) == "transform_join a, b"
