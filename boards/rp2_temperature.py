"""The temperature sensor in the RP2040 and the RP2350."""

from machine import ADC

_sensor = ADC(ADC.CORE_TEMP)


def celsius():
    # Datasheet of the RP2040, 4.9.5: 0.706 V at 27 degrees, and 1.721 mV less for each degree more.
    celsius = 27 - (_sensor.read_u16() * 3.3 / 65535 - 0.706) / 0.001721
    if not -40 < celsius < 125:  # What the chip stands; the converter, or its reference, is at fault.
        raise OSError("the sensor says %d C" % celsius)
    return celsius
