"""The reduced mode of the firmware, on the unix port: by its console, and by way of a broker."""

from __future__ import annotations

import base64
import json
import os
import random
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from mqtt_broker import Listener, LocalBroker, find_mosquitto, free_port
from pytest_micropython.files import find_tool
from time_server import TimeServer

ROOT = Path(__file__).parents[2]

# The folder is the flash of the board. This port has no WiFi: what is there instead is joined.
START = """
import asyncio, sys, vfs

class Flash:
    folder = vfs.VfsPosix("FOLDER")
    whole = vfs.VfsPosix()

    def __getattr__(self, name):
        return getattr(self.folder, name)

    def rename(self, old, new):  # With a folder, a VfsPosix has one place for both names.
        self.whole.rename("FOLDER" + old, "FOLDER" + new)

vfs.umount("/")
vfs.mount(Flash(), "/")
sys.path[:] = ["", ".frozen"]

class WLAN:
    def __init__(self, interface): pass
    def __getattr__(self, name): return lambda *_: True

class network:
    STA_IF = 0

network.WLAN = WLAN
sys.modules["network"] = network
BEFORE
import repair
from aimdb_node import Restart
try:
    asyncio.run(repair.main())
except Restart:
    print("restarted")
"""


# As on a board, it is not set until it is set.
CLOCK_OF_A_BOARD = """
import aimdb_node.clock as clock
known = {}
clock.set_rtc = lambda seconds: known.update(now=seconds)
clock.Clock.now = lambda clock: known.get("now", 0)
"""


class Node:
    """A node in reduced mode, in a folder that is its flash."""

    def __init__(self, folder: Path, network: dict | str | None = None, before: str = "") -> None:
        for source in (*(ROOT / "lib").glob("aimdb*"), *(ROOT / "firmware").glob("*.py")):
            if not (folder / source.name).exists():
                subprocess.run(["cp", "-r", source, folder / source.name], check=True)
        if network is not None:
            text = network if isinstance(network, str) else json.dumps(network)
            (folder / "network.json").write_bytes(text.encode(errors="surrogateescape"))
        command = [
            find_tool("micropython"),
            "-X",
            "heapsize=1m",
            "-c",
            START.replace("FOLDER", str(folder)).replace("BEFORE", before),
        ]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=folder
        )

    def typed(self, lines: bytes) -> str:
        """What it prints until the console ends, or a restart."""
        printed, _ = self.process.communicate(lines, timeout=30)
        return printed.decode()


@pytest.fixture
def node(tmp_path) -> Node:
    return Node(tmp_path)


def test_files_are_shown_written_renamed_and_removed_by_the_console(node, tmp_path) -> None:
    (tmp_path / "queue").mkdir()
    (tmp_path / "queue" / "00000001").write_bytes(b"broken")
    data = base64.b64encode(b"print('mended')\n").decode()
    printed = node.typed(
        f"append /new.py {data}\nappend /new.py {data}\nrename /new.py /other.py\n".encode()
        + b"files /queue\nremove /queue\nrestart\n"
    )
    assert "00000001 6" in printed and printed.endswith("restarted\n"), printed
    assert (tmp_path / "other.py").read_text() == "print('mended')\n" * 2
    assert not (tmp_path / "queue").exists()


def test_what_is_wrong_is_refused_or_has_failed_and_the_node_goes_on(node) -> None:
    printed = node.typed(b"remove queue\nremove /nothing\nappend /x !\n\xc3\n" + b"x" * 5000 + b"\nrestart\n")
    for answer in (
        "refused: a path begins with a slash",
        "failed: OSError(2,)",
        "refused: that is no base64",
        "refused: that is no text",
        "refused: a line has at most 400 bytes",
        "restarted",
    ):
        assert answer in printed, printed


@pytest.mark.parametrize("path", ["/", "//", "/.", "/aimdb/..", "/aimdb/../aimdb"])
def test_no_command_removes_all_files_at_once(node, tmp_path, path) -> None:
    printed = node.typed(f"remove {path}\nrename {path} /x\nrestart\n".encode())
    assert printed.count("refused: name a file or folder below /") == 2, printed
    assert (tmp_path / "main.py").exists() and (tmp_path / "aimdb").exists()


