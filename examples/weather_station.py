"""A weather station: three sensors at their own rates, a mean, a display, commands, and alarms that are never lost.

    outside   an LM75 or TMP102 thermometer on I2C: SDA to GP4, SCL to GP5, both with pull-ups; address 0x48
    light     a photoresistor from 3.3 V to GP26, and 10 kOhm from there to ground
    case      the thermometer in the chip: no wiring

The console is the display. A line typed there changes a rate: `light 100` reads the light every 100 ms. When the mean
of the last 8 outside temperatures passes 30 C, alarms are sent by a radio that takes a second for each; they wait in a
queue that makes their producer wait when it is full. Ctrl-C ends it.
"""

import asyncio
from collections import deque

from aimdb import AimDb, BoundedQueue, Mailbox, SingleLatest, SpmcRing, every
from aimdb_node import Commands, console, whole
from machine import ADC, I2C, Pin

HOT = 30

i2c = I2C(0, sda=Pin(4), scl=Pin(5))
photoresistor = ADC(26)
chip = ADC(ADC.CORE_TEMP)


def outside():
    """Degrees Celsius. When the wire is loose it raises OSError: that is named and counted, and the source goes on."""
    high, low = i2c.readfrom_mem(0x48, 0, 2)
    return ((high ^ 0x80) - 0x80) + low / 256


def light():
    return photoresistor.read_u16() * 100 // 65535


def case():
    return 27 - (chip.read_u16() * 3.3 / 65535 - 0.706) / 0.001721


def mean(celsius, window):
    window.append(celsius)
    return sum(window) / len(window)


async def compose(inputs, producer):
    """What the display shows: one line of the newest values."""
    newest = {}
    async for key, value in inputs:
        newest[key] = value
        producer.produce(" ".join(["%s %.1f" % (key, newest[key]) for key in sorted(newest)]))


async def display(consumer):
    async for line in consumer.subscribe():
        print("display:", line)
        await asyncio.sleep_ms(1000)  # A slow one: meanwhile it skips what is out of date.


def alarm(celsius, state):
    """An alarm when it has become hot, or cool again."""
    is_hot = celsius > HOT
    if is_hot != state["hot"]:
        state["hot"] = is_hot
        return "%s: %.1f C" % ("too hot" if is_hot else "cool again", celsius)


async def radio(consumer):
    async for alarm in consumer.subscribe():
        await asyncio.sleep_ms(1000)
        print("sent:", alarm)


async def obey(consumer):
    commands = Commands()
    for key in rates:
        commands.add(key, rates[key].produce, whole("MS", 10, 60000))
    async for line in consumer.subscribe():
        print("command:", commands.obey(line))


db = AimDb()
rates = {}
for read, milliseconds in ((outside, 250), (light, 500), (case, 1000)):
    key = read.__name__
    rates[key] = db.configure(key + " rate", SingleLatest())
    rates[key].produce(milliseconds)
    db.configure(key, SpmcRing(16)).source(every(rates[key].buffer.peek, read))
db.configure("mean", SingleLatest()).transform("outside", mean, deque((), 8))
db.configure("line", SingleLatest()).transform_join(("mean", "light", "case"), compose).tap(display)
db.configure("alarms", BoundedQueue(4)).transform("mean", alarm, {"hot": False}).tap(radio)
db.configure("command", Mailbox()).source(console()).tap(obey)
asyncio.run(db.run())
