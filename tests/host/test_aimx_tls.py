"""A server of AimX with TLS and a token, on the unix port, and our own small command line."""

from __future__ import annotations

import os
import random
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import aimx_command
import pytest
from pytest_micropython.files import find_tool
from serial_cable import SerialCable

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
    port = random.randint(20000, 30000)
    with SerialCable() as cable:
        code = NODE.replace("PORT", str(port)).replace("TOKEN", repr(TOKEN)).replace("NEAR", repr(cable.near))
        environment = {**os.environ, "MICROPYPATH": f"{ROOT}/lib:.frozen"}
        process = subprocess.Popen([find_tool("micropython"), "-c", code], env=environment, cwd=folder)
        try:
            deadline = time.monotonic() + 20
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port)).close()
                    break
                except OSError:
                    assert process.poll() is None and time.monotonic() < deadline
                    time.sleep(0.05)
            yield port, folder / "certificate.pem", cable.far
            assert process.poll() is None, "the node has ended"
        finally:
            process.kill()
            process.wait()


class Tls(aimx_command.Tcp):
    """Frames on TLS."""

    def __init__(self, port: int, context: ssl.SSLContext) -> None:
        super().__init__("127.0.0.1", port)
        self._socket = context.wrap_socket(self._socket, server_hostname="127.0.0.1")


def client(port: int, certificate: Path, token: str | None) -> aimx_command.Client:
    """Raises what TLS raises, and AimxError for a wrong token."""
    made = aimx_command.Client.__new__(aimx_command.Client)
    made.begin(Tls(port, ssl.create_default_context(cafile=certificate)), token)
    return made


def test_with_its_certificate_and_token_a_board_is_read_written_and_watched(node) -> None:
    port, certificate, _ = node
    for _ in range(3):
        peer = client(port, certificate, TOKEN)
        assert peer.welcome["authenticated"]
        assert peer.ask("record.set", {"name": "setting", "value": [1, 2]})["status"] == "success"
        assert [record["record_key"] for record in peer.ask("record.list")] == ["counter", "setting"]
        events = peer.watch("counter")
        assert [next(events)["seq"] for _ in range(5)] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("token", [None, "secret", ""])
def test_without_its_token_nothing_is_answered(node, token: str | None) -> None:
    port, certificate, _ = node
    with pytest.raises(aimx_command.AimxError, match="denied"):
        client(port, certificate, token)


def test_a_peer_without_tls_gets_nothing_and_holds_up_nobody(node) -> None:
    port, certificate, _ = node
    with pytest.raises((aimx_command.AimxError, OSError)):
        aimx_command.Client(f"tcp://127.0.0.1:{port}", TOKEN)
    with socket.create_connection(("127.0.0.1", port)) as silent:  # It begins no handshake.
        assert client(port, certificate, TOKEN).ask("record.get", {"name": "counter"}) > 0
        silent.settimeout(20)
        assert silent.recv(1) == b""  # Dropped in time.


def test_who_expects_another_certificate_does_not_connect(node) -> None:
    port, certificate, _ = node
    with pytest.raises(ssl.SSLError):
        Tls(port, ssl.create_default_context())
    assert client(port, certificate, TOKEN).welcome["version"] == "3.0"


def test_our_command_line_works_on_a_serial_line(node) -> None:
    def run(*command: str) -> str:
        program = [sys.executable, str(ROOT / "tools" / "aimx_command.py"), "--connect", f"serial://{node[2]}"]
        return subprocess.run([*program, *command], check=True, capture_output=True, text=True, timeout=30).stdout

    assert "counter" in run("record", "list")
    assert '"success"' in run("record", "set", "setting", '{"long": "' + 300 * "x" + '"}')
    assert run("record", "get", "setting").count("x") == 300
    for _ in range(2):
        assert len(run("watch", "counter", "-c", "4").splitlines()) == 4
    assert "setting" in run("graph", "order")