@pytest.mark.parametrize("text", ["YQ==YQ==", "YWJj!!!!"])
def test_base64_of_which_a_part_would_be_lost_is_refused(node, tmp_path, text) -> None:
    printed = node.typed(f"append /x {text}\nrestart\n".encode())
    assert "refused: that is no base64" in printed and not (tmp_path / "x").exists(), printed


def wrong(**settings) -> str:
    """Settings of which these are wrong."""
    return json.dumps({"ssid": "a", "password": "b", "broker": "mqtt://127.0.0.1:9"} | settings)


@pytest.mark.parametrize(
    "content",
    ["", "{", "null", "[]", '{"ssid": 5}', "[" * 3000, "\udcff", wrong(broker="c"), wrong(ssid=None), wrong(ntp=5)]
    + [wrong(broker="mqtt://127.0.0.1/topic"), wrong(broker="mqtts://127.0.0.1"), wrong(ntp=[5, 123])]
    + [wrong(ntp=["a", "123"]), wrong(ca="/missing"), wrong(ca=5), wrong(topic="+"), wrong(topic=7), wrong(topic="a/")],
)
def test_settings_of_the_network_that_are_damaged_leave_the_console(tmp_path, content) -> None:
    printed = Node(tmp_path, content).typed(b"files /\nrestart\n")
    assert "restarted" in printed and "network " in printed, printed


def test_a_certificate_that_is_not_there_is_named(tmp_path) -> None:
    printed = Node(tmp_path, wrong(ca="/broker.der")).typed(b"restart\n")
    assert "NONE: /broker.der cannot be read, which /network.json names: OSError(2,)" in printed, printed


def test_a_certificate_that_is_longer_than_the_memory_is_named(tmp_path) -> None:
    (tmp_path / "broker.der").write_bytes(bytes(2_000_000))
    printed = Node(tmp_path, wrong(ca="/broker.der", broker="mqtts://127.0.0.1:9")).typed(b"restart\n")
    assert "/network.json is wrong: " in printed and "no certificate" in printed, printed


@pytest.mark.parametrize("content", ['{"SSID": "a"}', "[]", "5", wrong(password=5)])
def test_what_is_missing_in_the_settings_of_the_network_is_told(tmp_path, content) -> None:
    assert "/network.json is to have ssid, password and broker, as text" in Node(tmp_path, content).typed(b"restart\n")


@pytest.mark.parametrize("ntp", [None, "pool.ntp.org", [], ["pool.ntp.org", 123, 0]])
def test_what_is_no_time_server_is_named(tmp_path, ntp) -> None:
    assert "ntp is an address and a port, not " in Node(tmp_path, wrong(ntp=ntp)).typed(b"restart\n")


@pytest.mark.parametrize("ca", [None, 5, {}])
def test_what_is_no_path_of_a_certificate_is_named(tmp_path, ca) -> None:
    assert "ca is the path of a certificate, not " in Node(tmp_path, wrong(ca=ca)).typed(b"restart\n")


def test_a_broker_with_tls_and_no_certificate_is_told_by_the_name_that_is_missing(tmp_path) -> None:
    printed = Node(tmp_path, wrong(broker="mqtts://127.0.0.1:9")).typed(b"restart\n")
    assert "/network.json is wrong: TypeError('ca is the path of a certificate, not None',)" in printed, printed


def test_settings_of_the_network_that_are_longer_than_the_memory_are_none(tmp_path) -> None:
    before = "import telemetry\nprint('settings', telemetry.settings())"
    printed = Node(tmp_path, wrong(ssid="x" * 2_000_000), before).typed(b"restart\n")
    assert "settings {}" in printed and "/network.json is damaged" in printed, printed


def test_a_board_without_a_network_does_the_rest_of_its_work(tmp_path) -> None:
    (tmp_path / "socket.py").write_text("raise ImportError(\"no module named 'socket'\")")  # As on a Pico.
    before = "import aimdb, telemetry\ntelemetry.connect(aimdb.AimDb(), None)('answer', 'by its console')"
    printed = Node(tmp_path, wrong(), before).typed(b"restart\n")
    assert "NONE: this board has no network: " in printed and "by its console" in printed, printed


