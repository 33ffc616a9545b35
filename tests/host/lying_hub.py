"""A hub that speaks AimX to a board, and tells what no AimDB does: for tests of what a board makes of it."""

from __future__ import annotations

import contextlib
import json
import random
import socket
import struct
import threading

HOST = "127.0.0.1"

# Frames that are none, or have something of the wrong type. None of them acknowledges a value.
LIES: tuple[object, ...] = (
    *(None, 5, "x", [], {}, {"t": None}, {"t": "zzz"}, {"t": []}),
    *({"t": "reply", "id": id, "ok": {}} for id in (None, "1", -1, 2**64, 1e300, [], {}, True)),
    *({"t": "event", "sub": "x", "seq": seq, "data": 1} for seq in (None, 1, -1, 2**70, "1")),
    *({"t": "event", "sub": sub, "seq": 1, "data": 1} for sub in (None, "", [], -1, 2**64, "1e9", 1e300)),
    *({"t": "subscribed", "sub": sub} for sub in (None, "x", {}, 2**80)),
    *({"t": "pong"}, {"t": "pong", "more": [[[[]]]]}, {"t": "snap", "sub": "1"}),
    *("[" * 900, '{"t":"event","sub":"1","seq":1,"data":' + "9" * 900 + "}", '{"t":"event","sub":1e999,"seq":1}'),
    *('{"t":"reply","id":1e999,"ok":{}}', "", "\0", "é\\ud800", '{"t":"event","data":"' + "x" * 5000 + '"}'),
)


class LyingHub:
    """It keeps the values of `log`, and sends those of `orders` that `order` is called with. It lies while `lies`."""

    def __init__(self, seed: int) -> None:
        self.log: list[int] = []
        self.lies = False
        self._random = random.Random(seed)
        self._clients: dict[socket.socket, str | None] = {}  # And the id of its subscription.
        self._number = 0
        self._listener = socket.create_server((HOST, 0), backlog=8)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def close(self) -> None:
        self._listener.close()
        self.kick()

    def kick(self) -> None:
        """All connections end."""
        for client in list(self._clients):
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)

    def order(self, value: object) -> None:
        self._number += 1
        for client, id in list(self._clients.items()):
            if id is not None:
                self._send(client, {"t": "event", "sub": id, "seq": self._number, "data": value})

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._clients[client] = None
                threading.Thread(target=self._talk, args=(client,), daemon=True).start()

    def _talk(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError), client.makefile("rb") as stream:
            while len(header := stream.read(4)) == 4:
                frame = json.loads(stream.read(struct.unpack(">I", header)[0]))
                if self.lies and self._random.random() < 0.5:
                    self._send(client, self._random.choice(LIES))
                self._answer(client, frame)
        self._clients.pop(client, None)
        client.close()

    def _answer(self, client: socket.socket, frame: dict) -> None:
        if frame["t"] == "ping":
            self._send(client, {"t": "pong"})
        elif frame["t"] == "sub":
            self._number = 0
            self._clients[client] = str(frame["id"])
        elif frame.get("method") == "hello":
            self._send(client, {"t": "reply", "id": frame["id"], "ok": {"version": "3.0", "server": "test"}})
        elif frame.get("method") == "record.set":
            self.log.append(frame["params"]["value"])
            self._send(client, {"t": "reply", "id": frame["id"], "ok": {"status": "success"}})

    def _send(self, client: socket.socket, frame: object) -> None:
        text = frame if isinstance(frame, str) else json.dumps(frame)
        data = text.encode()
        with contextlib.suppress(OSError):
            client.sendall(struct.pack(">I", len(data)) + data)
