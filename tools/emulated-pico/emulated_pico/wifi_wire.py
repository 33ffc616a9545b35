"""The wire to the WiFi chip, by words where the stock one goes by bits: WiFi starts in less than half the time.

The chip's driver sends its firmware in 3,600 blocks, through a DMA channel and a state machine of a PIO that puts out
bit by bit. Here the first word of a block, its header, crosses the wire so; the rest is taken out of the memory that
the channel reads, and the guest finds both at their end. It sees a wire that is faster, and no other difference.

All of this is on the engine thread.
"""

from rp2040py.external.cyw43.bus import GSPIBus, _word_count
from rp2040py.gpio_pin import GPIOPinState
from rp2040py.peripherals.dma import BSWAP, BUSY, IRQ_QUIET, RPDMAChannel
from rp2040py.rp2040 import RP2040

HIGH = GPIOPinState.HIGH
WORD_IS_FULL = 1 << 32
A_BLOCK = 16  # bytes
PIO_CHANNELS = 16  # The first requests for DMA are those of the PIOs: 4 to send and 4 to receive of each.


class WifiWire:
    """Stands between the pins of the chip and a WiFi chip's bus. `attach` does what `GSPIBus.attach_gpio` does."""

    def __init__(self, bus: GSPIBus) -> None:
        self._bus = bus

    def attach(self, chip: RP2040, *, clk: int = 29, data: int = 24, cs: int = 25) -> None:
        """Listen to the pins. Call before the board starts."""
        bus = self._bus
        bus._data_pin = data_pin = chip.gpio[data]
        word = 1  # What has arrived of a word, behind a 1.
        sampling = False

        def on_select(state: GPIOPinState, _before: GPIOPinState) -> None:
            nonlocal word, sampling
            word = 1
            sampling = state is not HIGH
            bus._on_cs_change(sampling)

        def on_clock(state: GPIOPinState, before: GPIOPinState) -> None:
            nonlocal word, sampling
            if bus._response_bytes:
                if state is not HIGH and before is HIGH:
                    data_pin.set_input_value(bus._on_clock_falling())
            elif state is HIGH and sampling:
                word = word << 1 | (data_pin.value is HIGH)
                if word >= WORD_IS_FULL:
                    self._deliver(word)
                    word = 1
                    sampling = not self._skip_the_rest(chip)

        chip.gpio[cs].add_listener(on_select)
        chip.gpio[clk].add_listener(on_clock)

    def _deliver(self, word: int) -> None:
        # The bus has its own bits: it gets the first 31 at once, and then the last.
        self._bus._shift_reg = (word >> 1) & 0x7FFFFFFF
        self._bus._bits_in_word = 31
        self._bus._on_clock_rising(bool(word & 1))

    def _skip_the_rest(self, chip: RP2040) -> bool:
        # Whether this was the header of a block, which has arrived now.
        command = self._bus._pending_command
        if command is None or command.size < A_BLOCK or self._bus._pending_write_words:
            return False
        channel = sending_channel(chip)
        if channel is None:
            return False
        machine = chip.pio[channel.treq >> 3].machines[channel.treq & 3]
        waiting = machine.tx_fifo.item_count
        if waiting + channel._trans_count != _word_count(command.size):
            return False
        words = [machine.tx_fifo.pull() for _ in range(waiting)] + take_all(chip, channel)
        for word in words:
            self._deliver(word)
        # The state machine has no bit left, and none to come: it stalls, for which the driver waits.
        machine.x = 0
        machine.output_shift_count = 32
        return True


def sending_channel(chip: RP2040) -> RPDMAChannel | None:
    """The DMA channel that sends to a state machine now."""
    for channel in chip.dma.channels:
        if channel.active and channel.treq < PIO_CHANNELS and not channel.treq & 4:
            return channel
    return None


def take_all(chip: RP2040, channel: RPDMAChannel) -> list[int]:
    """The words that a DMA channel still has to transfer; it is done then."""
    count, address = channel._trans_count, channel._read_addr
    words = [chip.read_uint32(address + 4 * number) for number in range(count)]
    if channel._ctrl & BSWAP:
        words = [int.from_bytes(word.to_bytes(4, "little"), "big") for word in words]
    channel.transfer_alarm.cancel()
    channel._read_addr = address + 4 * count
    channel._trans_count = 0
    channel._ctrl &= ~BUSY
    if not channel._ctrl & IRQ_QUIET:
        chip.dma.int_raw |= 1 << channel.index
        chip.dma.check_interrupts()
    return words
