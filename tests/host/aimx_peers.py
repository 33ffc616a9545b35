"""Peers of all manners that come to a node with AimX: some do what they should, and the others all else."""

from __future__ import annotations

import contextlib
import json
import random
import socket
import struct
import time

from aimx_connection import AimxClient, AimxError, TcpLink

HOST = "127.0.0.1"

KEYS = ("heap", "ring", "setting", "work", "command", "log", "orders", "aimx", "nosuch", "#", "", "é", '"')
METHODS = (
    "record.list",
    "record.get",
    "record.set",
    "record.drain",
    "graph.nodes",
    "graph.edges",
    "profiling.reset",
    "x",
)
VALUES = (None, True, -1, 2**64, 1e300, "", "é\n", [], {"value": 1}, {"value": None}, [[[[]]]], "x" * 700)


def framed(data: str | bytes) -> bytes:
    data = data.encode() if isinstance(data, str) else data
    return struct.pack(">I", len(data)) + data


class Peers:
    """All that come to the node at `port`, which takes so many at once."""

    def __init__(self, port: int, connections: int, source: random.Random) -> None:
        self._port = port
        self._connections = connections
        self._random = source
        self._idle: list[socket.socket] = []  # They have gone, and nobody has told the node.

    def client(self) -> AimxClient:
        client = AimxClient(TcpLink(HOST, self._port))
        client.hello("field")
        return client

    def _raw(self) -> socket.socket:
        return socket.create_connection((HOST, self._port), 5)

    def leave(self) -> None:
        for peer in self._idle:
            peer.close()
        self._idle.clear()

    def _pause(self, seconds: float) -> None:
        time.sleep(self._random.uniform(0, seconds))

    def _frame(self) -> bytes:
        choose = self._random.choice
        frame = {
            "t": choose(("req", "req", "req", "sub", "unsub", "write", "ping", None)),
            "id": choose((1, 2, 3, 7, 7, 2**63, -1, "1", 1.5, None)),
            "method": choose(METHODS),
            "topic": choose(KEYS),
            "sub": choose(("1", "2", 3)),
            "payload": choose(VALUES),
            "params": choose(
                ({"name": choose(KEYS), "value": choose(VALUES), "limit": choose((0, 3, -1, 2**40))}, [], 5)
            ),
        }
        data = bytearray(json.dumps(frame, ensure_ascii=choose((True, False))).encode())
        if self._random.random() < 0.2:
            data[self._random.randrange(len(data))] = self._random.randrange(256)
        return framed(bytes(data))

    # Each of these takes a second or two, and is over when it returns.

    def ask(self) -> None:
        """A peer as it should be."""
        with contextlib.closing(self.client()) as client:
            for _ in range(20):
                with contextlib.suppress(AimxError):
                    name = self._random.choice(KEYS)
                    value = self._random.choice(VALUES)
                    client.call(self._random.choice(METHODS), {"name": name, "value": value, "limit": 3})
            client.ping()

    def watch(self) -> None:
        with contextlib.closing(self.client()) as client:
            events = client.watch("#")
            for _ in range(self._random.randrange(300)):
                next(events)

    def cut(self) -> None:
        """A peer that breaks off anywhere, also in the middle of a frame."""
        for _ in range(10):
            with self._raw() as peer:
                data = b"".join(self._frame() for _ in range(3))
                peer.sendall(data[: self._random.randrange(len(data))])
                if self._random.random() < 0.5:
                    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def babble(self) -> None:
        """A peer that says anything."""
        with contextlib.suppress(OSError), self._raw() as peer:
            for _ in range(200):
                peer.sendall(self._frame())
            peer.sendall(self._random.randbytes(200))
            peer.settimeout(0.2)
            while peer.recv(4096):
                pass

    def read_slowly(self) -> None:
        """A peer that asks for much, and takes little or nothing of it."""
        peer = self._raw()
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        peer.settimeout(0.2)
        with contextlib.suppress(OSError):
            peer.sendall(framed('{"t":"sub","id":1,"topic":"#"}'))
            for _ in range(300):
                peer.sendall(framed('{"t":"req","id":2,"method":"record.list"}'))
            for _ in range(self._random.randrange(10)):
                peer.recv(self._random.randrange(1, 50))
                self._pause(0.2)
        self._idle.append(peer)

    def crowd(self) -> None:
        """More peers at once than there are places; some stay, and say nothing any more."""
        peers = [self._raw() for _ in range(2 * self._connections)]
        for peer in peers:
            with contextlib.suppress(OSError):
                peer.sendall(self._frame())
        self._pause(1)
        for peer in peers:
            self._idle.append(peer)
        if self._random.random() < 0.5:
            self.leave()
