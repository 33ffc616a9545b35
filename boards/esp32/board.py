"""ESP32 DevKit."""

import esp32
from micropython import const

NAME = "ESP32 DevKit"
LED = 2  # Most boards with an ESP32 module have it there, some have none.
ANEMOMETER = 4  # GPIO; its switch closes to ground once a turn.
INTERRUPT = {}  # Of Python there are only soft ones on this chip.

_CHIP = const("esp32")
_FIRMWARE = const("ESP32_GENERIC")
_FLASH_KB = const(4096)
_FILESYSTEM_KB = const((2304, 1792))
_QUEUE_KB = const((2048, 256))
_BOOTLOADER = const("hold its BOOT button down, press and release EN (or RESET), and let BOOT go")


def celsius():
    return (esp32.raw_temperature() - 32) / 1.8  # The chip measures in degrees Fahrenheit.
