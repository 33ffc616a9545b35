"""A node on the unix port, as a process of its own, for peers that are no MicroPython."""

from __future__ import annotations

import contextlib
import os
import random
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pytest_micropython.files import find_tool
from serial_cable import SerialCable

ROOT = Path(__file__).parents[2]


def start_node(code: str, **options: Any) -> subprocess.Popen:
    """Run `code`, with the library; `options` are those of `Popen`."""
    environment = {**os.environ, "MICROPYPATH": f"{ROOT}/lib:.frozen"}
    return subprocess.Popen([find_tool("micropython"), "-c", code], env=environment, **options)


def any_port() -> int:
    """A port that is nobody's now."""
    while True:
        with socket.socket() as door, contextlib.suppress(OSError):
            door.bind(("127.0.0.1", port := random.randint(20000, 30000)))
            return port


@contextlib.contextmanager
def serving_node(code: str, folder: Path | None = None) -> Iterator[tuple[int, str]]:
    """Run `code` until the block ends: the port at which it serves, and the far end of its serial line.

    In `code`, PORT stands for the one, and NEAR for the name of the other's near end.
    """
    port = any_port()
    with SerialCable() as cable:
        process = start_node(code.replace("PORT", str(port)).replace("NEAR", repr(cable.near)), cwd=folder)
        try:
            wait_until_served(process, port)
            yield port, cable.far
            assert process.poll() is None, "the node has ended"
        finally:
            process.kill()
            process.wait()


def wait_until_served(process: subprocess.Popen, port: int) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            assert process.poll() is None and time.monotonic() < deadline, "nobody listens there"
            time.sleep(0.05)
