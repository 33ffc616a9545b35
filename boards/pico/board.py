"""Raspberry Pi Pico: what differs from other boards.

Flash: 2 MB. The firmware takes the first 0.6 MB; the rest, 1.4 MB, is the littlefs that `make deploy` writes to.
To flash MicroPython: hold BOOTSEL while plugging the board in, and copy the .uf2 of RPI_PICO onto the drive
that appears.
"""

NAME = "Raspberry Pi Pico"
LED = 25
TEMPERATURE_CHANNEL = 4  # The RP2040's own sensor.
ANEMOMETER = 15  # GPIO; its switch closes to ground once a turn.
INTERRUPT = {"hard": True}  # What Pin.irq takes on this chip.
