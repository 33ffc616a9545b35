"""Raspberry Pi Pico 2."""

from micropython import const
from rp2_temperature import celsius

NAME = "Raspberry Pi Pico 2"
LED = 25
ANEMOMETER = 15  # GPIO; its switch closes to ground once a turn.
INTERRUPT = {"hard": True}  # What Pin.irq takes on this chip.

_CHIP = const("rp2350")
_FIRMWARE = const("RPI_PICO2")
_FLASH_KB = const(4096)
_FILESYSTEM_KB = const((1024, 3072))
_BOOTLOADER = const("hold its BOOTSEL button down while you plug it in")
