"""A board on the unix port dials to a hub with TLS: only to the one whose certificate it was given."""

from __future__ import annotations

import contextlib
import os
import socket
import socketserver
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from bench_dialling import SmallHub
from unix_node import start_node

ROOT = Path(__file__).parents[2]

NODE = """
import asyncio
from aimdb_aimx import AimxRecord, Hub

async def main():
    with open("CERTIFICATE", "rb") as file:
        hub = Hub("aimxs://127.0.0.1:PORT", tls=file.read(), retry_ms=(20, 50))
    async with hub:
        try:
            await AimxRecord("aimxs://127.0.0.1:PORT/n").push_async(1)
            print("done")
        except Exception as er:
            print(type(er).__name__, er)

asyncio.run(main())
"""


def certificate(folder: Path, name: str, host: str = "127.0.0.1") -> tuple[str, str]:
    """A certificate for this computer or another one, and its key: the files."""
    key, made = str(folder / f"{name}.key"), str(folder / f"{name}.pem")
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30"
    subprocess.run(
        [*command.split(), "-subj", f"/CN={host}", "-keyout", key, "-out", made], check=True, capture_output=True
    )
    return made, key


class TlsServer(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, context: ssl.SSLContext, handler: type[SmallHub] = SmallHub) -> None:
        self.context = context
        super().__init__(("127.0.0.1", 0), handler)

    def get_request(self):
        connection, address = super().get_request()
        return self.context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False), address

    def handle_error(self, request, client_address) -> None:
        pass  # A board that does not trust it.


@contextlib.contextmanager
def serving(folder: Path, handler: type[SmallHub] = SmallHub, host: str = "127.0.0.1") -> Iterator[tuple[int, str]]:
    """The port of a hub, and its certificate."""
    made, key = certificate(folder, "hub", host)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made, key)
    with TlsServer(context, handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1], made
        server.shutdown()


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[tuple[int, str]]:
    with serving(tmp_path) as found:
        yield found


def run(port: int, trusted: str, code: str = NODE) -> str:
    code = code.replace("PORT", str(port)).replace("CERTIFICATE", trusted)
    node = start_node(code, stdout=subprocess.PIPE, text=True)
    printed, _ = node.communicate(timeout=60)
    assert node.returncode == 0
    return printed


def test_values_go_to_the_hub_whose_certificate_is_known(hub: tuple[int, str]) -> None:
    assert run(*hub) == "done\n"


def test_a_hub_with_another_certificate_gets_nothing_and_is_named(hub: tuple[int, str], tmp_path: Path) -> None:
    printed = run(hub[0], certificate(tmp_path, "other")[0])
    assert printed.startswith("Unreachable aimxs://127.0.0.1:"), printed
    assert "cert" in printed.lower(), printed


def test_a_hub_whose_certificate_is_for_another_name_is_told_in_one_line(tmp_path: Path) -> None:
    with serving(tmp_path, host="elsewhere") as (port, trusted):
        printed = run(port, trusted)
    assert printed.count("\n") == 1, printed
    assert "Name (CN) does not match" in printed, printed


class BreakingHub(SmallHub):
    """At the value 3 what it sends is no TLS any more."""

    def set(self, name: str, value: object) -> bool:
        if value == 3:
            with socket.socket(fileno=os.dup(self.request.fileno())) as raw:
                raw.sendall(b"this is no TLS")
        return value != 3


SENDING = """
import asyncio
from aimdb import AimDb, BoundedQueue
from aimdb_aimx import Hub

with open("CERTIFICATE", "rb") as file:
    hub = Hub("aimxs://127.0.0.1:PORT", tls=file.read(), retry_ms=(20, 50))
db = AimDb()
queue = BoundedQueue(1)

async def count(producer):
    for value in range(6):
        await producer.produce_async(value)
    while queue.held() or hub.window.flights:
        await asyncio.sleep_ms(10)
    print(hub.given_up_count, hub.refused_count)
    raise SystemExit

db.configure("n", queue).source(count).link_to("aimxs://127.0.0.1:PORT/n")
asyncio.run(db.run())
"""


def test_a_value_at_which_the_hub_breaks_tls_is_given_up_and_those_behind_it_go_on(tmp_path: Path) -> None:
    with serving(tmp_path, BreakingHub) as hub:
        assert run(*hub, SENDING) == "1 0\n"
