"""One emulated board, with calls that block: for pytest and for plain scripts.

Two threads meet here. The engine thread runs the emulated chip, and it alone may touch the chip's state. The
caller's threads reach it through `_on_engine`, and read what the board printed from the console.
"""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from rp2040py.boards import BoardSpec
from rp2040py.device.base_device import BaseDevice
from rp2040py.external.bootsel_button import BootselButton
from rp2040py.external.cyw43 import Cyw43439
from rp2040py.utils.asyncio_loop_thread import start_loop_thread

from emulated_pico import filesystem as flash_filesystem
from emulated_pico import firmware as firmware_file
from emulated_pico.console import Console
from emulated_pico.errors import BoardError
from emulated_pico.flash import FlashMonitor
from emulated_pico.inbound import Inbound
from emulated_pico.marker import Marker
from emulated_pico.network import keep_on_this_machine
from emulated_pico.pins import AnalogInputs, Pin
from emulated_pico.raw_repl import run_code
from emulated_pico.repairs import (
    Engine,
    repair_nat_reset,
    repair_nat_retransmission,
    repair_uart,
    repair_usb_cdc,
    repair_usb_frames,
    repair_usb_reconnect,
    repair_wifi_credits,
    repair_wifi_power,
)
from emulated_pico.terminal import Terminal
from emulated_pico.uart_line import UartLine
from emulated_pico.usb_ports import UsbPorts
from emulated_pico.wifi_wire import WifiWire

MODELS = ("pico", "pico_w")

# Emulated time that a busy guest gets to come to rest; a resting one is noticed at once.
BOOT_LIMIT_NANOSECONDS = 50_000_000
WRITE_LIMIT_NANOSECONDS = 5_000_000

CTRL_C = 3