def test_a_folder_in_place_of_the_settings_of_the_network_is_told(tmp_path) -> None:
    (tmp_path / "network.json").mkdir()
    printed = Node(tmp_path).typed(b"restart\n")
    assert "/network.json cannot be read" in printed and "there is no /network.json" not in printed, printed


def test_a_board_without_aimx_that_is_to_serve_it_does_the_rest_of_its_work(tmp_path) -> None:
    (tmp_path / "aimdb_aimx").mkdir()  # Nothing is in it.
    code = "import aimdb, telemetry\ndb = aimdb.AimDb()\ndb.configure('journal', aimdb.SpmcRing(1))\n"
    code += "telemetry.connect(db, print, 'journal')('answer', 'by its console')"
    printed = Node(tmp_path, wrong(aimx={"tcp": 7433}), code).typed(b"restart\n")
    assert "NOT SERVED: this board has no AimX: " in printed and "by its console" in printed, printed


def test_options_for_aimx_that_are_none_are_told(tmp_path) -> None:
    # The server's record has its key from the firmware; a second one would keep the application from starting.
    code = "import aimdb, telemetry\nkey = {'tcp': 7433, 'anyone': 'read', 'key': 'wifi'}\n"
    code += "for options in (5, None, 'x', [1], {'tcp': 'x'}, {'no': 1}, {'': 1}, key):\n"
    printed = Node(tmp_path, before=code + "    telemetry.serve(aimdb.AimDb(), options)").typed(b"restart\n")
    assert printed.count("NOT SERVED") == 8, printed


def test_the_token_for_aimx_is_not_shown(tmp_path) -> None:
    code = "import aimdb, telemetry\nfor options in ({'tcp': 7433, 'token': 'hush'}, {'token': 'hush', 'tcp': 'x'}):\n"
    printed = Node(tmp_path, before=code + "    telemetry.serve(aimdb.AimDb(), options)").typed(b"restart\n")
    assert "are served at port 7433" in printed and "NOT SERVED" in printed and "hush" not in printed, printed


@pytest.mark.parametrize("content", ["{}", '"7"', "[", "-1", "536870911"])
def test_a_count_of_starts_that_is_damaged_begins_anew(tmp_path, content) -> None:
    (tmp_path / "starts.json").write_text(content)
    node = Node(tmp_path, before="import journal\nprint('starts', journal.starts.peek())")
    assert "starts 1\n" in node.typed(b"restart\n")


def test_a_crash_that_the_flash_has_not_taken_is_told_too(tmp_path) -> None:
    (tmp_path / "crashes.txt.new").mkdir()
    before = "import report\nreport.book.note(ValueError('why'), 1)"
    printed = Node(tmp_path, before=before).typed(b"crash\nrestart\n")
    assert "/crashes.txt cannot be written" in printed and printed.count("ValueError: why") == 2, printed


def test_reduced_mode_says_why_it_began(tmp_path) -> None:
    printed = Node(tmp_path).typed(b"restart\n")
    assert "the node is in reduced mode, after: unknown; the last crash: none" in printed, printed


def test_the_last_crash_is_told(tmp_path) -> None:
    (tmp_path / "crashes.txt").write_text("starts 4 crashes 20\nlast night\nValueError: why\n")
    assert "ValueError: why" in Node(tmp_path).typed(b"crash\nrestart\n")


@pytest.fixture
def network() -> Iterator[tuple[Listener, dict]]:
    with LocalBroker() as broker, Listener(broker.port, "node/answer") as listener:
        url = f"mqtt://127.0.0.1:{broker.port}"
        yield listener, {"ssid": "a", "password": "b", "broker": url, "ntp": ["127.0.0.1", 9]}


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.01)


def answer_to(listener: Listener, line: bytes, retain: bool = False) -> str:
    before = len(listener.messages)
    listener.publish("node/command", line, retain=retain)
    until(lambda: len(listener.messages) > before)
    return json.loads(listener.messages[-1][1])


def test_new_code_is_written_over_the_air(network, tmp_path) -> None:
    listener, settings = network
    node = Node(tmp_path, settings)
    until(lambda: listener.messages)
    code = os.urandom(1000)
    text = base64.b64encode(code).decode()
    for start in range(0, len(text), 300):
        assert answer_to(listener, f"append /new {text[start : start + 300]}".encode()) == "done"
    assert answer_to(listener, b"rename /new /node.py") == "done"
    assert (tmp_path / "node.py").read_bytes() == code
    listener.publish("node/command", b"restart")
    assert node.typed(b"").endswith("restarted\n")


