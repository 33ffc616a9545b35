"""The world around a board's pins: levels to drive and to measure."""

from collections.abc import Callable
from typing import Any

from rp2040py.gpio_pin import GPIOPin
from rp2040py.rp2040 import RP2040

# Bits of a pin's status word.
OUTPUT_LEVEL = 1 << 9
OUTPUT_ENABLED = 1 << 13
PAD_LEVEL = 1 << 17

ADC_MAXIMUM = 4095
TEMPERATURE = 4  # The channel of the sensor in the chip.
AT_27_DEGREES = 876  # 0.706 V of 3.3 V.


class Pin:
    """One pin from the outside.

    Arguments:
        pin: the emulated pin, which only the engine thread may touch.
        on_engine: calls a function on the engine thread.
    """

    def __init__(self, pin: GPIOPin, on_engine: Callable[[Callable[[], Any]], Any]) -> None:
        self._pin = pin
        self._on_engine = on_engine

    def set(self, level: bool) -> None:
        """Drive the pin from outside, high or low."""
        self._on_engine(lambda: self._pin.set_input_value(bool(level)))

    def pulse(self, count: int, nanoseconds: int) -> "Pulses":
        """From now on let it go high `count` times, once in so many nanoseconds of emulated time; returns at once."""
        return self._on_engine(lambda: Pulses(self._pin, count, nanoseconds))

    def release(self) -> None:
        """Stop driving it: the board's own pull resistor decides."""
        self._on_engine(self._pin.release_input)

    @property
    def value(self) -> bool:
        """The level that a meter would show."""
        status = self._on_engine(lambda: self._pin.status)
        return bool(status & (OUTPUT_LEVEL if status & OUTPUT_ENABLED else PAD_LEVEL))


class Pulses:
    """A train of pulses into a pin, at exact emulated times. Made, and run, on the engine thread.

    Attributes:
        rising: the times of the edges so far, in nanoseconds.
    """

    def __init__(self, pin: GPIOPin, count: int, nanoseconds: int) -> None:
        self.rising: list[int] = []
        self._pin = pin
        self._count = count
        self._half = nanoseconds // 2
        self._clock = pin.rp2040.clock
        self._alarm = self._clock.create_alarm(self._change)
        self._high = False
        self._alarm.schedule(self._half)

    def _change(self) -> None:
        self._high = not self._high
        if self._high:
            self.rising.append(int(self._clock.nanos))
        self._pin.set_input_value(self._high)
        if self._high or len(self.rising) < self._count:
            self._alarm.schedule(self._half)


class AnalogInputs:
    """The five inputs of the ADC, by channel: 0 to 3 are GPIO26 to GPIO29, 4 is the temperature sensor.

    Values are raw, 0 to 4095; 4095 is the reference voltage. The temperature sensor begins at 27 degrees.
    """

    def __init__(self, mcu: RP2040, on_engine: Callable[[Callable[[], Any]], Any]) -> None:
        self._values = mcu.adc.channel_values
        self._values[TEMPERATURE] = AT_27_DEGREES
        self._on_engine = on_engine

    def __getitem__(self, channel: int) -> int:
        return self._values[self._checked(channel)]

    def __setitem__(self, channel: int, value: int) -> None:
        if not 0 <= value <= ADC_MAXIMUM:
            raise ValueError(f"the ADC has 12 bits, and {value} is not in 0 to {ADC_MAXIMUM}")
        self._checked(channel)
        self._on_engine(lambda: self._values.__setitem__(channel, value))

    def _checked(self, channel: int) -> int:
        if not 0 <= channel < len(self._values):
            raise ValueError(f"the ADC has no channel {channel}")
        return channel
