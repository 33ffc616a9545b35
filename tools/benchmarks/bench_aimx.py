"""`make bench-aimx`: what serving by AimX costs an emulated Pico W, and how much a line carries."""

from __future__ import annotations

import json
import sys

from aimx_connection import VERSION, dial
from bench_network import PATIENCE_SECONDS, Figures, figures_in, image_with, run
from emulated_pico import Board
from emulated_pico.network import JOIN

COUNT = 50

NODE = """
import asyncio
from machine import UART, Pin
from aimdb import AimDb, SingleLatest, SpmcRing
from aimdb_aimx import AimxServer

db = AimDb()
ring = SpmcRing(64)
setting = SingleLatest()
db.configure("ring", ring).remote()
db.configure("setting", setting).remote(write=True)
uart = UART(0, 115200, tx=Pin(0), rx=Pin(1), txbuf=512, rxbuf=1024)
AimxServer(db, tcp=7433, anyone="write", serial=uart)

async def burst(consumer):
    async for value in consumer.subscribe():
        if value == "burst":
            for number in range(50):
                ring.push(21.5)

db.configure("setting").tap(burst)

async def main():
    task = asyncio.create_task(db.run())
    await asyncio.sleep_ms(300)
    print("serving")
    while setting.peek() != "end":
        await asyncio.sleep_ms(50)
    task.cancel()

asyncio.run(main())
"""


def main(arguments: list[str] | None = None) -> int:
    return run(arguments, __doc__, "per second", measure)


def measure() -> tuple[Figures, dict]:
    image = image_with(("aimdb", "aimdb_aimx"), "serving.py")
    figures = {**measure_heap(image), **measure_chip(image), **measure_lines(image)}
    return figures, {"figures": figures}


def measure_heap(image: bytes) -> Figures:
    """What is kept of a fresh heap."""
    with Board(filesystem=image, paced=True) as board:
        board.exec(JOIN, timeout=PATIENCE_SECONDS)
        tcp = f"tcp://127.0.0.1:{board.forward(7433)}"
        lines = []

        def greet(text: str) -> None:
            if "serving" in text and not lines:
                lines.append(Line(tcp))
                lines[0].send({"t": "ping"})
                lines[0].receive()  # What greeted is garbage only after that.

        program = "import asyncio, serving; asyncio.run(serving.heap_by_tcp())"
        figures = figures_in(board.exec(program, PATIENCE_SECONDS, on_output=greet))
    with Board(filesystem=image) as board:
        program = "import asyncio, serving; asyncio.run(serving.heap_by_a_line())"
        return {**figures_in(board.exec(program, PATIENCE_SECONDS)), **figures}


def measure_chip(image: bytes) -> Figures:
    """What the chip itself does."""
    with Board(filesystem=image) as board:
        return figures_in(board.exec("import serving; serving.run()", PATIENCE_SECONDS))


def measure_lines(image: bytes) -> Figures:
    """What comes through a UART and through WiFi: requests are sent all at once, and the board's clock counts."""
    figures: Figures = {}
    with Board(filesystem=image, paced=True) as board:
        board.exec(JOIN, timeout=PATIENCE_SECONDS)
        tcp = f"tcp://127.0.0.1:{board.forward(7433)}"

        ways = {
            "UART, 115200": f"serial://{board.serve_uart(0)}",
            "TCP by WiFi": tcp,
        }

        def hear(text: str) -> None:
            if "serving" in text:
                for name, url in ways.items():
                    line = Line(url)
                    figures[f"{name}: record.get, per second"] = [calls(board, line), 0]
                    figures[f"{name}: events, per second"] = [events(board, line), 0]
                line.ask("record.set", {"name": "setting", "value": "end"})

        board.exec(NODE, PATIENCE_SECONDS, on_output=hear)
    return figures


class Line:
    """A connection on which requests are sent without waiting for their replies, as `AimxClient` never does."""

    def __init__(self, url: str) -> None:
        self._link = dial(url)
        self._frames = self._link.frames()
        self.ask("hello", {"client": "bench", "version": VERSION})

    def send(self, message: dict) -> None:
        self._link.send(json.dumps(message).encode())

    def receive(self) -> dict:
        return json.loads(next(self._frames))

    def ask(self, method: str, params: dict) -> None:
        """Wait for the reply as well."""
        self.send({"t": "req", "id": 1, "method": method, "params": params})
        while self.receive().get("id") != 1:
            pass


def calls(board: Board, line: Line) -> int:
    """Replies per second, from the first request on: those that this computer reads late would have taken no time."""
    line.ask("record.set", {"name": "setting", "value": 21.5})
    began = board.nanoseconds
    for number in range(COUNT):
        line.send({"t": "req", "id": 1000 + number, "method": "record.get", "params": {"name": "setting"}})
    for _ in range(COUNT):
        line.receive()
    return round(COUNT * 1e9 / (board.nanoseconds - began))


def events(board: Board, line: Line) -> int:
    """Events per second."""
    line.send({"t": "sub", "id": 2000, "topic": "ring"})
    line.send({"t": "req", "id": 2001, "method": "record.set", "params": {"name": "setting", "value": "burst"}})
    times = []
    while len(times) < COUNT:
        if line.receive()["t"] == "event":
            times.append(board.nanoseconds)
    line.send({"t": "unsub", "sub": "2000"})
    return round((COUNT - 1) * 1e9 / (times[-1] - times[0]))


if __name__ == "__main__":
    sys.exit(main())
