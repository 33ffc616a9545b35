"""One slot for commands: a newer one takes the place of one that nobody has read yet.

Three colours are sent before the lamp is ready, so it gets the last one only. From then on it is quick enough to get
each. With two readers, a command would go to one of them.

Wiring: none. It ends by itself after some two seconds.
"""

import asyncio

from aimdb import AimDb, Mailbox


async def send(producer):
    for colour in ("red", "green", "blue"):
        producer.produce(colour)
        print("sent", colour)
    await asyncio.sleep_ms(1000)
    for colour in ("yellow", "black"):
        producer.produce(colour)
        print("sent", colour)
        await asyncio.sleep_ms(300)
    command.close()


async def lamp(consumer):
    await asyncio.sleep_ms(500)  # It takes a while to start.
    async for colour in consumer.subscribe():
        print("the lamp is", colour)


command = Mailbox()
db = AimDb()
db.configure("command", command).source(send).tap(lamp)
asyncio.run(db.run())
