"""What each example has around it on the emulated board: sensors, fingers, a gateway, a broker. Nothing in the examples
knows of it.

All happens by the board's clock, in calls that the engine makes: they touch the chip and wait for nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from emulated_pico import Board
from mqtt_broker import Listener, LocalBroker


class Surroundings:
    """Nothing at all: for examples that need no wiring.

    Attributes:
        lives: how often the board is started; in between the power is cut.
        has_network: the board has WiFi, and so needs the wall clock.
    """

    lives = 1
    has_network = False

    def __init__(self, say: Callable[[str], object] = print) -> None:
        self._say = say

    def files(self) -> dict[str, bytes]:
        """What is on the board's flash, besides the library."""
        return {}

    def arrange(self, board: Board, life: int) -> None:
        """Wire everything to a board that is about to run the example."""

    def __enter__(self) -> Surroundings:
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    def _happens(self, board: Board, seconds: float, what: str, function: Callable[[], object] | None = None) -> None:
        def happen() -> None:
            self._say(f"* {what}")
            if function:
                function()

        board.after(seconds, happen)

    def _is_typed(self, board: Board, seconds: float, line: str) -> None:
        self._happens(board, seconds, f"somebody types: {line}")
        board.write_after(seconds, line.encode() + b"\n")


class Thermometer:
    """An LM75 on the first I2C bus: register 0 is the temperature."""

    ADDRESS = 0x48

    def __init__(self, board: Board) -> None:
        self.celsius = 25.0
        self.is_loose = False
        self._bus = bus = board.mcu.i2c[0]
        self._next = 0
        bus.on_connect = lambda address, mode: bus.complete_connect(address == self.ADDRESS and not self.is_loose)
        bus.on_write_byte = self._select
        bus.on_read_byte = self._read

    def _select(self, register: int) -> None:
        self._next = 0
        self._bus.complete_write(register == 0)

    def _read(self, more: bool) -> None:
        raw = round(self.celsius * 256).to_bytes(2, "big", signed=True)
        self._next += 1
        self._bus.complete_read(raw[(self._next - 1) % 2])


class WeatherStation(Surroundings):
    """A day in some seconds: it gets hot, a wire comes loose, and somebody types."""

    def arrange(self, board: Board, life: int) -> None:
        thermometer = Thermometer(board)
        light = board.mcu.adc.channel_values

        def warm(celsius: float) -> Callable[[], object]:
            return lambda: setattr(thermometer, "celsius", celsius)

        def loose(is_loose: bool) -> Callable[[], object]:
            return lambda: setattr(thermometer, "is_loose", is_loose)

        light[0] = 1000
        light[4] = 876
        self._happens(board, 1.8, "the wire of the thermometer is loose for a moment", loose(True))
        board.after(2.3, loose(False))
        self._happens(board, 2.4, "the sun comes out", lambda: light.__setitem__(0, 3500))
        self._happens(board, 2.6, "it gets hot", warm(36))
        self._is_typed(board, 3.2, "outside 100")
        self._is_typed(board, 3.6, "light 5")
        self._happens(board, 5.0, "it cools down", warm(20))


class DataLogger(Surroundings):
    """A gateway that does not answer before the power has been out."""

    lives = 2

    def __init__(self, say: Callable[[str], object] = print) -> None:
        super().__init__(say)
        self.taken: list[tuple[int, int]] = []  # (start, number) of each sample that the gateway has.

    def arrange(self, board: Board, life: int) -> None:
        board.mcu.adc.channel_values[4] = 876
        uart = board.mcu.uart[0]
        line = bytearray()

        def hear(byte: int) -> None:
            line.append(byte)
            if line.endswith(b"\n"):
                sample = json.loads(line)
                line.clear()
                if life > 0:
                    self.taken.append((sample["start"], sample["number"]))
                    for each in b"ok %d %d\n" % self.taken[-1]:
                        uart.feed_byte(each)

        uart.on_byte = hear


class Buttons(Surroundings):
    """Fingers, on contacts that bounce."""

    PLAY, STOP, A, B = 14, 15, 16, 17

    def arrange(self, board: Board, life: int) -> None:
        gpio = board.mcu.gpio
        for number in (self.PLAY, self.STOP, self.A, self.B):
            gpio[number].set_input_value(True)

        def move(at: float, number: int, level: bool, bounces: int = 3) -> None:
            # The last of the edges is to the level that stays.
            for edge in range(2 * bounces + 1):
                value = level if edge % 2 == 0 else not level
                board.after(at + edge * 0.0007, lambda value=value: gpio[number].set_input_value(value))

        def turn(at: float, first: int, second: int) -> None:
            for number, level in ((first, False), (second, False), (first, True), (second, True)):
                move(at, number, level, 1)
                at += 0.01

        self._happens(board, 1.0, "play is pressed, and released")
        move(1.0, self.PLAY, False)
        move(1.3, self.PLAY, True)
        self._happens(board, 2.0, "stop is pressed, and released")
        move(2.0, self.STOP, False)
        move(2.1, self.STOP, True)
        self._happens(board, 3.0, "the knob is turned by three clicks to the right")
        for click in range(3):
            turn(3.0 + click * 0.1, self.A, self.B)
        self._happens(board, 4.0, "the knob is turned by one click to the left")
        turn(4.0, self.B, self.A)


class HomeAssistant(Surroundings):
    """A broker, and what Home Assistant would hear and say there."""

    has_network = True
    GATEWAY = "10.0.0.1"  # This machine, as the emulated board sees it.

    def __init__(self, say: Callable[[str], object] = print) -> None:
        super().__init__(say)
        self._broker = LocalBroker()
        self.listener = Listener(self._broker.port, "#")
        self._is_over = False

    def files(self) -> dict[str, bytes]:
        broker = f"mqtt://{self.GATEWAY}:{self._broker.port}"
        return {"network.json": json.dumps({"ssid": "RP2040PY-GUEST", "password": "-", "broker": broker}).encode()}

    def arrange(self, board: Board, life: int) -> None:
        board.mcu.adc.channel_values[4] = 876
        heard = 0
        told = False

        def look() -> None:
            nonlocal heard, told
            if self._is_over:
                return
            board.after(0.2, look)
            new = self.listener.messages[heard:]
            heard += len(new)
            for topic, payload in new:
                self._say(f"* the broker has {topic}: {payload.decode(errors='replace')}")
                if topic.startswith("homeassistant/switch/") and not told:
                    told = True
                    self._say("* Home Assistant switches the LED on")
                    self.listener.send(json.loads(payload)["command_topic"], b"ON")

        look()

    def __enter__(self) -> HomeAssistant:
        self._broker.__enter__()
        self.listener.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self._is_over = True
        self.listener.__exit__()
        self._broker.__exit__()


AROUND: dict[str, type[Surroundings]] = {
    "weather_station": WeatherStation,
    "data_logger": DataLogger,
    "buttons": Buttons,
    "home_assistant": HomeAssistant,
}
