"""Let a UART's transmit interrupt end, and have the UART run at its speed.

Why: the stock UART raises it again whenever the guest clears it, so that the guest never leaves the handler and
`machine.UART(...)` hangs the board. And the firmware runs the peripherals by the 48 MHz of the USB, where the stock
chip assumes 125 MHz, so that a line is 2.6 times as fast as the guest has set it.

No longer needed once RPUART raises the transmit interrupt only after bytes have been sent, and the chip has that clock.
"""

from rp2040py.peripherals.uart import RPUART, UARTDR, UARTTXINTR

FRAME_BITS = 10  # start, 8 data, stop
PERIPHERAL_HERTZ = 48_000_000


def repair_uart(uart: RPUART) -> None:
    """Repair one UART. Call before the board starts."""
    uart.rp2040.clk_peri = PERIPHERAL_HERTZ
    _Transmitter(uart)


class _Transmitter:
    """Replaces the interrupt logic of one UART. All of it runs on the engine thread."""

    def __init__(self, uart: RPUART) -> None:
        self._uart = uart
        self._sent_alarm = uart.rp2040.clock.create_alarm(self._sent)
        self._stock_write = uart.write_uint32
        self._stock_reset = uart.reset
        uart.check_interrupts = self._check_interrupts
        uart.write_uint32 = self._write
        uart.reset = self._reset

    def _check_interrupts(self) -> None:
        uart = self._uart
        uart.rp2040.set_interrupt(uart.irq, bool(uart._interrupt_status & uart._interrupt_mask))

    def _write(self, offset: int, value: int) -> None:
        self._stock_write(offset, value)
        if offset == UARTDR:
            # Each byte starts the time anew: the interrupt comes one frame after the last one.
            self._sent_alarm.schedule(FRAME_BITS * 1e9 / self._baud_rate())

    def _baud_rate(self) -> float:
        return self._uart.rp2040.clk_peri / (16 * max(self._uart.baud_divider, 1))

    def _sent(self) -> None:
        self._uart._interrupt_status |= UARTTXINTR
        self._check_interrupts()

    def _reset(self) -> None:
        self._sent_alarm.cancel()
        self._stock_reset()