def test_a_slash_behind_the_address_of_the_broker_is_of_no_topic(network, tmp_path) -> None:
    listener, settings = network
    settings["broker"] += "/"
    node = Node(tmp_path, settings)
    until(lambda: listener.messages)
    listener.publish("node/command", b"restart")
    assert node.typed(b"").endswith("restarted\n")


def test_a_node_of_several_has_topics_of_its_own(tmp_path) -> None:
    with LocalBroker() as broker, Listener(broker.port, "#") as listener:
        settings = {"ssid": "a", "password": "b", "broker": f"mqtt://127.0.0.1:{broker.port}", "topic": "plant/node7"}
        node = Node(tmp_path, settings)
        until(lambda: listener.payloads("plant/node7/answer"))
        listener.publish("node/command", b"restart")  # For another one.
        listener.publish("plant/node7/command", b"files /nowhere")
        until(lambda: b"failed" in listener.payloads("plant/node7/answer")[-1])
        listener.publish("plant/node7/command", b"restart")
        assert node.typed(b"").endswith("restarted\n") and not listener.payloads("node/answer")


def test_three_hundred_messages_of_garbage_are_refused_over_the_air(network, tmp_path) -> None:
    listener, settings = network
    node = Node(tmp_path, settings)
    until(lambda: listener.messages)
    garbage = random.Random(16)
    kinds = (b"5", b"null", b"\xc3", b"interval 9999999999", b'{"a":', b"[]", b'"', b"x" * 500, b" ")
    for number in range(300):
        line = garbage.choice(kinds) if number % 2 else garbage.randbytes(garbage.randrange(1, 80))
        assert answer_to(listener, line).startswith("refused: "), line
    assert answer_to(listener, b"crash") == "none"
    node.process.kill()
    node.typed(b"")


@pytest.mark.parametrize("line", [b"\xff\xfe", b"restart"])
def test_a_retained_command_is_passed_over_at_each_start(network, tmp_path, line) -> None:
    listener, settings = network
    listener.publish("node/command", line, retain=True)
    for _ in range(2):
        node = Node(tmp_path, settings)
        until(lambda: listener.messages)
        time.sleep(0.3)
        assert answer_to(listener, b"crash") == "none"
        listener.publish("node/command", b"restart")
        assert "the broker had kept it" in node.typed(b"")
        listener.messages.clear()


@pytest.fixture
def tls_network() -> Iterator[tuple[TimeServer, Listener, dict, bytes]]:
    """A broker with a port for TLS and one without, and its certificate."""
    make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=127.0.0.1"
    with tempfile.TemporaryDirectory() as name, TimeServer() as server:
        folder = Path(name)
        key, certificate = folder / "key.pem", folder / "certificate.pem"
        subprocess.run([*make.split(), "-keyout", key, "-out", certificate], check=True, capture_output=True)
        folder.chmod(0o755)
        key.chmod(0o644)
        port = free_port()
        settings = f"allow_anonymous true\nlistener {port} 127.0.0.1\ncertfile {certificate}\nkeyfile {key}"
        with LocalBroker("mosquitto", settings) as broker, Listener(broker.port, "node/answer") as listener:
            url = f"mqtts://127.0.0.1:{port}"
            found = {"ssid": "a", "password": "b", "broker": url, "ca": "/ca", "ntp": ["127.0.0.1", server.port]}
            yield server, listener, found, certificate.read_bytes()


@pytest.mark.skipif(not find_mosquitto(), reason="mosquitto is not installed: apt install mosquitto")
def test_with_tls_a_node_connects_once_the_clock_is_set_and_then_obeys(tls_network, tmp_path) -> None:
    server, listener, settings, certificate = tls_network
    (tmp_path / "ca").write_bytes(certificate)
    node = Node(tmp_path, settings, CLOCK_OF_A_BOARD)
    until(lambda: listener.messages)
    assert answer_to(listener, b"crash") == "none"
    listener.publish("node/command", b"restart")
    printed = node.typed(b"")
    assert server.asked
    assert printed.index("clock     set") < printed.index("network   connected"), printed
