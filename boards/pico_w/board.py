"""Raspberry Pi Pico W."""

from micropython import const
from rp2_temperature import celsius

NAME = "Raspberry Pi Pico W"
LED = "LED"  # Wired to the WiFi chip, which takes a second to start when the LED is first used.
ANEMOMETER = 15  # GPIO; its switch closes to ground once a turn.
INTERRUPT = {"hard": True}  # What Pin.irq takes on this chip.

_CHIP = const("rp2040")
_FIRMWARE = const("RPI_PICO_W")
_FLASH_KB = const(2048)
_FILESYSTEM_KB = const((1200, 848))
_BOOTLOADER = const("hold its BOOTSEL button down while you plug it in")
