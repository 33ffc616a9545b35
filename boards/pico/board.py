"""Raspberry Pi Pico."""

from micropython import const
from rp2_temperature import celsius

NAME = "Raspberry Pi Pico"
LED = 25

_CHIP = const("rp2040")
_FIRMWARE = const("RPI_PICO")
_FLASH_KB = const(2048)
_FILESYSTEM_KB = const((640, 1408))
_BOOTLOADER = const("hold its BOOTSEL button down while you plug it in")
