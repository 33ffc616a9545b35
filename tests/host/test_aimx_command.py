"""Our own command line, beside a node on the unix port: what it says and returns when something is wrong."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import serial
from aimx_command import main
from aimx_connection import AimxClient, dial
from serial_cable import SerialCable
from unix_node import any_port, serving_node, start_node, wait_until_served

PROGRAM = Path(__file__).parents[2] / "tools" / "aimx" / "aimx_command.py"

NODE = """
import asyncio
from aimdb import AimDb, SingleLatest, SpmcRing, every
from aimdb_aimx import AimxServer

db = AimDb()
db.configure("counter", SpmcRing(4)).source(every(20, lambda: 5)).remote()
db.configure("setting", SingleLatest()).remote(write=True)
for number in range(200):
    db.configure("record%d" % number, SingleLatest()).remote()
AimxServer(db, tcp=PORT, anyone="write", serial=open(NEAR, "r+b", buffering=0))
asyncio.run(db.run())
"""


@pytest.fixture(scope="module")
def node() -> Iterator[tuple[str, str]]:
    """The URLs of a node: by TCP, and on a line."""
    with serving_node(NODE) as (port, line):
        yield f"tcp://127.0.0.1:{port}", f"serial://{line}"


@pytest.fixture
def mortal_node() -> Iterator[tuple[subprocess.Popen, SerialCable, str]]:
    """One of this test alone: its process, its line, its URL by TCP."""
    port = any_port()
    with SerialCable() as cable:
        process = start_node(NODE.replace("PORT", str(port)).replace("NEAR", repr(cable.near)))
        try:
            wait_until_served(process, port)
            yield process, cable, f"tcp://127.0.0.1:{port}"
        finally:
            process.kill()
            process.wait()


def started(url: str, *command: str, stdout: int = subprocess.PIPE) -> subprocess.Popen:
    arguments = [sys.executable, str(PROGRAM), "--connect", url, "--timeout", "2", *command]
    return subprocess.Popen(
        arguments,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        # Of a shell in the background it would inherit that Ctrl-C is ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def watching(url: str) -> subprocess.Popen:
    """A watch that has shown a value."""
    watch = started(url, "watch", "counter")
    assert watch.stdout.readline()
    return watch


def ended(process: subprocess.Popen) -> tuple[int, str]:
    """The exit status, and what it has said on stderr."""
    error = process.communicate(timeout=20)[1]
    return process.returncode, error


@pytest.mark.parametrize("command", [("watch", "counter"), ("record", "list")])
def test_it_ends_without_a_word_when_nobody_reads_its_output(node, command) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    process = started(node[0], *command, stdout=writer)
    os.close(writer)
    assert ended(process) == (141, "")


@pytest.mark.parametrize("command", [("watch", "counter"), ("record", "list"), ("record", "set", "setting", "1")])
def test_output_that_cannot_be_written_is_told(node, command) -> None:
    with open("/dev/full", "w") as full:
        status, error = ended(started(node[0], *command, stdout=full.fileno()))
    assert status == 1 and error.startswith("Error: the output cannot be written: ") and error.count("\n") == 1


@pytest.mark.parametrize("by_line", [False, True])
def test_a_watch_notices_a_node_that_no_longer_answers(mortal_node, by_line) -> None:
    process, cable, url = mortal_node
    watch = watching(f"serial://{cable.far}" if by_line else url)
    process.send_signal(signal.SIGSTOP)
    assert ended(watch) == (1, "Error: no answer to ping within 2 s\n")


def test_a_line_on_which_nobody_speaks_aimx_is_told_what_it_may_be() -> None:
    with SerialCable() as cable:
        status, error = ended(started(f"serial://{cable.far}", "record", "list"))
    assert (status, error.count("\n")) == (1, 1)
    assert error.startswith("Error: no answer to hello within 2 s; does the program serve AimX at this port? "), error
    assert "A board's console does not" in error


@pytest.mark.parametrize("interrupted", [False, True])
def test_a_watch_that_ends_leaves_a_line_that_is_quiet(node, interrupted) -> None:
    if interrupted:
        watch = watching(node[1])
        watch.send_signal(signal.SIGINT)
        assert ended(watch) == (130, "")
    else:
        assert ended(started(node[1], "watch", "counter", "-c", "1")) == (0, "")
    with serial.Serial(node[1].removeprefix("serial://"), timeout=0.5) as line:
        time.sleep(0.2)
        line.reset_input_buffer()
        assert line.read(1) == b""


def test_a_watch_of_a_record_without_values_goes_on(node) -> None:
    watch = started(node[0], "watch", "record1")
    with pytest.raises(subprocess.TimeoutExpired):
        watch.wait(5)
    watch.kill()
    watch.communicate()


def test_a_node_that_is_killed_is_told(mortal_node) -> None:
    process, _, url = mortal_node
    watch = watching(url)
    process.kill()
    assert ended(watch) == (1, "Error: the other side has closed the connection\n")


def test_a_line_that_is_unplugged_is_told(mortal_node) -> None:
    _, cable, _ = mortal_node
    watch = watching(f"serial://{cable.far}")
    cable.unplug()
    status, error = ended(watch)
    assert status == 1 and error.startswith("Error: the connection has ended: ") and error.count("\n") == 1


def test_a_line_that_is_in_use_is_told(node) -> None:
    watch = watching(node[1])
    status, error = ended(started(node[1], "record", "list"))
    watch.kill()
    watch.communicate()
    assert status == 1 and "lock" in error and error.count("\n") == 1


def test_a_line_is_free_as_soon_as_its_connection_is_closed() -> None:
    with SerialCable() as cable:
        for _ in range(10):
            client = AimxClient(dial(f"serial://{cable.far}"))
            time.sleep(0.01)  # Its reading begins.
            client.close()


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["record", "get"],
        ["watch", "counter", "-c", "0"],
        ["watch", "counter", "-c", "-1"],
        ["record", "list", "--timeout", "0"],
        ["record", "list", "--timeout", "nan"],
    ],
)
def test_wrong_arguments_are_told_before_it_dials(arguments, capsys) -> None:
    with pytest.raises(SystemExit) as info:
        main(["--connect", "tcp://127.0.0.1:1", *arguments])
    assert info.value.code == 2 and "error: " in capsys.readouterr().err


@pytest.mark.parametrize("text", ["on", "", "NaN", "[1e999]"])
def test_a_value_that_is_no_json_is_told_before_it_dials(text, capsys) -> None:
    assert main(["--connect", "tcp://127.0.0.1:1", "record", "set", "setting", text]) == 1
    assert f"Error: {text} is no JSON" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("url", "more", "why"),
    [
        ("tcp://127.0.0.1:1", (), "tcp://127.0.0.1:1 cannot be reached: "),
        ("serial:///dev/nowhere", (), "serial:///dev/nowhere cannot be reached: "),
        ("serial:///dev/ttyACM0?baud=x", (), "not tcp://host:port, "),
        ("tls://127.0.0.1:1", ("--ca", "/nowhere"), "/nowhere is no certificate that can be read: "),
    ],
)
def test_why_it_cannot_connect_is_told(url, more, why, capsys) -> None:
    assert main(["--connect", url, *more, "record", "list"]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"Error: {why}") and error.count("\n") == 1


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (("record", "get", "nowhere"), "record.get: not_found (there is no such record"),
        (("record", "set", "counter", "1"), "record.set: denied (it may not be written"),
        (("watch", "nowhere"), "nowhere: not_found (there is no such record"),
        (("watch", "#"), "#: denied (it may not be written; or not watched: its readers compete, or it is too many)"),
    ],
)
def test_what_the_node_refuses_is_told_in_words(node, command, why) -> None:
    status, error = ended(started(node[0], *command))
    assert status == 1 and error.startswith(f"Error: {why}") and error.count("\n") == 1


def test_a_node_that_lets_nobody_see_a_record_is_told_of(capsys) -> None:
    port = any_port()
    process = start_node(
        "import asyncio\nfrom aimdb import AimDb, SingleLatest\nfrom aimdb_aimx import AimxServer\ndb = AimDb()\n"
        f"db.configure('a', SingleLatest())\nAimxServer(db, tcp={port}, anyone='read')\nasyncio.run(db.run())\n"
    )
    try:
        wait_until_served(process, port)
        assert main(["--connect", f"tcp://127.0.0.1:{port}", "record", "list"]) == 0
    finally:
        process.kill()
        process.wait()
    assert capsys.readouterr() == ("", "no records: only those with a .remote() are seen\n")
