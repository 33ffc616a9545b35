"""Let the WiFi chip grant one credit for each packet that it was sent, and no more.

Why: the stock chip also grants one with each packet that it delivers; the 8 bit counter then laps the
driver's, which takes it for an empty one and stalls: TCP dies after about 72 round trips.

No longer needed once GSPIBus leaves `_bus_data_credit` alone in `_build_data_frame` and `_build_async_event`.
"""

from collections.abc import Callable
from typing import Any

from rp2040py.external.cyw43.bus import GSPIBus

# Packets that the driver may have under way; it accepts at most 20 at a time.
FIRST_CREDITS = 12


def repair_wifi_credits(bus: GSPIBus) -> None:
    """Repair one WiFi chip's bus. Call before the board starts; from then on the engine thread owns it."""
    stock_power_off = bus.power_off

    def without_credit(build: Callable[..., bytes]) -> Callable[..., bytes]:
        def build_without_credit(*arguments: Any, **options: Any) -> bytes:
            # The stock builder adds one: taken away beforehand, the packet carries the unchanged count.
            bus._bus_data_credit = (bus._bus_data_credit - 1) & 0xFF
            return build(*arguments, **options)

        return build_without_credit

    def power_off() -> None:
        stock_power_off()
        bus._bus_data_credit = FIRST_CREDITS

    bus._build_data_frame = without_credit(bus._build_data_frame)
    bus._build_async_event = without_credit(bus._build_async_event)
    bus.power_off = power_off
    bus._bus_data_credit = FIRST_CREDITS
