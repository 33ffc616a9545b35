"""Two buttons and a rotary encoder by interrupt, debounced.

The handlers only note that something has moved; the debouncing and all else is done by tasks, which wake at once and
sleep while nobody touches anything. A contact that bounces for some milliseconds makes one event.

Wiring: a button from GP14 to ground, one from GP15 to ground, the encoder's A to GP16, B to GP17, and its common pin to
ground. Ctrl-C ends it.
"""

import asyncio
import time

from aimdb import AimDb, SingleLatest, SpmcRing
from machine import Pin

QUIET_MS = 20  # A contact that has been quiet for so long has settled.
HARD = {"hard": True}  # On an ESP32, which has no hard interrupts: {}

# What the encoder has turned, by its levels before and now, a bit for each of A and B; 0 when it has only bounced.
STEPS = (0, -1, 1, 0, 1, 0, 0, -1, -1, 0, 0, 1, 0, 1, -1, 0)
STEPS_A_CLICK = 4


def add_button(name, number):
    pin = Pin(number, Pin.IN, Pin.PULL_UP)

    async def debounce(consumer):
        reader = consumer.subscribe()
        was_down = False
        while True:
            await reader.recv()
            try:
                while True:
                    await reader.recv(timeout_ms=QUIET_MS)
            except asyncio.TimeoutError:
                pass
            is_down = not pin.value()
            if is_down != was_down:
                was_down = is_down
                events.produce("%s %s" % (name, "pressed" if is_down else "released"))

    def moved(_):
        edges.try_send(True)

    # Of its many edges only that there was one matters.
    db.configure(name, SingleLatest()).tap(debounce)
    edges = db.sync_producer(name, 4)
    pin.irq(moved, Pin.IRQ_RISING | Pin.IRQ_FALLING, **HARD)


class Encoder:
    def __init__(self, a, b):
        self._a = Pin(a, Pin.IN, Pin.PULL_UP)
        self._b = Pin(b, Pin.IN, Pin.PULL_UP)
        self._levels = self._a.value() << 1 | self._b.value()
        self.steps = 0
        for pin in (self._a, self._b):
            pin.irq(self._turned, Pin.IRQ_RISING | Pin.IRQ_FALLING, **HARD)

    def _turned(self, _):
        # The interrupt counts. What it sends only wakes the task, so that none of it must arrive.
        before = self._levels
        self._levels = self._a.value() << 1 | self._b.value()
        self.steps += STEPS[before << 2 | self._levels]
        turned.try_send(True)

    async def read(self, consumer):
        position = 0
        async for _ in consumer.subscribe():
            now = self.steps // STEPS_A_CLICK
            if now != position:
                position = now
                events.produce("volume %d" % position)


async def show(consumer):
    async for event in consumer.subscribe():
        print(time.ticks_ms(), event)


db = AimDb()
events = db.configure("events", SpmcRing(16)).tap(show)
add_button("play", 14)
add_button("stop", 15)
knob = db.configure("knob", SingleLatest())
turned = db.sync_producer("knob", 4)
knob.tap(Encoder(16, 17).read)
asyncio.run(db.run())
