"""What `help(aimdb)` shows, and what is said where AimDB does not run. Loaded for that, and not kept."""

import sys

from . import once

_TEXT = """\
Records with buffers, between the tasks that produce values and those that
consume them:

    async def sensor(producer):
        while True:
            producer.produce(read())     # or try_produce, await produce_async
            await asyncio.sleep_ms(100)

    async def display(consumer):
        async for value in consumer.subscribe():
            print(value)

    db = AimDb()
    db.configure("temperature", SpmcRing(16)).source(sensor).tap(display)
    asyncio.run(db.run())

SpmcRing(n)      each reader gets the last n values
SingleLatest()   each reader gets the newest value
Mailbox()        one reader gets the newest value
BoundedQueue(n)  one reader gets each value, and producers can wait for space

reader = consumer.subscribe()   await reader.recv(timeout_ms=...), try_recv()
db.sync_producer(key)           try_send(value) in interrupts

Names, by "from aimdb import ...":"""


def text() -> str:
    """The page, at most 80 columns wide."""
    lines = [_TEXT]
    for name in once("loading").find({}, "__all__"):
        if len(lines) == 1 or len(lines[-1]) + len(name) > 78:
            lines.append(name)
        else:
            lines[-1] += " " + name
    return "\n".join(lines)


def refuse() -> None:
    """Tell that another Python imports this, or an old MicroPython runs it. Raises `ImportError`."""
    if sys.implementation.name == "micropython":
        # The deque of older ones reads past its end, when it has wrapped round and is indexed.
        version = sys.implementation.version
        raise ImportError(
            "aimdb needs MicroPython 1.25 or newer, and this is %d.%d; micropython.org/download has it" % version[:2]
        )
    raise ImportError(
        "aimdb is for MicroPython, and this is %s %s. On a computer MicroPython's unix port runs it (micropython "
        "main.py), and pytest does with the plugin pytest-micropython. On a board: mpremote run main.py"
        % (sys.implementation.name, sys.version.split()[0])
    )
