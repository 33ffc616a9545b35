"""Raspberry Pi Pico."""

from micropython import const
from rp2_temperature import celsius

NAME = "Raspberry Pi Pico"
LED = 25
ANEMOMETER = 15  # GPIO; its switch closes to ground once a turn.
INTERRUPT = {"hard": True}  # What Pin.irq takes on this chip.

_CHIP = const("rp2040")
_FIRMWARE = const("RPI_PICO")
_FLASH_KB = const(2048)
_FILESYSTEM_KB = const((640, 1408))
_BOOTLOADER = const("hold its BOOTSEL button down while you plug it in")
