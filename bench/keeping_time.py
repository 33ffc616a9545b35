"""How well a source keeps its period: `every`, and a loop of `sleep_ms`. See `tools/benchmarks/bench_periods.py`."""

import asyncio
import json
from time import sleep_us, ticks_diff, ticks_us

from aimdb import AimDb, SpmcRing, every

PERIOD_MS = 10
READ_US = 300  # So long a reading takes.


class Sensor:
    """Closes the record when it has been read for so many periods, and knows how long they took."""

    def __init__(self, periods, ring):
        self._periods = periods
        self._ring = ring
        self._count = -1
        self._last = 0
        self.microseconds = 0

    def read(self):
        now = ticks_us()
        self._count += 1
        if self._count:
            self.microseconds += ticks_diff(now, self._last)
        self._last = now
        if self._count == self._periods:
            self._ring.close()
        sleep_us(READ_US)
        return self._count


async def by_every(sensor, ring):
    db = AimDb()
    source = every(PERIOD_MS, sensor.read)
    db.configure("t", ring).source(source)
    await db.run()
    least, mean, most = source.lateness
    return {"overruns": source.overruns, "latest_ms": most}


async def by_loop(sensor, ring):
    async def source(producer):
        while not ring.closed:
            producer.produce(sensor.read())
            await asyncio.sleep_ms(PERIOD_MS)

    db = AimDb()
    db.configure("t", ring).source(source)
    await db.run()
    return {}


def run(name, periods):
    ring = SpmcRing(4)
    sensor = Sensor(periods, ring)
    figures = asyncio.run({"every": by_every, "sleep_ms": by_loop}[name](sensor, ring))
    # In seconds and in microseconds, as a float of a board has 24 bits.
    whole, rest = divmod(sensor.microseconds, periods)
    print(json.dumps(dict(figures, periods=periods, mean_us=[whole, rest / periods])))
