"""ESP32-S3 DevKitC."""

from esp32 import mcu_temperature as celsius
from micropython import const

NAME = "ESP32-S3 DevKitC"
LED = 48  # A colour LED (WS2812), which takes neopixel; as a plain pin it stays dark.
ANEMOMETER = 4  # GPIO; its switch closes to ground once a turn.
INTERRUPT = {}  # Of Python there are only soft ones on this chip.

_CHIP = const("esp32s3")
_FIRMWARE = const("ESP32_GENERIC_S3")
_FLASH_KB = const(4096)
_FILESYSTEM_KB = const((2304, 1792))
_QUEUE_KB = const((2048, 256))
_BOOTLOADER = const("hold its BOOT button down, press and release EN (or RESET), and let BOOT go")
