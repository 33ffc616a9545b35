"""A UART of the board as a serial port of this machine."""

import asyncio
from collections import deque

from rp2040py.clock.clock import IClock
from rp2040py.peripherals.uart import RPUART

from emulated_pico.terminal import Terminal

FRAME_BITS = 10  # Start, 8 data, stop.


class UartLine:
    """Made, used and closed on the engine thread. Bytes for the board arrive at the speed of the line."""

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: IClock, uart: RPUART) -> None:
        self._uart = uart
        self._waiting: deque[int] = deque()
        self._alarm = clock.create_alarm(self._arrive)
        self._arriving = False
        self._terminal = Terminal(loop, self._typed)
        self.path = self._terminal.path
        uart.on_byte = lambda byte: self._terminal.write(bytes((byte,)))

    def close(self) -> None:
        """Take the port away."""
        self._uart.on_byte = None
        self._alarm.cancel()
        self._terminal.close()

    def _typed(self, byte: int) -> None:
        if not self._uart.baud_divider:
            return  # The board has not set this UART up, and hears nothing of it.
        self._waiting.append(byte)
        if not self._arriving:
            self._arriving = True
            self._next()

    def _next(self) -> None:
        self._alarm.schedule(FRAME_BITS * 1e9 / max(self._uart.baud_rate, 300))

    def _arrive(self) -> None:
        self._uart.feed_byte(self._waiting.popleft())
        self._arriving = bool(self._waiting)
        if self._arriving:
            self._next()
