"""Let the WiFi chip lose its power when the board is reset.

Why: a reset releases the pin that powers the chip, but tells no listener. So the stock chip stays in the middle of
what it did, and once it has joined a network the driver cannot start it again: "[CYW43] Failed to start CYW43".

No longer needed once GPIOPin.reset tells its listeners.
"""

from rp2040py.external.cyw43.bus import GSPIBus
from rp2040py.gpio_pin import GPIOPinState
from rp2040py.rp2040 import RP2040

WIFI_POWER = 23  # The pin of a Pico W that switches the WiFi chip on.


def repair_wifi_power(bus: GSPIBus, chip: RP2040) -> None:
    """Repair the WiFi chip on a board with this `chip`. Call before the board starts."""
    powered = False

    def on_change(state: GPIOPinState, _before: GPIOPinState) -> None:
        # The state before is not to be trusted: after a reset it is another one than the listeners were told last.
        nonlocal powered
        if powered and state is not GPIOPinState.HIGH:
            bus.power_off()
        powered = state is GPIOPinState.HIGH

    chip.gpio[WIFI_POWER].add_listener(on_change)
