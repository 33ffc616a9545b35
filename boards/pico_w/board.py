"""Raspberry Pi Pico W: what differs from other boards.

Flash: 2 MB. The firmware takes the first 1.2 MB; the rest, 848 KB, is the littlefs that `make deploy` writes to.
To flash MicroPython: hold BOOTSEL while plugging the board in, and copy the .uf2 of RPI_PICO_W onto the drive
that appears.
"""

NAME = "Raspberry Pi Pico W"
LED = "LED"  # Wired to the WiFi chip, which takes a second to start when the LED is first used.
TEMPERATURE_CHANNEL = 4  # The RP2040's own sensor.
ANEMOMETER = 15  # GPIO; its switch closes to ground once a turn.
INTERRUPT = {"hard": True}  # What Pin.irq takes on this chip.
