"""What the chip decides of a node that comes back: resets, the watchdog, Ctrl-C, the WiFi chip's power."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

import pytest
from board_image import library_image
from device_files import files_for
from emulated_pico import Board
from emulated_pico.filesystem import build_image

FIRMWARE = {path[1:]: data for path, data in files_for("pico_w").items()}
SENSOR_CELSIUS_27 = 876


def node(**changes: bytes | None) -> Board:
    """A board with the firmware; changed files by name, where a double underscore is a dot."""
    files = dict(FIRMWARE)
    for name, data in changes.items():
        files[name.replace("__", ".")] = data or b""
        files.pop(name.replace("__py", ".mpy"), None)
    # Not paced: the pauses between two runs take no time.
    return Board(filesystem=build_image(files))


@contextlib.contextmanager
def working_node() -> Iterator[Board]:
    """A board on which the firmware has begun to work."""
    with node() as board:
        board.adc[4] = SENSOR_CELSIUS_27
        board.wait_for("journal   empty", 60)
        yield board


def test_an_application_that_fails_leads_to_reduced_mode_in_which_it_is_mended() -> None:
    broken = b"async def main():\n    raise ValueError('a bug')\n"
    with node(sensor_node__py=broken, healthy__py=b"async def main():\n    print('at work')\n") as board:
        for pause in (1, 2, 4, 8):
            board.wait_for(f"restart   in {pause} s", 60)
        for _ in range(3):
            board.wait_for("the board is reset", 60)
        board.wait_for("start     REDUCED", 60)
        board.wait_for("ValueError: a bug", 60)
        # Twelve runs and more, and three resets.
        assert board.flash.erases < 10 and board.flash.programs < 80, (board.flash.erases, board.flash.programs)
        board.write(b"files /lib\n")
        board.wait_for("aimdb_node", 60)
        board.write(b"rename /healthy.py /sensor_node.py\nrestart\n")
        board.wait_for("start 1 without a good run", 60)
        board.wait_for("at work", 60)


def test_ctrl_c_gives_the_prompt_and_the_watchdog_does_not_take_it_away() -> None:
    with node(watchdog__json=b"2000") as board:
        board.adc[4] = SENSOR_CELSIUS_27
        board.wait_for("journal   empty", 60)
        board.write(b"\x03")
        board.wait_for(">>> ", 60)
        began = board.nanoseconds
        board.exec("import time; time.sleep(10)", 60)
        assert board.nanoseconds - began > 9e9
        assert "after: watchdog" not in board.console


def test_after_ctrl_c_mpremote_may_take_its_time() -> None:
    with node(watchdog__json=b"1000") as board:
        board.adc[4] = SENSOR_CELSIUS_27
        board.wait_for("journal   empty", 60)
        board.write(b"\x03\x03")
        board.wait_for(">>> ", 60)
        board.write(b"\x01")
        board.wait_for("raw REPL", 60)
        board.write(b"\x04")  # As mpremote begins: a soft reset, which stops all timers.
        board.wait_for("raw REPL", 60)
        board.write(b"import time; time.sleep(10); print('still', 'here')\x04")
        board.wait_for("still here", 60)
        board.write(b"import machine; machine.reset()\x04")
        board.wait_for("journal ", 60)


def test_a_loop_that_stands_still_is_ended_by_the_watchdog_and_the_cause_is_told() -> None:
    hanging = b"async def main():\n    print('hangs')\n    while True:\n        pass\n"
    with node(watchdog__json=b"500", sensor_node__py=hanging) as board:
        board.wait_for("hangs", 60)
        board.wait_for("start     after: watchdog", 120)


def test_a_silent_name_server_and_a_chip_that_starts_wake_no_short_watchdog() -> None:
    settings = b'{"ssid": "RP2040PY-GUEST", "password": "-", "broker": "mqtt://broker.example"}'
    with node(watchdog__json=b"500", network__json=settings) as board:
        board.adc[4] = SENSOR_CELSIUS_27
        board.wait_for("broker.example cannot be looked up", 120)
        assert "after: watchdog" not in board.console


def test_a_queue_that_opens_slowly_is_not_ended_by_the_watchdog() -> None:
    slow = b"import time\nfor _ in range(30): time.sleep_ms(100)\nasync def main():\n    print('open')\n"
    with node(watchdog__json=b"1000", sensor_node__py=slow) as board:
        board.wait_for("open", 120)
        assert "after: watchdog" not in board.console.partition("open")[0]  # Later nobody feeds it.


def test_settings_outlast_a_restart_on_request() -> None:
    with working_node() as board:
        board.write(b"interval 777\nwatchdog 5000\nrestart\n")
        board.wait_for("restart   on request", 60)
        board.wait_for("journal ", 60)
        board.write(b"\x03")
        board.wait_for(">>> ", 60)
        assert board.exec("print(open('/interval.json').read(), open('/watchdog.json').read())", 60) == "777 5000\n"


def test_a_node_that_works_can_be_sent_into_reduced_mode_and_back() -> None:
    with working_node() as board:
        board.write(b"repair\n")
        board.wait_for("start     REDUCED", 60)
        board.write(b"restart\n")
        board.wait_for("start 1 without a good run", 60)
        board.wait_for("journal ", 60)


JOIN_AND_RESET = """
import os
import asyncio
from aimdb_node import Wifi

wifi = Wifi("RP2040PY-GUEST", "password")

class Told:
    def produce(self, joined):
        print("joined", joined)
        if joined and not wifi.resets:
            wifi.rejoin(reset=True)

async def main():
    task = asyncio.create_task(wifi.keep(Told()))
    while not (wifi.resets and wifi.joined):
        await asyncio.sleep_ms(100)
    task.cancel()

asyncio.run(main())
"""


@pytest.mark.skipif(not os.environ.get("SOAK"), reason="takes a minute; SOAK=1 runs it")
def test_the_wifi_chip_joins_again_after_its_power_was_off() -> None:
    with Board(filesystem=library_image(), paced=True) as board:
        assert board.exec(JOIN_AND_RESET, 400) == "joined True\njoined False\njoined True\n"
