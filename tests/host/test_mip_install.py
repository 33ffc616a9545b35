"""`mpremote mip install`, as a user types it, from a web server on this machine to an emulated board."""

import functools
import http.server
import json
import subprocess
import sys
import threading

import package
import pytest
from emulator import Board

PROGRAM = """
import asyncio
from aimdb import AimDb, BoundedQueue

db = AimDb()

async def source(producer):
    for number in range(3):
        await producer.produce_async(number)

async def tap(consumer):
    reader = consumer.subscribe()
    for _ in range(3):
        print("got", await reader.recv())

db.configure("number", BoundedQueue(2)).source(source).tap(tap)
asyncio.run(db.run())
"""


@pytest.fixture
def address():
    """Serves the repository, as a git host does."""

    class Files(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    handler = functools.partial(Files, directory=package.ROOT)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


ON_TOP = """
import asyncio
from aimdb_flash import FlashQueue, JsonCodec
from aimdb_mqtt import MqttTopic

async def main():
    queue = FlashQueue("/outbox.queue", JsonCodec())
    await queue.push_async({"celsius": 21})
    print(await queue.subscribe().recv(), MqttTopic("mqtt://10.0.0.1/outbox").topic)

asyncio.run(main())
"""


def test_each_package_installs_with_one_command_and_runs(address):
    with Board(paced=True) as board:
        command = [sys.executable, "-m", "mpremote", "connect", board.serve_pty(), "mip", "install"]
        subprocess.run([*command, f"{address}/package.json"], check=True, capture_output=True, timeout=300)
        assert board.exec(PROGRAM, timeout=60) == "got 0\ngot 1\ngot 2\n"
        for folder in ("aimdb_flash", "aimdb_mqtt"):
            package_file = f"{address}/lib/{folder}/package.json"
            subprocess.run([*command, package_file], check=True, capture_output=True, timeout=300)
        assert board.exec(ON_TOP, timeout=120) == "{'celsius': 21} outbox\n"


def test_package_files_list_what_is_in_the_repository():
    assert not package.out_of_date(), "run `make package`"


@pytest.fixture
def tree(tmp_path):
    """A core of two files."""
    (tmp_path / "lib/aimdb/inner").mkdir(parents=True)
    (tmp_path / "lib/aimdb/__init__.py").touch()
    (tmp_path / "lib/aimdb/inner/part.py").touch()
    return tmp_path


def test_new_package_file_lists_the_core(tree):
    [(path, text)] = package.out_of_date(tree).items()
    assert path == tree / "package.json"
    assert json.loads(text) == {
        "urls": [
            ["aimdb/__init__.py", "lib/aimdb/__init__.py"],
            ["aimdb/inner/part.py", "lib/aimdb/inner/part.py"],
        ],
        "version": "0.1.0",
    }


@pytest.mark.parametrize("change", ["a file was added", "a file was removed"])
def test_package_file_is_out_of_date_when_a_file_comes_or_goes(tree, change):
    (tree / "package.json").write_text(package.text_for(tree / "package.json", tree))
    assert not package.out_of_date(tree)
    if change == "a file was added":
        (tree / "lib/aimdb/new.py").touch()
    else:
        (tree / "lib/aimdb/inner/part.py").unlink()
    assert list(package.out_of_date(tree)) == [tree / "package.json"]


def test_package_on_top_of_the_core_keeps_what_was_written_by_hand(tree):
    path = tree / "lib/aimdb_flash/package.json"
    path.parent.mkdir()
    path.with_name("__init__.py").touch()
    by_hand = {"version": "0.3.0", "deps": [["github:owner/repository", "main"]]}
    path.write_text(json.dumps({**by_hand, "urls": []}))
    assert json.loads(package.out_of_date(tree)[path]) == {
        **by_hand,
        "urls": [["aimdb_flash/__init__.py", "__init__.py"]],
    }
