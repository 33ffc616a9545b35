"""AimX at a second serial port on USB, beside the console, on the emulated Pico W."""

from __future__ import annotations

import contextlib
import threading

from aimx_connection import AimxClient, dial
from board_image import library_image
from emulated_pico import Board
from second_port import SOURCE

PATIENCE_SECONDS = 600

NODE = """
import asyncio
from aimdb import AimDb, SingleLatest, SpmcRing
from aimdb_aimx import AimxServer
from second_port import Port

db = AimDb()
ring, setting = SpmcRing(8), SingleLatest()
db.configure("ring", ring).remote()
db.configure("setting", setting).remote(write=True)
server = AimxServer(db, serial=Port())

async def main():
    task = asyncio.create_task(db.run())
    await asyncio.sleep_ms(100)
    print("serving")
    while setting.peek() != "end":
        if setting.peek() == "more":
            ring.push("x" * 600)
        await asyncio.sleep_ms(100)
    print("malformed", server.malformed_count, "refused", server.refused_count, "ended", server.ended_count)
    task.cancel()

asyncio.run(main())
"""


def test_records_are_listed_watched_and_set_at_a_second_port_and_the_console_prints_meanwhile() -> None:
    got: list[object] = []

    def talk(url: str) -> None:
        for number in range(2):
            with contextlib.closing(AimxClient(dial(url), PATIENCE_SECONDS)) as client:
                got.append(client.hello("test")["writable_records"])
                got.append([each["name"] for each in client.call("record.list")])
                client.call("record.set", {"name": "setting", "value": "more"})
                events = client.watch("ring")
                got.append([len(next(events)["data"]) for _ in range(3)])
                client.call("record.set", {"name": "setting", "value": ("", "end")[number]})

    with Board(filesystem=library_image({"lib/second_port.py": SOURCE}), paced=True) as board:
        peer = threading.Thread(target=talk, args=(f"serial://{board.serve_usb()}",), daemon=True)

        def hear(text: str) -> None:
            if "serving" in text:
                peer.start()

        printed = board.exec(NODE, PATIENCE_SECONDS, on_output=hear)
        peer.join(PATIENCE_SECONDS)
    assert got == 2 * [["setting"], ["ring", "setting"], [600, 600, 600]]
    assert "malformed 0 refused 0 ended 0" in printed
