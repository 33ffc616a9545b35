"""An `MqttTopic` keeps the promises of all buffers, with a broker that sends each message back to who subscribes."""

import asyncio

from aimdb_conformance import conformance
from harness import skip, target

if target != "unix":
    skip("the broker of these tests needs the loopback of a computer")

from aimdb_mqtt import MqttTopic
from echoing_peer import ROOM, WayOfAPeer
from scripted_broker import ScriptedBroker, impatient, publish

TIME_LIMIT = 300  # Hundreds of calls, on a computer that does something else as well.


class AnyValue:
    """Brings back every value of the suite as it was."""

    def encode(self, value):
        return repr(value)

    def decode(self, data):
        return eval(data)


class EchoingBroker(ScriptedBroker):
    """Sends a message before it acknowledges it. While `holds`, it does neither."""

    holds = False

    def __init__(self):
        super().__init__()
        self.acknowledge = send_back

    async def _published(self, client, first, body):
        while self.holds:
            await asyncio.sleep_ms(0)
        await super()._published(client, first, body)
        for seen in (self.published, self.subscribed, self.unsubscribed, self.acknowledged):
            del seen[:-ROOM]  # As it has the heap that must not grow.


async def send_back(broker, client, packet_id):
    topic, payload, _, _ = broker.published[-1]
    await client.send(publish(topic, payload, 1, packet_id))
    await broker.puback(client, packet_id)


class WayOfABroker(WayOfAPeer):
    def make(self):
        """A topic whose messages come from now on. As the suite wants it, it is full of what the window takes."""
        self.count += 1
        topic = MqttTopic("%s/%d" % (self.server.url, self.count), codec=AnyValue(), capacity=ROOM, broker=self.peer)
        topic.subscribe()
        return topic

    def unread(self, topic):
        return [eval(payload) for name, payload, _, _ in self.server.published if name == str(self.count)]


way = WayOfABroker()
traits = {"competing": True, "refuses": True, "keeps_for_late": True, "allocates": True, "way": way}
tests = conformance(way.make, **traits)
globals().update(way.tests(tests, EchoingBroker, lambda server: impatient(server, in_flight=ROOM, timeout_ms=60000)))
