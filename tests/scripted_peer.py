"""What a peer that misbehaves as it is told has, whatever it speaks: a port, connections, and their end."""

import asyncio
import gc
import random
import socket

PORTS = (20000, 30000)


def free_port():
    """A port that is nobody's now."""
    while True:
        port = random.randint(*PORTS)
        door = socket.socket()
        try:
            door.bind(socket.getaddrinfo("127.0.0.1", port)[0][-1])
            return port
        except OSError:
            pass
        finally:
            door.close()


class ScriptedPeer:
    """Serves on a port of its own on the loopback. A subclass has `scheme`, `known` and `talk`.

    scheme  of its URL
    known   the dict in which the library keeps peers of its kind: each test has its own
    talk    `async def talk(client)`, for each connection, until it returns; `client` is of the class `Client`
    """

    def __init__(self):
        self.clients = []
        self.server = None
        self.port = None

    async def __aenter__(self):
        while not self.server:
            self.port = random.randint(*PORTS)
            await self.start()
        return self

    async def __aexit__(self, *_):
        await self.stop()
        self.known.clear()
        gc.collect()

    @property
    def url(self):
        return "%s://127.0.0.1:%d" % (self.scheme, self.port)

    async def start(self):
        try:
            self.server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        except OSError:
            self.server = None  # The port is somebody else's.
        await asyncio.sleep_ms(0)

    async def stop(self):
        """As one that is killed: all connections break."""
        server, self.server = self.server, None
        if server:
            server.close()
            await server.wait_closed()
        self.kick()
        await asyncio.sleep_ms(0)

    def kick(self):
        for client in list(self.clients):
            client.task.cancel()

    async def _serve(self, reader, writer):
        writer.s.setsockopt(6, 1, 1)  # TCP_NODELAY: small packets do not wait for each other.
        client = self.Client(reader, writer)
        self.clients.append(client)
        try:
            await self.talk(client)
        except (OSError, EOFError):
            pass
        finally:
            self.clients.remove(client)
            writer.s.close()


class Client:
    """A connection that somebody has made."""

    def __init__(self, reader, writer):
        self.reader = reader
        self.writer = writer
        self.task = asyncio.current_task()
