"""A small command line for AimX 3.0, for machines without AimDB's own: it takes the same arguments.

python tools/aimx_command.py --connect tcp://HOST:PORT|serial://DEVICE?baud=115200
                            record list | record get KEY | record set KEY JSON | watch PATTERN [-c COUNT] | graph order
"""

from __future__ import annotations

import argparse
import json
import socket
import sys
from collections.abc import Iterator
from urllib.parse import parse_qs, urlparse

TIMEOUT_SECONDS = 20.0


class AimxError(Exception):
    """What the peer, or the way to it, says against a request."""


class Tcp:
    """Frames with four bytes of length before them."""

    def __init__(self, host: str, port: int, timeout: float = TIMEOUT_SECONDS) -> None:
        self._socket = socket.create_connection((host, port), timeout=timeout)

    def send(self, frame: bytes) -> None:
        self._socket.sendall(len(frame).to_bytes(4, "big") + frame)

    def receive(self) -> bytes:
        return self._take(int.from_bytes(self._take(4), "big"))

    def _take(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            piece = self._socket.recv(count - len(data))
            if not piece:
                raise AimxError("the peer has closed the connection")
            data += piece
        return data


class Serial:
    """Frames in COBS, with a zero after them."""

    def __init__(self, device: str, baud: int, timeout: float = TIMEOUT_SECONDS) -> None:
        import serial

        self._line = serial.Serial(device, baud, timeout=timeout)
        self._line.reset_input_buffer()

    def send(self, frame: bytes) -> None:
        # JSON has no zeros: only blocks of 254 bytes, and a last one.
        blocks = [frame[at : at + 254] for at in range(0, len(frame), 254)]
        self._line.write(b"".join(bytes([len(block) + 1]) + block for block in blocks) + b"\0")

    def receive(self) -> bytes:
        while True:
            data = self._line.read_until(b"\0")
            if not data.endswith(b"\0"):
                raise AimxError("the peer does not answer")
            frame, at = b"", 0
            while 0 < data[at] < len(data) - at:
                frame += data[at + 1 : at + data[at]] + (b"\0" if data[at] < 255 else b"")
                at += data[at]
            if at == len(data) - 1 and frame:  # Else it is no COBS, such as text that the board prints.
                return frame.removesuffix(b"\0")


class Client:
    """Asks a peer; one request at a time."""

    def __init__(self, url: str, token: str | None = None, timeout: float = TIMEOUT_SECONDS) -> None:
        parts = urlparse(url)
        if parts.scheme == "tcp":
            self.begin(Tcp(parts.hostname, parts.port, timeout), token)
        elif parts.scheme == "serial":
            baud = int(parse_qs(parts.query).get("baud", ["115200"])[0])
            self.begin(Serial(parts.netloc + parts.path, baud, timeout), token)
        else:
            raise AimxError(f"a URL begins with tcp:// or serial://: {url}")

    def begin(self, way: Tcp | Serial, token: str | None) -> None:
        """Say hello on this way. Raises AimxError."""
        self._way = way
        self._id = 0
        hello = {"client": "aimdb-micropython", "version": "3.0", **({"auth_token": token} if token else {})}
        self.welcome = self.ask("hello", hello)

    def ask(self, method: str, params: object = None) -> object:
        """The reply. Raises AimxError."""
        self._id += 1
        self.send({"t": "req", "id": self._id, "method": method, "params": params})
        while True:
            frame = self.receive()
            if frame.get("t") == "reply" and frame["id"] == self._id:
                if "err" in frame:
                    raise AimxError(frame["err"])
                return frame["ok"]

    def watch(self, topic: str) -> Iterator[dict]:
        """Events and snapshots, as they come."""
        self._id += 1
        self.send({"t": "sub", "id": self._id, "topic": topic})
        while True:
            frame = self.receive()
            if frame.get("err"):
                raise AimxError(frame["err"])
            if frame.get("sub") == str(self._id):
                yield frame

    def receive(self) -> dict:
        """The next frame, whatever it is."""
        return json.loads(self._way.receive())

    def send(self, message: dict) -> None:
        """Send a frame."""
        self._way.send(json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode())


def main(arguments: list[str] | None = None) -> int:
    """Return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--connect", required=True)
    parser.add_argument("--token")
    parser.add_argument("--timeout", type=float, default=TIMEOUT_SECONDS, help="seconds for an answer (20)")
    parser.add_argument("command", nargs="+")
    parser.add_argument("-c", "--count", type=int)
    options = parser.parse_args(arguments)
    try:
        client = Client(options.connect, options.token, options.timeout)
        match options.command:
            case ["record", "list"]:
                for record in client.ask("record.list"):
                    counts = [record.get(name) for name in ("produced_count", "dropped_count", "occupancy")]
                    print(f"{record['record_key']:<20} {record['buffer_type']:<14} produced, dropped, held: {counts}")
            case ["record", "get", key]:
                print(json.dumps(client.ask("record.get", {"name": key}), ensure_ascii=False))
            case ["record", "set", key, value]:
                print(json.dumps(client.ask("record.set", {"name": key, "value": json.loads(value)})))
            case ["watch", topic]:
                for number, event in enumerate(client.watch(topic), 1):
                    print(event["seq"], event.get("topic", topic), json.dumps(event["data"], ensure_ascii=False))
                    if number == options.count:
                        break
            case ["graph", "order"]:
                print(*client.ask("graph.topo_order"), sep="\n")
            case _:
                parser.error("no such command")
    except (AimxError, OSError, ValueError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
