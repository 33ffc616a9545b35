"""An AimX hub that does something only when a test calls `look`: it outlives the loop of a node that loses its power,
and needs no memory while the node has none. Its connections end, or fall silent, after any byte.
"""

import asyncio
import json
import random
import socket

from scripted_hub import ScriptedHub, framed
from scripted_peer import PORTS


class Connection:
    def __init__(self, raw, fault):
        raw.setblocking(False)
        self.raw = raw
        self.kind, self.at = fault or (None, 0)
        self.data = b""  # What has come and was not looked at,
        self.out = b""  # and what is still to be sent.
        self.received = self.sent = 0
        self.values = []  # That were set by it.
        self.topics = {}
        self.seqs = {}


class StillHub(ScriptedHub):
    """`with StillHub() as hub:` it listens. Its answers are those of a `ScriptedHub`.

    faults  what happens to each connection, the first one first; those for which none is left stay whole:
                ("in", n)    it ends when n bytes have come
                ("out", n)   it ends when n bytes were sent
                ("dead", n)  when n bytes have come, nobody is there any more: nothing is read, said or ended
                ("full", 0)  it ends at once, as there is no place

    `values` has, for each connection that there was, a list of the values that it has set.
    """

    def __init__(self):
        super().__init__()
        self.faults = []
        self.values = []

    def __enter__(self):
        while not self.server:
            self.port = random.randint(*PORTS)
            server = socket.socket()
            try:
                server.bind(socket.getaddrinfo("127.0.0.1", self.port)[0][-1])
                self.server = server
            except OSError:
                server.close()  # The port is somebody else's.
        self.server.listen(8)
        self.server.setblocking(False)
        return self

    def __exit__(self, *_):
        self.kick()
        self.server.close()
        self.known.clear()

    def kick(self):
        """End all connections."""
        while self.clients:
            self._end(self.clients[0])

    def _end(self, client):
        self.clients.remove(client)
        client.raw.close()

    def say(self, key, value):
        """An event of the record, for all who watch it."""
        for client in self.clients:
            for number, topic in client.topics.items():
                if topic == key:
                    client.seqs[number] = seq = client.seqs[number] + 1
                    event = {"t": "event", "seq": seq, "sub": str(number), "data": value}
                    client.out += framed(json.dumps(event).encode())

    async def tend(self):
        """Look at each turn of the loop, until it is cancelled or left."""
        while True:
            self.look()
            await asyncio.sleep_ms(0)

    def look(self):
        """Do what there is to do now."""
        while True:
            try:
                raw = self.server.accept()[0]
            except OSError:
                break
            client = Connection(raw, self.faults.pop(0) if self.faults else None)
            self.clients.append(client)
            self.values.append(client.values)
        for client in self.clients[:]:
            try:
                self._look_at(client)
            except (OSError, EOFError):
                self._end(client)

    def _look_at(self, client):
        if client.kind == "full":
            raise EOFError
        most = client.at - client.received if client.kind in ("in", "dead") else 4096
        if most:
            data = client.raw.read(most)
            if data == b"":
                raise EOFError
            client.data += data or b""
            client.received += len(data or b"")
        while len(client.data) >= 4:
            end = 4 + int.from_bytes(client.data[:4], "big")
            if end > len(client.data):
                break
            frame = json.loads(client.data[4:end])
            client.data = client.data[end:]
            count = len(self.sets)
            answer = self._done(client, frame)
            client.values += [value for _, value in self.sets[count:]]
            if answer is not None:
                client.out += framed(json.dumps(answer).encode())
        if client.received == client.at and client.kind == "dead":
            return
        left = client.at - client.sent if client.kind == "out" else len(client.out)
        count = client.raw.write(client.out[:left]) if client.out else 0
        client.out = client.out[count or 0 :]
        client.sent += count or 0
        if client.kind == "in" and client.received == client.at or client.kind == "out" and client.sent == client.at:
            raise EOFError
