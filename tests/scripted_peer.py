"""What a peer that misbehaves as it is told has, whatever it speaks: a port, connections, and their end.

And what the tests with it share.
"""

import asyncio
import gc
import random
import socket
import time

from aimdb import Buffer
from aimdb_conformance.support import settle

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
    known   the list in which the library keeps peers of its kind: each test has its own
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


async def until(condition, milliseconds=20000):
    end = time.ticks_add(time.ticks_ms(), milliseconds)
    while not condition():
        if time.ticks_diff(end, time.ticks_ms()) < 0:
            raise AssertionError("it did not come true")
        await asyncio.sleep_ms(2)


async def cancelled(task):
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        pass


class running:
    """`async with running(db):` runs the database meanwhile, and raises what ended it."""

    def __init__(self, db):
        self._db = db

    async def __aenter__(self):
        self._task = asyncio.create_task(self._db.run())
        await settle()
        return self._task

    async def __aexit__(self, *_):
        await cancelled(self._task)


class Kept(Buffer):
    """Values that stay until a reader commits them, as on a flash."""

    def __init__(self, values):
        super().__init__()
        self.values = list(values)
        self.committed = 0
        self.commits = []

    def push(self, value):
        self.values.append(value)
        self.wake()

    def has_value(self, reader):
        return reader.at < len(self.values)

    def take(self, reader):
        reader.at += 1
        return self.values[reader.at - 1]

    def subscribe(self):
        reader = super().subscribe()
        reader.at = self.committed
        reader.commit = self._commit
        return reader

    def _commit(self, count=None):
        self.committed += count
        self.commits.append(count)
