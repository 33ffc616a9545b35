"""A sensor node: a temperature sensor, an anemometer, and consumers that do not all keep their pace.

    temperature  SpmcRing      read_sensor -> watch (fast), archive (slow), summarize
    uplink       BoundedQueue  summarize (waits for space), watch (alarms, may be refused) -> send
    command      Mailbox       read_console -> obey
    interval     SingleLatest  obey -> read_sensor
    journal      FlashQueue    see journal.py
    wind         SpmcRing      turned (an interrupt) -> measure_wind
    wifi, network              see telemetry.py

On the console, and by way of the broker, it takes `status`, `interval MS`, and `led on` or `led off`.
"""

import asyncio
import sys
import time

import board
import journal
import telemetry
from aimdb import AimDb, BoundedQueue, BufferFull, BufferLagged, Mailbox, SingleLatest, SpmcRing
from machine import Pin

ALARM_CELSIUS = 30
ARCHIVE_MS = 1500  # A slow SD card.
SEND_MS = 900  # A slow radio.
SUMMARY_OF = 8  # Values to a summary.
WIND_OF = 10  # Turns of the anemometer to a measurement.

db = AimDb()


def say(who, text):
    print("%7.2f  %-9s %s" % (time.ticks_ms() / 1000, who, text))


async def read_sensor(producer):
    while True:
        producer.produce(board.celsius())  # The newest value matters most, and the sensor must not wait.
        await asyncio.sleep_ms(interval.peek())


async def watch(consumer):
    """The fast consumer: sees every value, and raises an alarm when it is too hot."""
    uplink = db.producer("uplink")
    hot = False
    async for celsius in consumer.subscribe():
        if hot != (celsius > ALARM_CELSIUS):
            hot = not hot
            message = "%s %.1f C" % ("too hot:" if hot else "cooled down:", celsius)
            try:
                uplink.try_produce(message)
                say("watch", message)
            except BufferFull as er:
                say("watch", "REFUSED, the uplink is full: " + er.value)


async def archive(consumer):
    """The slow consumer: what it has no time for is overwritten, and it is told how much that was."""
    reader = consumer.subscribe()
    while True:
        try:
            celsius = await reader.recv()
        except BufferLagged as er:
            say("archive", "LAGGED by %d values, %d in all" % (er.count, reader.lagged))
            continue
        await asyncio.sleep_ms(ARCHIVE_MS)
        say("archive", "stored %.1f C" % celsius)


async def summarize(consumer):
    """Hands on a mean of every few values; a summary must not be lost, so it waits for space."""
    uplink = db.producer("uplink")
    values = []
    async for celsius in consumer.subscribe():
        values.append(celsius)
        if len(values) == SUMMARY_OF:
            started = time.ticks_ms()
            await uplink.produce_async("mean %.1f C" % (sum(values) / SUMMARY_OF))
            values.clear()
            waited = time.ticks_diff(time.ticks_ms(), started)
            if waited > 20:
                say("summarize", "WAITED %d ms for space in the uplink" % waited)


def turned(pin):
    """In an interrupt, once a turn of the anemometer. Where it is a hard one, nothing may be allocated here."""
    anemometer.try_send(time.ticks_ms())


async def measure_wind(consumer):
    times = []
    async for now in consumer.subscribe():
        times.append(now)
        if len(times) > WIND_OF:
            seconds = time.ticks_diff(now, times[0]) / 1000
            say("wind", "%.0f km/h" % (2.4 * WIND_OF / seconds))  # As common cup anemometers have it.
            times = [now]


async def send(consumer):
    async for message in consumer.subscribe():
        await asyncio.sleep_ms(SEND_MS)
        say("send", message)


async def read_console(producer):
    console = asyncio.StreamReader(sys.stdin)
    line = ""
    while True:
        character = await console.read(1)
        if character not in "\r\n":
            line += character
        elif line:
            producer.produce(line)  # A newer command replaces one that was not yet obeyed.
            line = ""


async def obey(consumer):
    """The command handler."""
    async for line in consumer.subscribe():
        word, _, argument = line.strip().partition(" ")
        if word == "status":
            status()
        elif word == "interval" and argument.isdigit():
            db.produce_any("interval", max(1, int(argument)))
            say("obey", "one value every %s ms" % argument)
        elif word == "led" and argument in ("on", "off"):
            Pin(board.LED, Pin.OUT).value(argument == "on")
            say("obey", "the LED is " + argument)
        else:
            say("obey", "no such command: %r. Try: status, interval MS, led on, led off" % line)


def status():
    say("status", "record       produced consumed dropped  held")
    for buffer in (temperature, uplink, command, interval, wind, samples):
        metrics = buffer.metrics()
        say("", "%-12s %8d %8d %7d  %d of %d" % ((buffer.key,) + metrics[:3] + metrics.occupancy))


temperature = SpmcRing(16)
uplink = BoundedQueue(3)
command = Mailbox()
interval = SingleLatest()
wind = SpmcRing(16)

db.configure("temperature", temperature).source(read_sensor).tap(watch).tap(archive).tap(summarize)
db.configure("uplink", uplink).tap(send)
db.configure("command", command).source(read_console).tap(obey)
db.configure("interval", interval)

samples = journal.open_journal()
db.configure("journal", samples)
db.configure("temperature").tap(journal.keeper(samples))
db.configure("wind", wind).tap(measure_wind)
db.produce_any("interval", 50)
anemometer = db.sync_producer("wind")


async def main():
    say("start", "%s, %s" % (board.NAME, sys.version.split("; ")[1]))
    say("journal", journal.described(samples))
    telemetry.connect(db, say)
    Pin(board.ANEMOMETER, Pin.IN, Pin.PULL_UP).irq(turned, Pin.IRQ_FALLING, **board.INTERRUPT)
    await db.run()
