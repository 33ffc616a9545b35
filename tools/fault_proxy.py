"""Stands between a client and its broker, and does to their packets what networks do."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time

HOST = "127.0.0.1"


class FaultProxy:
    """Forwards TCP connections from `port`, a port of its own, to the broker's.

    Attributes to set at any time:
        swallow: bytes of both directions vanish, while the connection looks healthy.
        answer_delay: seconds by which what the broker says comes late.

    `made` counts the connections that were made.
    """

    def __init__(self, broker_port: int) -> None:
        self.swallow = False
        self.answer_delay = 0.0
        self.made = 0
        self._broker_port = broker_port
        self._connections: list[tuple[socket.socket, socket.socket]] = []
        self._listener: socket.socket | None = None
        self.port = 0
        self.up()

    def up(self) -> None:
        """Accept connections (again)."""
        listener = socket.create_server((HOST, self.port), backlog=8)
        self.port = listener.getsockname()[1]
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def down(self) -> None:
        """Refuse connections, and end those that there are, as a broker that stops does."""
        if self._listener:
            # Shut first: a thread that waits in accept would else keep the port alive.
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
        for pair in self._connections:
            shut_down(*pair)
        self._connections.clear()

    def reset(self) -> None:
        """Break all connections with an RST."""
        for pair in self._connections[:]:
            for end in pair:
                with contextlib.suppress(OSError):
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    end.shutdown(socket.SHUT_RD)
                    end.close()
        self._connections.clear()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                try:
                    broker = socket.create_connection((HOST, self._broker_port))
                except OSError:
                    client.close()
                    continue
                for end in (client, broker):
                    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.made += 1
                self._connections.append((client, broker))
                threading.Thread(target=self._pump, args=(client, broker, False), daemon=True).start()
                threading.Thread(target=self._pump, args=(broker, client, True), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, answers: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(4096):
                if answers and self.answer_delay:
                    time.sleep(self.answer_delay)
                if not self.swallow:
                    sink.sendall(data)
        shut_down(source, sink)

    def __enter__(self) -> FaultProxy:
        return self

    def __exit__(self, *exception: object) -> None:
        self.down()


def shut_down(*ends: socket.socket) -> None:
    for end in ends:
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
