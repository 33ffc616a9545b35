"""A server of AimX with TLS and a token, on the unix port, and our own small command line."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import ssl
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from aimx_connection import AimxClient, AimxError, dial
from unix_node import serving_node

ROOT = Path(__file__).parents[2]
TOKEN = "s\u00e9cret"

NODE = """
import asyncio
from aimdb import AimDb, SingleLatest, SpmcRing
from aimdb_aimx import AimxServer

db = AimDb()

async def count(producer):
    number = 0
    while True:
        number += 1
        producer.produce(number)
        await asyncio.sleep_ms(50)

db.configure("counter", SingleLatest()).source(count).remote()
db.configure("setting", SingleLatest()).remote(write=True)
with open("certificate.der", "rb") as certificate, open("key.der", "rb") as key:
    tls = certificate.read(), key.read()
AimxServer(db, tcp=PORT, token=TOKEN, tls=tls, timeout_ms=3000, serial=open(NEAR, "r+b", buffering=0))
asyncio.run(db.run())
"""


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Path, str]]:
    """Port, certificate and serial device of a node."""
    folder = tmp_path_factory.mktemp("node")
    make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=board"
    names = "-addext subjectAltName=IP:127.0.0.1 -keyout key.pem -out certificate.pem"
    run = {"cwd": folder, "check": True, "capture_output": True}
    subprocess.run([*make.split(), *names.split()], **run)
    subprocess.run("openssl x509 -in certificate.pem -outform DER -out certificate.der".split(), **run)
    subprocess.run("openssl ec -in key.pem -outform DER -out key.der".split(), **run)
    with serving_node(NODE.replace("TOKEN", repr(TOKEN)), folder) as (port, line):
        yield port, folder / "certificate.pem", line


@contextlib.contextmanager
def client(port: int, certificate: Path, token: str | None) -> Iterator[AimxClient]:
    """Raises AimxError for a wrong certificate or token."""
    with contextlib.closing(AimxClient(dial(f"tls://127.0.0.1:{port}", str(certificate)))) as made:
        assert made.hello("test", token)["version"] == "3.0"
        yield made


def test_with_its_certificate_and_token_a_board_is_read_written_and_watched(node) -> None:
    port, certificate, _ = node
    for _ in range(3):
        with client(port, certificate, TOKEN) as peer:
            assert peer.call("record.set", {"name": "setting", "value": [1, 2]})["status"] == "success"
            assert [record["record_key"] for record in peer.call("record.list")] == ["counter", "setting"]
            events = peer.watch("counter")
            assert [next(events)["seq"] for _ in range(5)] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("token", [None, "secret", ""])
def test_without_its_token_nothing_is_answered(node, token: str | None) -> None:
    port, certificate, _ = node
    with pytest.raises(AimxError, match="denied"), client(port, certificate, token):
        pass


def test_a_peer_without_tls_gets_nothing_and_holds_up_nobody(node) -> None:
    port, certificate, _ = node
    with contextlib.closing(AimxClient(dial(f"tcp://127.0.0.1:{port}"))) as plain, pytest.raises(AimxError):
        plain.hello("test", TOKEN)
    with socket.create_connection(("127.0.0.1", port)) as silent:  # It begins no handshake.
        with client(port, certificate, TOKEN) as peer:
            assert peer.call("record.get", {"name": "counter"}) > 0
        silent.settimeout(20)
        assert silent.recv(1) == b""  # Dropped in time.


def test_who_expects_another_certificate_does_not_connect(node) -> None:
    port, certificate, _ = node
    with pytest.raises(AimxError, match="certificate"):
        dial(f"tls://127.0.0.1:{port}")
    with client(port, certificate, TOKEN):
        pass


def test_our_command_line_works_on_a_serial_line(node) -> None:
    def run(*command: str) -> str:
        program = [sys.executable, str(ROOT / "tools" / "aimx" / "aimx_command.py"), "--connect", f"serial://{node[2]}"]
        return subprocess.run([*program, *command], check=True, capture_output=True, text=True, timeout=30).stdout

    assert "counter" in run("record", "list")
    assert '"success"' in run("record", "set", "setting", '{"long": "' + 300 * "x" + '"}')
    assert run("record", "get", "setting").count("x") == 300
    for _ in range(2):
        assert len(run("watch", "counter", "-c", "4").splitlines()) == 4
    assert "setting" in run("graph", "order")


def test_ctrl_c_ends_a_watch_without_a_word(node) -> None:
    program = [sys.executable, str(ROOT / "tools" / "aimx" / "aimx_command.py"), "--connect", f"serial://{node[2]}"]
    # Of a shell in the background it would inherit that Ctrl-C is ignored.
    watch = subprocess.Popen(
        [*program, "watch", "counter"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert watch.stdout.readline()
    watch.send_signal(signal.SIGINT)
    assert watch.communicate(timeout=20)[1] == b""
    assert watch.returncode == 130


def test_requests_that_come_all_at_once_are_all_answered(node) -> None:
    port, certificate, _ = node
    hello = {"method": "hello", "params": {"version": "3.0", "auth_token": TOKEN}}
    get = {"method": "record.get", "params": {"name": "counter"}}
    requests = [json.dumps({"t": "req", "id": number, **(get if number else hello)}).encode() for number in range(40)]
    context = ssl.create_default_context(cafile=str(certificate))
    with (
        socket.create_connection(("127.0.0.1", port), 10) as raw,
        context.wrap_socket(raw, server_hostname="127.0.0.1") as tls,
    ):
        tls.sendall(b"".join(struct.pack(">I", len(each)) + each for each in requests))
        with tls.makefile("rb") as stream:
            for number in range(40):
                (length,) = struct.unpack(">I", stream.read(4))
                assert json.loads(stream.read(length))["id"] == number
