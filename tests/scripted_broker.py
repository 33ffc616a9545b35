"""A broker that misbehaves as it is told, for what no real one does on demand: acknowledge late, out of order or
never, refuse, send what is no MQTT. It keeps no sessions. Tests with a real broker are in tests/host.
"""

import asyncio

import scripted_peer
from aimdb_mqtt import Broker
from aimdb_mqtt.broker import brokers


class Client(scripted_peer.Client):
    def __init__(self, reader, writer):
        super().__init__(reader, writer)
        self.pending = []  # Packet ids that are not acknowledged.

    async def packet(self):
        first = (await self.reader.readexactly(1))[0]
        length = shift = 0
        while True:
            byte = (await self.reader.readexactly(1))[0]
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return first, await self.reader.readexactly(length)

    async def write(self, data):
        self.writer.write(data)
        await self.writer.drain()

    async def send(self, packet, pieces=0):
        try:
            for at in range(0, len(packet), pieces or len(packet)):
                self.writer.write(packet[at : at + (pieces or len(packet))])
                await self.writer.drain()
                if pieces:
                    await asyncio.sleep_ms(0)
        except OSError:
            pass


class ScriptedBroker(scripted_peer.ScriptedPeer):
    """Speaks MQTT.

    Attributes that a test may set, each a function or a value:

        code        of CONNACK; None: no CONNACK at all
        session     of CONNACK: 1 if it remembers the client
        granted     code of SUBACK; None: none at all
        acknowledge async function (client, packet id), for each PUBLISH of QoS 1
        greeting    bytes that follow CONNACK
        before_pong bytes that come before each PINGRESP

    What it has seen: `published`, a list of (topic, payload, qos, duplicate); `connects`, the CONNECT packets; `open`,
    the number of messages that were not acknowledged, and `most_open`; `pings` and `goodbyes`; `subscribed` and
    `unsubscribed`; `retained`, topics of messages to keep; `acknowledged`, packet ids of PUBACKs, and `received` and
    `completed`, those of PUBRECs and PUBCOMPs.
    """

    scheme = "mqtt"
    known = brokers
    Client = Client

    def __init__(self):
        super().__init__()
        self.code = self.session = 0
        self.granted = 1
        self.acknowledge = at_once
        self.greeting = self.before_pong = b""
        self.published = []
        self.connects = []
        self.subscribed = []
        self.acknowledged = []
        self.received = []
        self.completed = []
        self.unsubscribed = []
        self.retained = []
        self.pings = self.goodbyes = 0
        self.open = self.most_open = 0

    async def send(self, packet, pieces=0):
        """Send bytes to every client, `pieces` at a time, or all at once."""
        for client in list(self.clients):
            await client.send(packet, pieces)

    async def talk(self, client):
        self.open = 0
        while True:
            first, body = await client.packet()
            kind = first >> 4
            if kind == 1:
                self.connects.append(body)
                if self.code is None:
                    continue
                await client.send(bytes((0x20, 2, self.session, self.code)) + self.greeting)
            elif kind == 3:
                await self._published(client, first, body)
            elif kind == 4:
                self.acknowledged.append(body[0] << 8 | body[1])
            elif kind == 5:
                self.received.append(body[0] << 8 | body[1])
                await client.send(b"\x62\x02" + body)
            elif kind == 7:
                self.completed.append(body[0] << 8 | body[1])
            elif kind == 8:
                length = body[2] << 8 | body[3]
                self.subscribed.append((body[4 : 4 + length].decode(), body[4 + length]))
                if self.granted is not None:
                    await client.send(b"\x90\x03" + body[:2] + bytes((self.granted,)))
            elif kind == 10:
                self.unsubscribed.append(body[4:].decode())
                await client.send(b"\xb0\x02" + body[:2])
            elif kind == 12:
                self.pings += 1
                await client.send(self.before_pong + b"\xd0\0")
            elif kind == 14:
                self.goodbyes += 1
                break

    async def _published(self, client, first, body):
        length = body[0] << 8 | body[1]
        topic = body[2 : 2 + length].decode()
        qos = first >> 1 & 3
        at = 2 + length
        packet_id = 0
        if qos:
            packet_id = body[at] << 8 | body[at + 1]
            at += 2
        if first & 1:
            self.retained.append(topic)
        self.published.append((topic, bytes(body[at:]), qos, bool(first & 8)))
        if qos:
            self.open += 1
            self.most_open = max(self.most_open, self.open)
            client.pending.append(packet_id)
            await self.acknowledge(self, client, packet_id)

    async def puback(self, client, packet_id):
        if packet_id in client.pending:
            client.pending.remove(packet_id)
            self.open -= 1
            await client.send(bytes((0x40, 2, packet_id >> 8, packet_id & 0xFF)))


async def at_once(broker, client, packet_id):
    await broker.puback(client, packet_id)


async def never(broker, client, packet_id):
    pass


def late(milliseconds):
    async def acknowledge(broker, client, packet_id):
        async def later():
            await asyncio.sleep_ms(milliseconds)
            await broker.puback(client, packet_id)

        asyncio.create_task(later())

    return acknowledge


def in_reverse(count):
    """Acknowledges messages in groups of so many, the last one first."""

    async def acknowledge(broker, client, packet_id):
        if len(client.pending) >= count:
            for pending in list(reversed(client.pending)):
                await broker.puback(client, pending)

    return acknowledge


def publish(topic, payload, qos=0, packet_id=1, first=0x30):
    """The bytes of a PUBLISH to a client."""
    topic = topic.encode()
    body = bytes((len(topic) >> 8, len(topic) & 0xFF)) + topic
    if qos:
        body += bytes((packet_id >> 8, packet_id & 0xFF))
    body += payload
    length = len(body)
    header = bytes((first | qos << 1,))
    while True:
        header += bytes((length & 0x7F | (0x80 if length > 0x7F else 0),))
        length >>= 7
        if not length:
            return header + body


def impatient(server, **options):
    """A Broker whose times are short, for the scripted one."""
    settings = {"timeout_ms": 200, "retry_ms": (5, 40)}
    settings.update(options)
    return Broker(server.url, **settings)
