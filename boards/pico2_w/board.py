"""Raspberry Pi Pico 2 W."""

from micropython import const
from rp2_temperature import celsius

NAME = "Raspberry Pi Pico 2 W"
LED = "LED"  # Wired to the WiFi chip, which takes a second to start when the LED is first used.
ANEMOMETER = 15  # GPIO; its switch closes to ground once a turn.
INTERRUPT = {"hard": True}  # What Pin.irq takes on this chip.

_CHIP = const("rp2350")
_FIRMWARE = const("RPI_PICO2_W")
_FLASH_KB = const(4096)
_FILESYSTEM_KB = const((1536, 2560))
_BOOTLOADER = const("hold its BOOTSEL button down while you plug it in")
