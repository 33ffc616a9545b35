"""`make bench-dialling`: what an emulated Pico W writes to an AimX hub and gets from it, and the heap that takes."""

from __future__ import annotations

import json
import socketserver
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from bench_network import CORE, Figures, image_with, measured, run
from emulated_pico import Board

HEAP = f"""{CORE}
from aimdb_aimx import Hub
import aimdb_aimx.outbound, aimdb_net.connection, aimdb_aimx.hub_frames
Hub
writing = used()
import aimdb_net.inbound, aimdb_net.inbox, aimdb_aimx.hearing
both = used()
from aimdb_aimx import AimxRecord
record = used()
hub = Hub("aimx://10.0.0.1:1")
aimdb.once("loading").forget("aimdb_net", "checks", "address")  # As a run does.
aimdb.once("loading").forget("aimdb_aimx", "links", "dialling")
print("RESULT heap of what link_to keeps loaded, beyond the core: 0, %d" % (writing - core))
print("RESULT heap of what link_to and link_from keep loaded, beyond the core: 0, %d" % (both - core))
print("RESULT heap of what AimxRecord adds: 0, %d" % (record - both))
print("RESULT heap of a Hub: 0, %d" % (used() - record))
"""


class SmallHub(socketserver.StreamRequestHandler):
    """Answers as AimDB does, and has all records. A value of `burst` has it send so many events to who watches."""

    disable_nagle_algorithm = True

    @classmethod
    @contextmanager
    def serve(cls) -> Iterator[int]:
        """Such a hub, at a port of its own on this machine."""
        with socketserver.ThreadingTCPServer(("127.0.0.1", 0), cls) as server:
            server.daemon_threads = True
            threading.Thread(target=server.serve_forever, daemon=True).start()
            yield server.server_address[1]
            server.shutdown()

    def handle(self) -> None:
        self.topics: dict[int, str] = {}
        self.seqs: dict[int, int] = {}
        while head := self.rfile.read(4):
            frame = json.loads(self.rfile.read(int.from_bytes(head, "big")))
            kind = frame["t"]
            if kind == "ping":
                self.answer({"t": "pong"})
            elif kind == "sub":
                self.topics[frame["id"]] = frame["topic"]
            elif frame.get("method") == "hello":
                self.answer({"t": "reply", "id": frame["id"], "ok": {"version": "3.0"}})
            elif kind == "req":
                value = frame["params"]["value"]
                if not self.set(frame["params"]["name"], value):
                    return
                self.answer({"t": "reply", "id": frame["id"], "ok": {"status": "success", "value": value}})

    def set(self, name: str, value: object) -> bool:
        """A record is set; whether that is answered. If not, the connection ends."""
        for event in range(value if name == "burst" else 0):
            for number in self.topics:
                self.tell(number, event)
        return True

    def tell(self, number: int, value: object) -> None:
        """An event of a subscription."""
        self.seqs[number] = self.seqs.get(number, 0) + 1
        self.answer({"t": "event", "seq": self.seqs[number], "sub": str(number), "data": value})

    def answer(self, frame: dict) -> None:
        text = json.dumps(frame, separators=(",", ":")).encode()
        self.wfile.write(len(text).to_bytes(4, "big") + text)


def main(arguments: list[str] | None = None) -> int:
    return run(arguments, __doc__, "values/s", measure)


def measure() -> tuple[Figures, dict]:
    """Everything in one run."""
    image = image_with(("aimdb", "aimdb_net", "aimdb_aimx"), "dialling.py")
    with SmallHub.serve() as port, Board(filesystem=image, paced=True) as board:
        figures, firmware = measured(image, HEAP, board, f"import dialling; dialling.run('10.0.0.1', {port})")
        return figures, {"firmware": firmware, "figures": figures}


if __name__ == "__main__":
    sys.exit(main())
