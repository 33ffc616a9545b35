"""An AimX hub that misbehaves as it is told, for what no real one does on demand: answer late or never, refuse, end the
connection anywhere, leave values out, send what is no AimX. Tests with a real AimDB are in tests/host.
"""

import json

import scripted_peer
from aimdb_aimx import Hub
from aimdb_aimx.hub import hubs


class Client(scripted_peer.Client):
    def __init__(self, reader, writer):
        super().__init__(reader, writer)
        peer = writer.get_extra_info("peername")  # On a computer, as the system has it.
        self.port = peer[2] << 8 | peer[3]
        self.topics = {}
        self.seqs = {}

    async def frame(self):
        length = int.from_bytes(await self.reader.readexactly(4), "big")
        return json.loads(await self.reader.readexactly(length))

    async def send(self, data, half=False):
        if not isinstance(data, bytes):
            data = framed(json.dumps(data).encode())
        try:
            self.writer.write(data[: len(data) // 2] if half else data)
            await self.writer.drain()
        except OSError:
            pass  # The board has ended the connection.


class ScriptedHub(scripted_peer.ScriptedPeer):
    """Has all records that are asked for.

    Attributes that a test may set:

        welcome   what `hello` is answered by: a dict, the word of an error, or None for nothing at all
        errors    words by which `record.set` is answered, by key
        answers   False: neither `record.set` nor `ping` is answered
        cut_at    (frame, how): each connection ends at that frame after `hello`, how: "before" it is looked at, "after"
                  that and before the answer, or "amid" the answer. None: it does not

    What it has seen: `sets`, a list of (key, value); `subs` and `unsubs`; `hellos`, their parameters; `pings`.
    """

    scheme = "aimx"
    known = hubs
    Client = Client

    def __init__(self):
        super().__init__()
        self.welcome = {"version": "3.0", "server": "aimdb", "permissions": ["read"], "writable_records": []}
        self.errors = {}
        self.answers = True
        self.cut_at = None
        self.sets = []
        self.subs = []
        self.unsubs = []
        self.hellos = []
        self.pings = self.most_open = 0

    async def tell(self, key, value, skip=0):
        """An event of the record, for all who watch it; `skip`: so many are left out before it."""
        for client in list(self.clients):
            for number, seq in list(client.seqs.items()):
                if client.topics[number] == key:
                    client.seqs[number] = seq + skip + 1
                    await client.send({"t": "event", "seq": seq + skip + 1, "sub": str(number), "data": value})

    async def send(self, data):
        """Send bytes, or a frame, to every client."""
        for client in list(self.clients):
            await client.send(data)

    async def talk(self, client):
        frames = 0
        while True:
            frame = await client.frame()
            how = None
            if self.cut_at and frame.get("method") != "hello":
                frames += 1
                how = self.cut_at[1] if frames == self.cut_at[0] else None
            if how == "before":
                break
            answer = self._done(client, frame)
            if how == "after":
                break
            if answer is not None:
                await client.send(answer, how == "amid")
            if how:
                break

    def _done(self, client, frame):
        # Do what the frame asks for; what is answered, or None.
        kind = frame["t"]
        if kind == "ping":
            self.pings += 1
            return {"t": "pong"} if self.answers else None
        if kind == "sub":
            number = frame["id"]
            self.subs.append(frame["topic"])
            if frame["topic"] in self.errors:
                return {"t": "reply", "id": number, "err": self.errors[frame["topic"]]}
            client.topics[number] = frame["topic"]
            client.seqs[number] = 0
            return None
        if kind == "unsub":
            self.unsubs.append(client.topics.pop(int(frame["sub"])))
            client.seqs.pop(int(frame["sub"]))
            return None
        reply = {"t": "reply", "id": frame["id"]}
        params = frame["params"]
        if frame["method"] == "hello":
            self.hellos.append(params)
            if self.welcome is None:
                return None
            reply["err" if isinstance(self.welcome, str) else "ok"] = self.welcome
            return reply
        key, value = params["name"], params["value"]
        if not self.answers:
            return None
        error = self.errors.get(key)
        if callable(error):
            error = error(value)
        if error:
            reply["err"] = error
            return reply
        self.sets.append((key, value))
        reply["ok"] = {"status": "success", "value": value}
        return reply


def framed(text):
    return len(text).to_bytes(4, "big") + text


def hasty(server, **options):
    """A Hub whose times are short, for the scripted one."""
    settings = {"timeout_ms": 200, "retry_ms": (5, 40)}
    settings.update(options)
    return Hub(server.url, **settings)