class Board:
    """An RP2040 board from power-on to power-off.

    Arguments:
        filesystem: littlefs image for the flash (see `emulated_pico.filesystem`), or None for a flash that the
            firmware formats at its first start.
        model: "pico_w", or "pico", which has no WiFi chip.
        firmware: path of a UF2 image, or None for the one that `emulated_pico.firmware` finds.
        paced: True holds emulated time back to the wall clock. Needed for anything with a real peer, such as
            a network or `mpremote mount`; without it, time in which the guest idles takes no wall time.

    Attributes:
        flash: records and counts flash operations, see `emulated_pico.flash`.
        marker: exact measuring points, see `emulated_pico.marker`.
        adc: raw 12 bit values of the analog inputs by channel, such as `board.adc[4] = 876`.
        mcu: the chip of rp2040py, for what this class does not offer. While the board runs, only the engine
            thread may touch it.

    Raises:
        ValueError: model or filesystem image is not a possible one.
        FirmwareError: no usable firmware image.
    """

    def __init__(
        self,
        filesystem: bytes | None = None,
        model: str = "pico_w",
        firmware: str | Path | None = None,
        paced: bool = False,
    ) -> None:
        if model not in MODELS:
            raise ValueError(f"model is {model!r}, but must be one of {', '.join(MODELS)}")
        image = firmware_file.check(Path(firmware)) if firmware is not None else firmware_file.find()
        geometry = flash_filesystem.geometry_of(image)
        if filesystem is not None and len(filesystem) != geometry.size:
            raise ValueError(f"filesystem image has {len(filesystem)} bytes, but the flash has {geometry.size} for it")

        wifi_chip = Cyw43439()
        wifi_chip.bus.attach_gpio = WifiWire(wifi_chip.bus).attach
        parts = (BootselButton, lambda: wifi_chip) if model == "pico_w" else (BootselButton,)
        self._model = model
        self._device = BaseDevice(board=BoardSpec(extras=parts, image=image))
        self.mcu = self._device.mcu
        self._geometry = geometry
        if filesystem is not None:
            self.mcu.flash[geometry.start : geometry.start + geometry.size] = filesystem

        self._console = Console()
        self._engine = Engine(self._device.simulator, paced, on_end=self._console.close)
        self._wire_console()
        repair_usb_cdc(self._device.cdc)
        repair_usb_frames(self.mcu.usb_ctrl)
        self._usb_ports = UsbPorts(self._device.cdc)
        repair_usb_reconnect(self._device.cdc)
        for uart in self.mcu.uart:
            repair_uart(uart)
        if model == "pico_w":
            repair_wifi_credits(wifi_chip.bus)
            repair_wifi_power(wifi_chip.bus, self.mcu)
            repair_nat_retransmission(wifi_chip.bus.nat_bridge, self.mcu.clock)
            repair_nat_reset(wifi_chip.bus.nat_bridge)
            keep_on_this_machine(wifi_chip.bus.nat_bridge)
            self._inbound = Inbound(wifi_chip.bus.nat_bridge)
        self._wifi_chip = wifi_chip

        self.flash = FlashMonitor(self.mcu)
        self.marker = Marker(self.mcu)
        self.adc = AnalogInputs(self.mcu, self._on_engine)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._loop_thread = None
        self._terminal: Terminal | None = None  # engine thread
        self._lines: dict[int, UartLine] = {}  # engine thread

    def _wire_console(self) -> None:
        def printed(data: bytes | bytearray) -> None:
            self._console.append(bytes(data))
            if self._terminal is not None:
                self._terminal.write(bytes(data))

        self._device.cdc.on_serial_data = printed

    # Life

    def start(self, timeout: float = 30.0) -> None:
        """Power the board, and wait until it is on the USB bus and, if no main.py keeps it busy, at rest.

        Arguments:
            timeout: upper bound, in seconds of wall time.

        Raises:
            BoardError: it did not appear in time, or was started before.
        """
        if self._loop is not None:
            raise BoardError("this board was started before: make a new one")
        self._loop, self._loop_thread = start_loop_thread()
        self._device.simulator.bind_loop(self._loop)
        try:
            self._device.start_async(timeout).result()
            self._wait_for_rest(BOOT_LIMIT_NANOSECONDS)
        except Exception as error:
            self.stop()
            raise BoardError(f"the board did not start: {error}") from error

    def stop(self) -> None:
        """Cut the power. The flash, the console and the counters can still be read. Safe to call twice."""
        if self._loop is None or self._loop.is_closed():
            return
        asyncio.run_coroutine_threadsafe(self._wind_down(), self._loop).result()
        # The thread would otherwise keep the whole emulated chip in memory for the life of the process.
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._loop_thread.join()
        self._loop.close()

    async def _wind_down(self) -> None:
        if self._terminal is not None:
            self._terminal.close()
            self._terminal = None
        for line in self._lines.values():
            line.close()
        self._usb_ports.close()
        if self._model == "pico_w":
            self._inbound.close()
        self._engine.stop()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        engine = self._device.simulator._execute_task
        for task in others - {engine}:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def end_at_reset(self) -> None:
        """From now on let a reset that the guest makes itself end every wait with a BoardError.

        The code of an `exec` is then forgotten, and its end would be waited for in vain.
        """
        usb = self.mcu.usb_ctrl
        reset_usb = usb.on_reset

        def on_reset() -> None:
            reset_usb()
            self._console.close("the board was reset")

        usb.on_reset = on_reset

    def cut_power(self) -> None:
        """Stop the chip after the instruction that it is at; every wait for it then ends with a BoardError.

        Unlike the other methods this may also be called from `flash.before`. `stop` is still due afterwards.
        """
        self._engine.stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def reset(self, timeout: float = 30.0) -> None:
        """Reset by the RUN pin, and wait as `start` does. RAM is lost, the flash is kept.

        Arguments:
            timeout: upper bound, in seconds of wall time.

        Raises:
            BoardError: the board did not come back in time, or does not run.
        """
        self._require_running()
        try:
            self._device.hard_reset_async(timeout).result()
        except Exception as error:
            raise BoardError(f"the board did not come back from its reset: {error}") from error
        self._wait_for_rest(BOOT_LIMIT_NANOSECONDS)

    @property
    def is_running(self) -> bool:
        """False before its start, after `stop`, and once its power was cut."""
        return self._engine.running

    # Console

    @property
    def console(self) -> str:
        """Everything that the board has printed since its start, the chatter of `exec` included."""
        return self._console.text

    def exec(self, code: str, timeout: float = 10.0, on_output: Callable[[str], object] | None = None) -> str:
        """Run code on the board, after an interrupt of whatever runs there; return what it printed.

        Arguments:
            code: MicroPython source.
            timeout: upper bound, in seconds of wall time; the code is interrupted when it is over.
            on_output: called in the caller's thread with each piece of output as it arrives.

        Raises:
            BoardError: the code raised (`stderr` has the traceback), or time is over, or the board is gone.
        """
        return run_code(self._console, self.write, code, timeout, on_output)

    def wait_for(self, text: str, timeout: float = 10.0) -> str:
        """Wait until the board prints the text.

        The search starts where the previous `wait_for` or `exec` ended, so that each print is found once.

        Arguments:
            text: what to wait for.
            timeout: upper bound, in seconds of wall time.

        Returns:
            What was printed from there up to and including the text.

        Raises:
            BoardError: the time is over, or the board is gone.
        """
        return self._console.take_through(text, timeout)

    def write(self, data: bytes) -> None:
        """Type bytes on the board's USB console.

        They arrive once the guest waits for something, or after 5 ms of emulated time when it does not: at
        a moment that depends on the guest alone, so that a run can be repeated to the cycle.

        Raises:
            BoardError: the board does not run.
        """

        def send() -> None:
            for byte in data:
                self._device.cdc.send_serial_byte(byte)

        self._wait_for_rest(WRITE_LIMIT_NANOSECONDS, then=send)

    def press_ctrl_c(self) -> None:
        """Have Ctrl-C come now, whatever the guest does. On the engine thread alone, as from `marker.on_mark`."""
        self._device.cdc.send_serial_byte(CTRL_C)

    def serve_pty(self) -> str:
        """Open a pseudo terminal onto the console, as a serial port is for a real board.

        Returns:
            Its path, such as /dev/pts/3. Calling again returns the same one.

        Raises:
            BoardError: the board does not run.
        """

        def serve() -> str:
            if self._terminal is None:
                self._terminal = Terminal(self._loop, self._device.cdc.send_serial_byte)
            return self._terminal.path

        return self._on_engine(serve)

    def serve_uart(self, number: int) -> str:
        """Open a pseudo terminal onto UART `number`. Returns its path; calling again returns the same one.

        Raises:
            ValueError: an RP2040 has no such UART.
            BoardError: the board does not run.
        """
        if not 0 <= number < len(self.mcu.uart):
            raise ValueError(f"an RP2040 has no UART{number}")
        self._require_running()

        def serve() -> str:
            if number not in self._lines:
                self._lines[number] = UartLine(self._loop, self.mcu.clock, self.mcu.uart[number])
            return self._lines[number].path

        return self._on_engine(serve)

    def serve_usb(self, number: int = 1) -> str:
        """Open a pseudo terminal onto a serial port that the guest makes on USB beside its console, which is number 0.

        Returns:
            Its path; calling again returns the same one.

        Raises:
            BoardError: the board does not run.
        """
        self._require_running()
        return self._on_engine(lambda: self._usb_ports.serve(number, self._loop))

    def forward(self, port: int) -> int:
        """Let programs on this machine connect to a server at the board's TCP `port`, by its WiFi.

        Returns:
            The port of 127.0.0.1 that leads there.

        Raises:
            BoardError: the board does not run, or is no Pico W.
        """
        self._require_running()
        if self._model != "pico_w":
            raise BoardError("only a Pico W has WiFi")
        return asyncio.run_coroutine_threadsafe(self._inbound.forward(port), self._loop).result()

    # Chip

    @property
    def cycles(self) -> int:
        """CPU cycles since the last reset; exact between two calls, while the board rests."""
        return self.mcu.core.cycles

    @property
    def nanoseconds(self) -> int:
        """Emulated time since the start."""
        return int(self.mcu.clock.nanos)

    def after(self, seconds: float, function: Callable[[], object]) -> None:
        """Have `function` called when so much emulated time has passed; returns at once.

        It is called on the engine thread, between two instructions: it may touch `mcu`, and not wait for anything. An
        error in it ends the board.
        """
        self._on_engine(lambda: self.mcu.clock.create_alarm(function).schedule(round(seconds * 1e9)))

    def write_after(self, seconds: float, data: bytes) -> None:
        """Type bytes on the console when so much emulated time has passed; returns at once."""

        def send() -> None:
            for byte in data:
                self._device.cdc.send_serial_byte(byte)

        self.after(seconds, send)

    def pin(self, number: int) -> Pin:
        """The pin GPIO`number`, as seen by something soldered to it.

        Raises:
            ValueError: an RP2040 has no such pin.
        """
        if not 0 <= number < len(self.mcu.gpio):
            raise ValueError(f"an RP2040 has no GPIO{number}")
        return Pin(self.mcu.gpio[number], self._on_engine)

    def drop_wifi(self) -> None:
        """End the association with the access point, as when it is switched off; the guest may join again.

        Connections through it are gone, which their other ends are told.
        """

        def drop() -> None:
            self._wifi_chip.bus.nat_bridge.reset()
            self._wifi_chip.bus._queue_disassoc_events()

        self._on_engine(drop)

    def filesystem(self) -> bytes:
        """The littlefs image in the flash, as it is now."""
        start = self._geometry.start
        return self._on_engine(lambda: bytes(self.mcu.flash[start : start + self._geometry.size]))

    # Threads

    def _on_engine(self, function: Callable[[], Any]) -> Any:
        """Call the function where the chip may be touched: on the engine thread, or here if there is none."""
        if self._loop is None or self._loop.is_closed() or threading.current_thread() is self._loop_thread:
            return function()

        async def call() -> Any:
            return function()

        return asyncio.run_coroutine_threadsafe(call(), self._loop).result()

    def _wait_for_rest(self, limit: int, then: Callable[[], None] = lambda: None) -> None:
        self._require_running()

        async def wait() -> None:
            await self._engine.rest(limit)
            then()

        asyncio.run_coroutine_threadsafe(wait(), self._loop).result()

    def _require_running(self) -> None:
        if not self._engine.running:
            raise BoardError(self._engine.failure or "the board does not run")
