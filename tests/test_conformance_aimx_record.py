"""An `AimxRecord` keeps the promises of all buffers, by TCP and a hub that tells who watches each value that is set."""

import asyncio
import json

from aimdb_conformance import conformance
from harness import skip, target

if target != "unix":
    skip("the hub of these tests needs the loopback of a computer")

from aimdb_aimx import AimxRecord
from echoing_peer import ROOM, WayOfAPeer
from scripted_hub import ScriptedHub, hasty

TIME_LIMIT = 300  # Hundreds of calls, on a computer that does something else as well.


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


class WayOfAHub(WayOfAPeer):
    def make(self):
        """A record that the hub sends from now on. As the suite wants it, it is full of what the window takes."""
        self.count += 1
        record = AimxRecord("%s/%d" % (self.server.url, self.count), AnyValue(), ROOM, self.peer)
        record.subscribe()
        return record

    def unread(self, record):
        return [eval(value) for key, value in self.server.sets if key == str(self.count)]


way = WayOfAHub()
traits = {"competing": True, "refuses": True, "keeps_for_late": True, "allocates": True, "way": way}
tests = conformance(way.make, **traits)
globals().update(way.tests(tests, EchoingHub, lambda server: hasty(server, in_flight=ROOM, timeout_ms=60000)))
