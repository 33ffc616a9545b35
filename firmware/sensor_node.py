"""A sensor node: a temperature sensor, an anemometer, and consumers that do not all keep their pace.

    temperature  SpmcRing      sensor (periodic) -> watch (fast), archive (slow), summary
    uplink       BoundedQueue  summary (waits for space), watch (alarms, may be refused) -> send
    command      Mailbox       the console -> obey; what the broker sends has a record of its own, see telemetry.py
    interval     Setting       obey -> sensor; watchdog: obey -> main.py, at the next start
    journal      FlashQueue    see journal.py
    wind         SpmcRing      turned (an interrupt) -> measure_wind
    wifi, clock, network, answer  see telemetry.py

On the console, and by way of the broker, it takes the commands that `obey` has. What raises here ends the run; main.py
says what then happens.
"""

import asyncio
import gc
import sys
import time

import board
import journal
import telemetry
from aimdb import AimDb, BoundedQueue, BufferFull, BufferLagged, Mailbox, SpmcRing, check_int, every
from aimdb_node import (
    Commands,
    Refused,
    Restart,
    Setting,
    check_watchdog,
    console,
    one_of,
    reset_cause,
    whole,
)
from machine import Pin
from report import book, say

ALARM_CELSIUS = 30
ARCHIVE_MS = 1500  # A slow SD card.
SEND_MS = 900  # A slow radio.
SUMMARY_OF = 8  # Values to a summary.
LONGEST_MS = 3600000  # Between two values.
WIND_OF = 10  # Turns of the anemometer to a measurement.

db = AimDb()


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


def summary(celsius, values):
    """The mean of every few values; it must not be lost, so that it waits for space."""
    values.append(celsius)
    if len(values) == SUMMARY_OF:
        mean = sum(values) / SUMMARY_OF
        values.clear()
        return "mean %.1f C" % mean


def turned(pin):
    """In an interrupt, once a turn of the anemometer. Where it is a hard one, nothing may be allocated here."""
    anemometer.try_send(time.ticks_ms())


async def measure_wind(consumer):
    times = []
    async for now in consumer.subscribe():
        if not isinstance(now, int):
            raise TypeError("a turn is a time in ms, not %r" % now)  # ticks_diff would take anything.
        times.append(now)
        if len(times) > WIND_OF:
            seconds = max(1, time.ticks_diff(now, times[0])) / 1000  # Its contact may bounce.
            say("wind", "%.0f km/h" % (2.4 * WIND_OF / seconds))  # As common cup anemometers have it.
            times = [now]


async def send(consumer):
    async for message in consumer.subscribe():
        await asyncio.sleep_ms(SEND_MS)
        say("send", message)


async def obey(consumer):
    """The command handler: what a line is not, it says, and goes on."""
    async for line in consumer.subscribe():
        answer("obey", commands.obey(line))


def set_interval(milliseconds):
    interval.push(milliseconds)
    return "one value every %d ms" % milliseconds


def set_watchdog(milliseconds):
    try:
        watchdog.try_push(milliseconds)
    except ValueError as error:
        raise Refused(str(error))
    return "the watchdog waits %d ms, from the next start on" % milliseconds


def led(state):
    Pin(board.LED, Pin.OUT).value(state == "on")
    return "the LED is " + state


def restart():
    raise Restart


def repair():
    raise Restart("repair")


def break_():
    wind.push("a storm")  # A stage dies of it: to see what the node does then.


def status():
    lines = ["record       produced consumed dropped  held"]
    for buffer in (temperature, uplink, command, interval, wind, journal.samples):
        metrics = buffer.metrics()
        lines.append("%-12s %8d %8d %7d  %d of %d" % ((buffer.key,) + metrics[:3] + metrics.occupancy))
    gc.collect()
    lines.append("heap %d bytes, sensor failed %d times" % (gc.mem_alloc(), sensor.failures))
    return "\n".join(lines)


commands = Commands(passed=(Restart,))
commands.add("status", status)
commands.add("interval", set_interval, whole("MS", 1, LONGEST_MS))
commands.add("led", led, one_of("on", "off"))
commands.add("watchdog", set_watchdog, whole("MS", 0, 8388))
commands.add("crash", lambda: book.text or "none")
commands.add("restart", restart)
commands.add("repair", repair)
commands.add("break", break_)

temperature = SpmcRing(16)
uplink = BoundedQueue(3)
command = Mailbox()
interval = Setting("/interval.json", 50, lambda ms: check_int("interval", ms, 1, LONGEST_MS))
watchdog = Setting("/watchdog.json", 0, check_watchdog)
wind = SpmcRing(16)
sensor = every(interval.peek, board.celsius)  # It counts and names what the sensor raises, and goes on.

db.configure("temperature", temperature).source(sensor).tap(watch).tap(archive).tap(journal.keep)
db.configure("uplink", uplink).transform("temperature", summary, state=[]).tap(send)
db.configure("command", command).source(console()).tap(obey)
db.configure("interval", interval)
db.configure("watchdog", watchdog)
db.configure("wind", wind).tap(measure_wind)
db.configure("journal", journal.samples)
db.configure("starts", journal.starts)
anemometer = db.sync_producer("wind")
answer = telemetry.connect(db, obey, "journal")


async def main():
    say("start", "%s, %s" % (board.NAME, sys.version.split("; ")[1]))
    say("journal", journal.described())
    last = book.text.strip().rpartition("\n")[2] or "none"
    answer(
        "start",
        "start %d, after: %s; %d crashes so far, the last: %s"
        % (journal.starts.peek(), reset_cause(), book.crashes, last),
    )
    Pin(board.ANEMOMETER, Pin.IN, Pin.PULL_UP).irq(turned, Pin.IRQ_FALLING, **board.INTERRUPT)
    await db.run()
