"""An `AimxRecord` keeps the promises of all buffers, by TCP and a hub that tells who watches each value that is set."""

import asyncio
import json

from aimdb_conformance import Way, conformance
from harness import skip, target

if target != "unix":
    skip("the hub of these tests needs the loopback of a computer")

from aimdb_aimx import AimxRecord
from scripted_broker import until
from scripted_hub import ScriptedHub, hasty

TIME_LIMIT = 300  # Hundreds of calls, on a computer that does something else as well.
ROOM = 3


class AnyValue:
    """Brings back every value of the suite as it was."""

    def encode(self, value):
        return json.dumps(repr(value))

    def decode(self, data):
        return eval(json.loads(data))


class EchoingHub(ScriptedHub):
    """Tells a value before it replies. While `holds`, it does neither."""

    holds = False

    async def talk(self, client):
        while True:
            frame = await client.frame()
            if frame.get("method") == "record.set":
                while self.holds:
                    await asyncio.sleep_ms(0)
                await self.tell(frame["params"]["name"], frame["params"]["value"])
            answer = self._done(client, frame)
            if answer is not None:
                await client.send(answer)
            for seen in (self.sets, self.subs, self.unsubs):
                del seen[:-ROOM]  # As it has the heap that must not grow.


class WayOfAHub(Way):
    calls = 400

    def __init__(self):
        self.records = 0

    def begin(self, server, hub):
        self.server = server
        self.hub = hub

    def make(self):
        """A record that the hub sends from now on. As the suite wants it, it is full of what the window takes."""
        self.records += 1
        record = AimxRecord("%s/%d" % (self.server.url, self.records), AnyValue(), ROOM, self.hub)
        record.subscribe()
        return record

    def hold(self):
        self.server.holds = True

    async def arrive(self):
        hub = self.hub
        self.server.holds = False
        moved, wakes = hub.moved.wake_all, [(inbox, inbox.wake) for inbox in hub.inboxes]
        hub.moved.wake_all = lambda: None
        for inbox, _ in wakes:
            inbox.wake = lambda: None
        try:
            while hub.window.flights and not hub.blocked:
                assert hub.connected
                await asyncio.sleep_ms(0)
        finally:
            hub.moved.wake_all = moved
            for inbox, wake in wakes:
                inbox.wake = wake
        moved()
        for _, wake in wakes:
            wake()

    def unread(self, record):
        return [eval(value) for key, value in self.server.sets if key == str(self.records)]

    def forget(self, record):
        record.close()


way = WayOfAHub()


def by_a_hub(test):
    async def run():
        async with EchoingHub() as server:
            hub = hasty(server, in_flight=ROOM, timeout_ms=60000)
            async with hub:
                await until(lambda: hub.connected)
                way.begin(server, hub)
                result = test()
                if hasattr(result, "send"):
                    await result
                assert hub.connected
                await server.stop()  # So that the hub's good-bye, which blocks this loop, need not wait for an answer.
                await until(lambda: not hub.connected)

    return run


traits = {"competing": True, "refuses": True, "keeps_for_late": True, "allocates": True, "way": way}
for name, test in conformance(way.make, **traits).items():
    globals()[name] = by_a_hub(test)
