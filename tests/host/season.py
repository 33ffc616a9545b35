"""A season in the field: the firmware on an emulated Pico W, a broker, and what happens to them, from a seed."""

from __future__ import annotations

import json
import random
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from device_files import files_for
from emulated_pico import Board, BoardError
from emulated_pico.filesystem import build_image
from fault_proxy import FaultProxy
from mqtt_broker import Listener, LocalBroker, Outage
from time_server import TimeServer

SSID = "RP2040PY-GUEST"
GATEWAY = "10.0.0.1"

# By the board's clock: until it answers after the last fault, and until all that it kept has arrived.
ANSWER_SECONDS = 30
ROOM_TEMPERATURE = 876  # What the converter of the chip's own sensor gives at 27 degrees.
ARRIVAL_SECONDS = 120

# By the wall's, for an emulated board on a busy machine: of starting, with its WiFi, and of nothing moving at all.
PATIENCE_SECONDS = 600

# The board's filesystem, and what of it is left free, so that filling it does not take long.
FILESYSTEM = 848 * 1024
FREE = 200 * 1024
SHORT = 512

# What is on the board besides its firmware: a record whose every value is acknowledged, and faults on request.
STAGES = """
import asyncio, gc, os
import journal, sensor_node
from aimdb import JsonCodec, Mailbox, load
from aimdb_flash import FlashQueue

kept = FlashQueue("/kept.queue", JsonCodec(), max_size=65536, flush_ms=0)
start = journal.starts.peek()
number = -1

async def account(producer):
    global number
    while True:
        number += 1
        try:
            await producer.produce_async([start, number])
            print("kept", start, number)
        except Exception as error:
            print("refused", start, number, repr(error))
        await asyncio.sleep_ms(1000)

async def suffer(consumer):
    async for what in consumer.subscribe():
        print("fault", what)
        if what == "fill":
            try:
                with open("/fill", "wb") as file:
                    while True:
                        file.write(bytes(4096))
                        await asyncio.sleep_ms(0)
            except OSError as error:
                print("full", repr(error))
        elif what == "free":
            try:
                os.remove("/fill")
            except OSError:
                pass
        elif what == "hog":
            gc.collect()
            hogged = []
            try:
                while gc.mem_free() > 4096:
                    hogged.append(bytearray(1024))
            except MemoryError:
                pass
            await asyncio.sleep(3)
            hogged = None
            gc.collect()
        elif what == "die":
            raise ValueError("a stage dies, as it was told")

sensor_node.db.configure("kept", kept).source(account).link_to(URL + "/node/kept")
sensor_node.db.configure("fault", Mailbox()).tap(suffer).link_from(URL + "/node/fault")
"""


