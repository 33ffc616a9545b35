"""Values from interrupts to a task, on the chip: by SyncProducer, and by what else people use.

Every interrupt brings the next number. The task that receives it writes it to the emulator's marker, a peripheral of
no real chip, so that the host knows when it arrived. Meanwhile another task collects garbage and writes to the flash.
"""

import asyncio
import gc
import json
import os
from collections import deque
from struct import pack_into
from time import ticks_diff, ticks_ms

from aimdb import AimDb, BoundedQueue, Mailbox, SpmcRing
from machine import Pin, Timer, mem32
from micropython import alloc_emergency_exception_buf, schedule

alloc_emergency_exception_buf(100)

MARKER = 0x50400000
# What is written there, together with a number below 2**16.
PULSES = 1 << 16  # The rate at which the host shall let the pin go high, as often as it was told.
ARRIVED = 2 << 16
BEGIN = 3 << 16
END = 4 << 16

PIN = 15
DEPTH = 16
DISTURB_MS = 50


def record(buffer, depth=DEPTH, format=None):
    db = AimDb()
    db.configure("interrupts", buffer)
    return db.sync_producer("interrupts", depth, format), db.consumer("interrupts").subscribe()


class BySyncProducer:
    """The interrupt sends, and a reader of the record receives."""

    def __init__(self, buffer=None):
        self.producer, self.reader = record(buffer or BoundedQueue(DEPTH))

    def interrupt(self, number):
        return self.producer.try_send(number)

    async def receive(self, take):
        while True:
            take(await self.reader.recv())


class BySyncProducerToARing(BySyncProducer):
    def __init__(self):
        super().__init__(SpmcRing(DEPTH))


class ByPackedProducer(BySyncProducer):
    """The same with samples of three fields."""

    def __init__(self):
        self.producer, self.reader = record(BoundedQueue(DEPTH), DEPTH, "<IhH")

    def interrupt(self, number):
        pack_into("<IhH", self.producer.slot, 0, number, -1, 1)
        return self.producer.try_send_slot()

    async def receive(self, take):
        while True:
            take((await self.reader.recv())[0])


class ByThreadSafeFlag:
    """The interrupt leaves the number in an attribute and sets a flag: there is room for one."""

    def __init__(self):
        self.flag = asyncio.ThreadSafeFlag()
        self.number = 0

    def interrupt(self, number):
        self.number = number
        self.flag.set()
        return True

    async def receive(self, take):
        while True:
            await self.flag.wait()
            take(self.number)


class BySchedule:
    """The interrupt schedules a function, which may use the heap and puts the number where the task takes it."""

    def __init__(self):
        self.flag = asyncio.ThreadSafeFlag()
        self.numbers = deque((), 1000)
        self.callback = self._callback

    def interrupt(self, number):
        try:
            schedule(self.callback, number)
        except RuntimeError:
            return False
        return True

    def _callback(self, number):
        self.numbers.append(number)
        self.flag.set()

    async def receive(self, take):
        while True:
            await self.flag.wait()
            while self.numbers:
                take(self.numbers.popleft())


class ByNothing:
    def interrupt(self, number):
        return True


WAYS = {
    "nothing": ByNothing,
    "SyncProducer": BySyncProducer,
    "SyncProducer, SpmcRing": BySyncProducerToARing,
    "PackedProducer": ByPackedProducer,
    "ThreadSafeFlag": ByThreadSafeFlag,
    "schedule": BySchedule,
}


class Interrupts:
    """A number of interrupts at one rate, and what became of what they brought."""

    def __init__(self, way, count):
        self.way = WAYS[way]()
        self.count = count
        self.sent = 0
        self.refused = 0
        self.received = 0
        self.out_of_order = 0
        self.last = -1
        self.disturbances = 0
        self.over = False
        self.handler = self._handler

    def _handler(self, _):
        number = self.sent
        if number < self.count:
            self.sent = number + 1
            if not self.way.interrupt(number):
                self.refused += 1

    def take(self, number):
        mem32[MARKER] = ARRIVED + number
        self.received += 1
        if number <= self.last:
            self.out_of_order += 1
        self.last = number

    async def disturb(self):
        while not self.over:
            with open("disturbance", "a") as file:
                file.write("some bytes for the flash\n")
            gc.collect()
            self.disturbances += 1
            await asyncio.sleep_ms(DISTURB_MS)
        os.remove("disturbance")

    async def run(self, source, hard, rate):
        receiver = asyncio.create_task(self.way.receive(self.take))
        await asyncio.sleep_ms(20)
        if source == "Timer":
            timer = Timer(freq=rate, hard=hard, callback=self.handler)
        else:
            pin = Pin(PIN, Pin.IN)
            pin.irq(self.handler, Pin.IRQ_RISING, hard=hard)
            mem32[MARKER] = PULSES + rate
        started = ticks_ms()
        disturber = asyncio.create_task(self.disturb())
        while ticks_diff(ticks_ms(), started) < self.count * 1000 // rate + 5:
            await asyncio.sleep_ms(5)
        if source == "Timer":
            timer.deinit()
        else:
            pin.irq(None)
        before = -1
        while before != self.received:
            before = self.received
            await asyncio.sleep_ms(30)
        self.over = True
        await disturber
        receiver.cancel()


def run(source, hard, way, rate, count):
    """Report what became of `count` interrupts of a "Timer" or a "Pin", hard or soft, at `rate` per second."""
    asyncio.new_event_loop()
    interrupts = Interrupts(way, count)
    asyncio.run(interrupts.run(source, hard, rate))
    names = ("sent", "refused", "received", "out_of_order", "disturbances")
    print("\x1e" + json.dumps({name: getattr(interrupts, name) for name in names}))


def handler(way, first):
    """Mark the begin and the end of what a handler does: the first time since the loop has looked, or the eighth."""
    asyncio.new_event_loop()
    interrupt = WAYS[way]().interrupt
    gc.collect()
    for number in range(1 if first else 8):
        mem32[MARKER] = BEGIN
        interrupt(number)
        mem32[MARKER] = END


async def _deliver(producers):
    # The last of so many producers, all of records of their own, sends one value to a task that waits for it.
    records = [record(SpmcRing(DEPTH)) for _ in range(producers)]
    producer, reader = records[-1]

    async def receive():
        while True:
            await reader.recv()
            mem32[MARKER] = END

    receiver = asyncio.create_task(receive())
    await asyncio.sleep_ms(20)
    gc.collect()
    for value in range(3):
        mem32[MARKER] = BEGIN
        producer.try_send(value)
        await asyncio.sleep_ms(5)
    receiver.cancel()


def deliver(producers):
    """Mark the begin of `try_send` and the moment at which a task has the value, with so many SyncProducers."""
    asyncio.new_event_loop()
    gc.collect()
    asyncio.run(_deliver(producers))


async def _idle(producers, seconds):
    readers = []
    for _ in range(producers):
        producer, reader = record(Mailbox())
        readers.append(asyncio.create_task(reader.recv()))
    await asyncio.sleep_ms(20)
    mem32[MARKER] = BEGIN
    await asyncio.sleep(seconds)
    mem32[MARKER] = END


def idle(producers, seconds):
    """Mark the begin and the end of a time in which a program with so many SyncProducers waits."""
    asyncio.new_event_loop()
    gc.collect()
    asyncio.run(_idle(producers, seconds))
