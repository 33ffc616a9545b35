"""`mip install`, as a user types it: from a web server on this machine to an emulated board."""

import functools
import http.server
import json
import os
import re
import subprocess
import sys
import threading
import urllib.request

import dist
import package
import pytest
from device_files import library_files
from emulated_pico import Board
from emulated_pico.filesystem import read_image
from package import ROOT
from pytest_micropython.files import find_tool

PROGRAM = """
import asyncio
from aimdb import AimDb, BoundedQueue
from aimdb_flash import FlashQueue, JsonCodec

db = AimDb()

async def source(producer):
    for number in range(3):
        await producer.produce_async(number)

async def tap(consumer):
    reader = consumer.subscribe()
    for _ in range(3):
        print("got", await reader.recv())

async def main():
    await db.run()
    queue = FlashQueue("/outbox.queue", JsonCodec())
    await queue.push_async({"celsius": 21})
    print(await queue.subscribe().recv())

db.configure("number", BoundedQueue(2)).source(source).tap(tap)
asyncio.run(main())
"""
PRINTED = "got 0\ngot 1\ngot 2\n{'celsius': 21}\n"


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """Serves a folder that has the sources in it, as a git host does, and the indexes; gives its port."""

    class Files(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    folder = tmp_path_factory.mktemp("served")
    (folder / "repository").symlink_to(ROOT)
    dist.write_index(folder / "mip", None)
    dist.write_index(folder / "mip", "armv6m")
    handler = functools.partial(Files, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def mip_install(board: Board, *arguments: str) -> str:
    command = [sys.executable, "-m", "mpremote", "connect", board.serve_pty(), "mip", "install", *arguments]
    result = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def files_below(board: Board, folder: str) -> dict[str, bytes]:
    return {"/" + path: data for path, data in read_image(board.filesystem()).items() if path.startswith(folder)}


def test_one_command_brings_a_package_from_the_repository_and_all_that_it_needs(served, tmp_path):
    # MicroPython's own mip, on the unix port: over an emulated serial line the sources take minutes.
    address = f"http://127.0.0.1:{served}/repository/lib/aimdb_flash.json"
    program = PROGRAM.replace("/outbox.queue", f"{tmp_path}/outbox.queue")
    code = f"import mip, sys; mip.install({address!r}, target={str(tmp_path)!r}); sys.path.insert(0, {str(tmp_path)!r})"
    command = [find_tool("micropython"), "-c", code + program]
    said = subprocess.run(
        command, capture_output=True, text=True, timeout=120, env={**os.environ, "MICROPYPATH": ".frozen"}
    )
    assert said.stdout.endswith("Done\n" + PRINTED), said.stdout + said.stderr


@pytest.mark.skipif(not os.environ.get("SOAK"), reason="takes minutes; SOAK=1 runs it")
def test_mpremote_brings_it_onto_a_board(served):
    with Board(paced=True) as board:
        mip_install(board, f"http://127.0.0.1:{served}/repository/lib/aimdb_flash.json")
        assert board.exec(PROGRAM, timeout=120) == PRINTED


def test_one_command_brings_a_package_from_an_index_as_native_code(served):
    with Board(paced=True) as board:
        mip_install(board, "--index", f"http://127.0.0.1:{served}/mip/armv6m", f"aimdb_flash@{package.version()}")
        assert board.exec(PROGRAM, timeout=120) == PRINTED
        # The same files as `make install` would bring.
        assert files_below(board, "lib") == library_files(["aimdb_flash"], "armv6m")


@pytest.mark.parametrize("name", package.package_names())
def test_an_index_has_bytecode_for_every_chip_and_the_sources(served, name):
    bytecode = {path.removeprefix("/lib/"): data for path, data in library_files([name], None).items()}
    assert files_of(served, "6", name) == {path: data for path, data in bytecode.items() if path.startswith(name + "/")}
    sources = {f"{path.relative_to(ROOT / 'lib')}": path.read_bytes() for path in package.sources_of(name)}
    assert files_of(served, "py", name) == sources


def files_of(served: int, form: str, name: str) -> dict[str, bytes]:
    """What mip would download of a package alone."""
    address = f"http://127.0.0.1:{served}/mip"
    with urllib.request.urlopen(f"{address}/package/{form}/{name}/latest.json") as answer:
        hashes = json.load(answer)["hashes"]
    files = {}
    for place, digits in hashes:
        with urllib.request.urlopen(f"{address}/file/{digits[:2]}/{digits}") as answer:
            files[place] = answer.read()
    return files


@pytest.mark.skipif(not os.environ.get("SOAK"), reason="takes a minute; SOAK=1 runs it")
def test_the_boards_own_mip_installs_from_an_index(served, wifi_board):
    index = f"http://10.0.0.1:{served}/mip/armv6m"
    said = wifi_board.exec(f"import mip; mip.install('aimdb', index={index!r}, target='/new')", timeout=300)
    assert said.endswith("Done\n")
    wanted = {path.replace("/lib/", "/new/"): data for path, data in library_files(["aimdb"], "armv6m").items()}
    assert files_below(wifi_board, "new") == wanted


def test_what_mip_reads_from_the_repository_is_up_to_date():
    assert not package.out_of_date(), "run `make package`"


def test_places_are_relative_so_that_each_tag_serves_its_own_files():
    for listing in [ROOT / "package.json", *(ROOT / "lib").glob("*.json")]:
        for place, url in json.loads(listing.read_text())["urls"]:
            assert (listing.parent / url).is_file() and ".." not in url
            assert place == (listing.parent / url).relative_to(ROOT / "lib").as_posix()


def test_the_changelog_has_the_version():
    assert f"## [{package.version()}] - " in (ROOT / "CHANGELOG.md").read_text()


@pytest.fixture
def tree(tmp_path):
    """A core of two files, and two packages on top of it."""
    for place, text in {
        "aimdb/__init__.py": '__version__ = "0.3.0"\n',
        "aimdb/inner/part.py": "",
        "aimdb_mqtt/__init__.py": "import aimdb\n",
        "aimdb_node/__init__.py": "from aimdb_mqtt import Broker\n",
    }.items():
        file = tmp_path / "lib" / place
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return tmp_path


def write_package_files(tree):
    for path, text in package.out_of_date(tree).items():
        path.write_text(text) if text is not None else path.unlink()
    assert not package.out_of_date(tree)


def test_a_new_package_is_found_by_itself_with_all_that_it_needs(tree):
    write_package_files(tree)
    assert json.loads((tree / "package.json").read_text()) == {
        "urls": [
            ["aimdb/__init__.py", "lib/aimdb/__init__.py"],
            ["aimdb/inner/part.py", "lib/aimdb/inner/part.py"],
        ],
        "version": "0.3.0",
    }
    assert json.loads((tree / "lib/aimdb_node.json").read_text())["urls"] == [
        ["aimdb_node/__init__.py", "aimdb_node/__init__.py"],
        ["aimdb/__init__.py", "aimdb/__init__.py"],
        ["aimdb/inner/part.py", "aimdb/inner/part.py"],
        ["aimdb_mqtt/__init__.py", "aimdb_mqtt/__init__.py"],
    ]


def test_an_index_declares_what_a_package_needs(tree, tmp_path):
    dist.write_index(tmp_path / "mip", None, tree)
    described = json.loads((tmp_path / "mip/package/6/aimdb_node/0.3.0.json").read_text())
    assert described["deps"] == [["aimdb", "0.3.0"], ["aimdb_mqtt", "0.3.0"]]
    assert described == json.loads((tmp_path / "mip/package/6/aimdb_node/latest.json").read_text())


def test_an_older_version_stays_in_an_index(tree, tmp_path):
    dist.write_index(tmp_path / "mip", None, tree)
    core = tree / "lib/aimdb/__init__.py"
    core.write_text(core.read_text().replace("0.3.0", "0.4.0"))
    dist.write_index(tmp_path / "mip", None, tree)
    folder = tmp_path / "mip/package/6/aimdb"
    assert json.loads((folder / "0.3.0.json").read_text())["version"] == "0.3.0"
    assert json.loads((folder / "latest.json").read_text())["version"] == "0.4.0"
    listed = {
        each["name"]: each["versions"] for each in json.loads((tmp_path / "mip/index.json").read_text())["packages"]
    }
    assert listed["aimdb"] == {"6": ["0.3.0", "0.4.0"], "py": ["0.3.0", "0.4.0"]}


@pytest.mark.parametrize("change", ["added", "removed", "package removed"])
def test_lists_are_out_of_date_when_a_file_comes_or_goes(tree, change):
    write_package_files(tree)
    core, node = tree / "package.json", tree / "lib/aimdb_node.json"
    if change == "added":
        (tree / "lib/aimdb/new.py").touch()
    elif change == "removed":
        (tree / "lib/aimdb/inner/part.py").unlink()
    else:
        (tree / "lib/aimdb_node/__init__.py").unlink()
    assert (node if change == "package removed" else core) in package.out_of_date(tree)
    write_package_files(tree)
    assert node.exists() == (change != "package removed")


def test_the_version_of_the_core_is_carried_everywhere(tree):
    (tree / "manifest.py").write_text('metadata(description="x", version="0.1.0")\n')
    (tree / "lib/aimdb_mqtt/__init__.py").write_text('import aimdb\n__version__ = "0.1.0"\n')
    write_package_files(tree)
    for file in [tree / "manifest.py", *(tree / "lib").glob("*/__init__.py"), *(tree / "lib").glob("*.json")]:
        assert set(re.findall(r"\d+\.\d+\.\d+", file.read_text())) <= {"0.3.0"}