class Season:
    """A node in the field, from `with` to its end. `say` gets a line for each thing that happens."""

    def __init__(self, seed: int, say: Callable[[str], object], hurry: bool = False) -> None:
        self.seed = seed
        self._say = say
        self._hurry = hurry  # All pauses are the shortest.
        self._random = random.Random(seed)
        self._secrets = tempfile.TemporaryDirectory(prefix="secrets-")
        self._passwords = Path(self._secrets.name, "passwords")
        Path(self._secrets.name).chmod(0o755)
        self._set_password("right")
        self._broker = LocalBroker("mosquitto", f"allow_anonymous false\npassword_file {self._passwords}")
        self._listener = Listener(self._broker.port, "node/+", username="listener", password="listener")
        self._proxy = FaultProxy(self._broker.port)
        self._outage = Outage(self._broker, self._proxy, self._listener)
        self._time = TimeServer()
        self._consoles: list[str] = []  # What boards before this one have printed.
        self.board = Board(self._image(), paced=True)
        self.board.adc[4] = ROOM_TEMPERATURE
        self.counts: dict[str, int] = {}

    def _set_password(self, password: str) -> None:
        self._passwords.unlink(missing_ok=True)
        for options in (
            ("-c", "-b", self._passwords, "node", password),
            ("-b", self._passwords, "listener", "listener"),
        ):
            subprocess.run(["mosquitto_passwd", *options], check=True, capture_output=True)
        self._passwords.chmod(0o644)

    def _image(self) -> bytes:
        url = f"mqtt://node:right@{GATEWAY}:{self._proxy.port}"
        files = {path[1:]: data for path, data in files_for("pico_w").items()}
        files["main.py"] = files["main.py"].replace(b"import sensor_node\n", b"import sensor_node, season\n")
        files["season.py"] = f"URL = {url!r}\n{STAGES}".encode()
        network = {"ssid": SSID, "password": "password", "broker": url, "ntp": [GATEWAY, self._time.port]}
        files["network.json"] = json.dumps(network).encode()
        files["interval.json"] = b"1000"  # An emulated chip that is busy takes seven times as long.
        files["watchdog.json"] = b"8000"
        # The filesystem keeps what is short beside its name.
        used = sum(len(data) + 4095 & ~4095 for data in files.values() if len(data) > SHORT)
        files["ballast"] = bytes(FILESYSTEM - FREE - used)
        return build_image(files)

    def __enter__(self) -> Season:
        self._broker.start()
        self._listener.__enter__()
        self._time.__enter__()
        self.board.start()
        self.wait(lambda: self.printed("network   connected"), "the node is connected")
        return self

    def __exit__(self, *exception: object) -> None:
        self.board.stop()
        self._proxy.down()
        self._time.__exit__()
        self._listener.__exit__()
        self._broker.__exit__()
        self._secrets.cleanup()

    # What is seen of the node

    @property
    def console(self) -> str:
        """All that it has printed, through all power cuts."""
        return "".join([*self._consoles, self.board.console])

    def printed(self, text: str) -> bool:
        """Whether it has, since its last power cut."""
        return text in self.board.console

    def acknowledged(self) -> list[tuple[int, int]]:
        """The values that were acknowledged to their producer, as (start, number)."""
        found = []
        for line in self.console.splitlines():
            words = line.split()
            if len(words) == 3 and words[0] == "kept" and words[1].isdigit() and words[2].isdigit():
                found.append((int(words[1]), int(words[2])))
        return found

    def arrived(self, topic: str = "node/kept") -> list[tuple[int, int]]:
        """The values that have come to the other end, as (start, number); each once, in the order of first arrival."""
        return list(dict.fromkeys(tuple(json.loads(payload)[:2]) for payload in self._listener.payloads(topic)))

    def open_connections(self) -> int:
        """TCP connections that the board has open, as its network sees it."""
        return len(self.board._wifi_chip.bus.nat_bridge._tcp._flows)

    def seconds(self) -> float:
        """The board's clock."""
        return self.board.nanoseconds / 1e9

    def wait(self, condition: Callable[[], object], what: str, board_seconds: float = 1e9) -> None:
        """Wait for it, at most so long by the board's clock. Raises AssertionError."""
        began = self.seconds()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            passed = self.seconds() - began
            assert passed < board_seconds, f"after {passed:.0f} s of the board: not {what}"
            assert time.monotonic() < deadline, f"after {PATIENCE_SECONDS} s: not {what}"
            time.sleep(0.1)

    def status(self, board_seconds: float = ANSWER_SECONDS) -> str:
        """What the node answers to `status`, asked for over the air. Raises AssertionError when it does not in time."""

        def answers() -> list[str]:
            found = [json.loads(payload) for payload in self._listener.payloads("node/answer")]
            return [text for text in found if text.startswith("record ")]

        before = len(answers())
        self._listener.send("node/command", b"status")
        self.wait(lambda: len(answers()) > before, "an answer to 'status'", board_seconds)
        return answers()[-1]

    def heap(self) -> int:
        """Bytes of heap in use, by its status."""
        return int(self.status().rpartition("heap ")[2].split()[0])

    # What happens to it. Each takes a few seconds, and is over when it returns.

    def pause(self, least: float = 2, most: float = 8) -> None:
        """By the board's clock."""
        chosen = self._random.uniform(least, most)
        until = self.seconds() + (least if self._hurry else chosen)
        while self.seconds() < until:
            time.sleep(0.05)

    def cut_power(self) -> None:
        """At a moment of its own choice, or in the middle of the next write to the flash."""
        if self._random.random() < 0.5:
            cut = []

            def before(operation: object) -> bool:
                cut.append(operation)
                self.board.cut_power()
                return self._random.random() < 0.5

            self.board.flash.before = before
            deadline = time.monotonic() + 30
            while not cut and time.monotonic() < deadline:
                time.sleep(0.02)
        self.board.stop()
        self._consoles.append(self.board.console)
        self.board = Board(self.board.filesystem(), paced=True)
        self.board.adc[4] = ROOM_TEMPERATURE
        self.board.start()
        self.wait(lambda: self.printed("start     Raspberry"), "started again")

    def restart_broker(self) -> None:
        self._outage.begin()
        self.pause()
        self._outage.end()

    def cut_connections(self) -> None:
        self._proxy.reset()
        self.pause(0.5, 2)

    def half_open(self) -> None:
        """All looks well, and nothing arrives."""
        self._proxy.swallow = True
        self.pause(5, 20)
        self._proxy.swallow = False
        self._proxy.reset()

    def lose_wifi(self) -> None:
        self.board.drop_wifi()
        self.pause()

    def black_hole(self) -> None:
        """The WiFi is joined, and no frame gets through."""
        bridge = self.board._wifi_chip.bus.nat_bridge
        bridge.handle_outbound_ethernet_frame = lambda *_: None
        self.pause(5, 30)
        del bridge.handle_outbound_ethernet_frame

    def wrong_password(self) -> None:
        self._outage.begin()
        self._set_password("wrong")
        self._broker.start()
        self._proxy.up()
        self.pause(4, 10)
        self._proxy.down()
        self._broker.stop()
        self._set_password("right")
        self._outage.end()

    def poison(self) -> None:
        """Messages that no command expects, one of them retained, so that it comes again at each start."""
        for topic in ("node/command", "node/fault"):
            for _ in range(3):
                self._listener.publish(topic, self._garbage(60), retain=self._random.random() < 0.3)
        self._listener.publish("node/command", b"interval 9999999999", retain=True)

    def type_garbage(self) -> None:
        data = self._garbage(200).translate(None, b"\x03\x04")  # Ctrl-C and Ctrl-D are for who sits there.
        self.board.write(data + b"\r\n")

    def _garbage(self, most: int) -> bytes:
        kinds = (b"5", b"null", b"\xc3", b'{"a":', b"interval -1", b"[]", b'"', b"x" * 300, b"")
        if self._random.random() < 0.5:
            return self._random.choice(kinds)
        return self._random.randbytes(self._random.randrange(1, most))

    def fail_sensor(self) -> None:
        self.board.adc[4] = 4095
        self.pause()
        self.board.adc[4] = ROOM_TEMPERATURE

    def fill_flash(self) -> None:
        self._listener.send("node/fault", b'"fill"')
        self.pause(5, 10)
        self._listener.send("node/fault", b'"free"')
        self.pause(1, 2)

    def take_heap(self) -> None:
        self._listener.send("node/fault", b'"hog"')
        self.pause(4, 6)

    def kill_stage(self) -> None:
        self._listener.send("node/fault", b'"die"')
        self.pause(2, 4)

    # The whole

    FAULTS = (
        (cut_power, 2),
        (restart_broker, 3),
        (cut_connections, 3),
        (half_open, 2),
        (lose_wifi, 2),
        (black_hole, 2),
        (wrong_password, 2),
        (poison, 3),
        (type_garbage, 3),
        (fail_sensor, 2),
        (fill_flash, 1),
        (take_heap, 1),
        (kill_stage, 2),
    )

    def suffer(self, count: int | None = None, until: float = 0) -> None:
        """One fault after the other, all kinds before any comes again if `count` is their number; or until then."""
        kinds = [fault for fault, _ in self.FAULTS]
        self._random.shuffle(kinds)
        while kinds[:count] if count else time.monotonic() < until:
            if count:
                fault = kinds.pop()
                count -= 1
            else:
                (fault,) = self._random.choices(*zip(*self.FAULTS))
            name = fault.__name__
            self.counts[name] = self.counts.get(name, 0) + 1
            self._say(f"{name.replace('_', ' ')}; {len(self.arrived())} of {len(self.acknowledged())} have arrived")
            fault(self)
            self.pause(0.5, 6)

    def _last_sample_knows_the_time(self) -> bool:
        payloads = self._listener.payloads("node/samples")
        return bool(payloads) and json.loads(payloads[-1])[3] > 1_700_000_000

    def harvest(self) -> None:
        """The faults are over: see what there is. Raises AssertionError."""
        self.status()
        acknowledged = self.acknowledged()
        missing = set(acknowledged)

        def all_there() -> bool:
            missing.difference_update(self.arrived())
            return not missing

        try:
            self.wait(all_there, "all have arrived", ARRIVAL_SECONDS)
        except AssertionError:
            raise AssertionError(f"of {len(acknowledged)} acknowledged values are missing: {sorted(missing)}") from None
        self.wait(self._last_sample_knows_the_time, "a sample that knows the time", ARRIVAL_SECONDS)
        for topic in ("node/kept", "node/samples"):
            found = self.arrived(topic)
            assert found == sorted(found), f"{topic} is out of order: {found}"
        self._say(
            f"{len(acknowledged)} acknowledged values and {len(self.arrived('node/samples'))} samples have arrived"
        )


__all__ = ["ANSWER_SECONDS", "BoardError", "Season"]
