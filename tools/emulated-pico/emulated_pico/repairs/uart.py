"""Let a UART's transmit interrupt end, and have the UART send at its speed.

Why: the stock UART raises it again whenever the guest clears it, so that the guest never leaves the handler and
`machine.UART(...)` hangs the board. It has no FIFO to send from: what the guest writes is on the other side at once,
however slow the line. And the firmware runs the peripherals by the 48 MHz of the USB, where the stock chip assumes
125 MHz.

No longer needed once RPUART sends from a FIFO, byte by byte, and the chip has that clock.
"""

from collections import deque

from rp2040py.peripherals.uart import FEN, RPUART, RXFE, RXFF, TXFE, UARTDR, UARTFR, UARTTXINTR

FRAME_BITS = 10  # start, 8 data, stop
PERIPHERAL_HERTZ = 48_000_000

# What the stock UART does not know.
UARTIFLS = 0x34
TXFF = 1 << 5
BUSY = 1 << 3
FIFO_BYTES = 32
LEVELS = (4, 8, 16, 24, 28)  # The interrupt comes when so many bytes are left: by bits 0 to 2 of UARTIFLS.


def repair_uart(uart: RPUART) -> None:
    """Repair one UART. Call before the board starts."""
    uart.rp2040.clk_peri = PERIPHERAL_HERTZ
    _Transmitter(uart)


class _Transmitter:
    """Replaces the sending half of one UART. All of it runs on the engine thread."""

    def __init__(self, uart: RPUART) -> None:
        self._uart = uart
        self._fifo: deque[int] = deque()
        self._level = 2  # As at power-on.
        self._alarm = uart.rp2040.clock.create_alarm(self._sent)
        self._stock_read = uart.read_uint32
        self._stock_write = uart.write_uint32
        self._stock_reset = uart.reset
        uart.check_interrupts = self._check_interrupts
        uart.read_uint32 = self._read
        uart.write_uint32 = self._write
        uart.reset = self._reset

    def _check_interrupts(self) -> None:
        uart = self._uart
        uart.rp2040.set_interrupt(uart.irq, bool(uart._interrupt_status & uart._interrupt_mask))

    def _read(self, offset: int) -> int:
        if offset == UARTIFLS:
            return self._level
        if offset != UARTFR:
            return self._stock_read(offset)
        flags = self._uart.flags & (RXFF | RXFE)
        if not self._fifo:
            return flags | TXFE
        return flags | BUSY | (TXFF if len(self._fifo) >= self._depth() else 0)

    def _write(self, offset: int, value: int) -> None:
        if offset == UARTIFLS:
            self._level = value
        elif offset == UARTDR:
            if len(self._fifo) < self._depth():  # Else it is lost, as on the chip.
                self._fifo.append(value & 0xFF)
            if len(self._fifo) == 1:
                self._begin()
        else:
            self._stock_write(offset, value)

    def _depth(self) -> int:
        return FIFO_BYTES if self._uart._line_ctrl_register & FEN else 1

    def _begin(self) -> None:
        # The first byte stays in the FIFO while it is sent.
        baud_rate = self._uart.rp2040.clk_peri / (16 * max(self._uart.baud_divider, 1))
        self._alarm.schedule(FRAME_BITS * 1e9 / baud_rate)

    def _sent(self) -> None:
        uart = self._uart
        byte = self._fifo.popleft()
        if uart.on_byte:
            uart.on_byte(byte)
        if self._fifo:
            self._begin()
        if len(self._fifo) == (LEVELS[min(self._level & 7, 4)] if self._depth() > 1 else 0):
            uart._interrupt_status |= UARTTXINTR
            self._check_interrupts()

    def _reset(self) -> None:
        self._alarm.cancel()
        self._fifo.clear()
        self._level = 2
        self._stock_reset()
