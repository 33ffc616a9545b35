"""A peer for tests of `AimxServer`: it speaks frame by frame, over TCP or over a cable in memory."""

import asyncio
import errno
import io
import json
import socket

import aimdb_aimx.serial_frames as serial_frames
import aimdb_aimx.tcp as tcp
from aimdb.polling import readable
from aimdb.timing import timed


class End(io.IOBase):
    """One end of a cable: a stream that never blocks."""

    def __init__(self, room):
        self.room = room  # Bytes that may wait in the cable for this end.
        self.data = bytearray()
        self.other = None
        self.closed = False

    def ioctl(self, request, flags):
        # Of select.poll: 1 is for reading, 4 for writing.
        can = (1 if self.data or self.closed else 0) | (4 if len(self.other.data) < self.other.room else 0)
        return can & flags if request == 3 else 0

    def readinto(self, view):
        if not self.data:
            return 0 if self.closed else None
        count = min(len(view), len(self.data))
        view[:count] = self.data[:count]
        self.data = self.data[count:]
        return count

    def write(self, data):
        other = self.other
        count = min(len(data), other.room - len(other.data))
        other.data.extend(data[:count])
        return count or None


def cable(room=2000):
    """Both ends of a serial line."""
    ends = End(room), End(room)
    ends[0].other, ends[1].other = ends[1], ends[0]
    return ends


class Client:
    """Sends requests, and keeps what comes that is no reply."""

    def __init__(self, stream, frames=serial_frames, size=4096):
        self.stream = stream
        self.line = frames.Frames(stream, size)
        self.id = 0
        self.others = []

    async def send(self, *messages):
        for message in messages:
            await self.line.send((message if isinstance(message, bytes) else json.dumps(message).encode(),))

    def _next(self):
        while True:
            frame = self.line.next()
            if frame is not None:
                text = bytes(frame)
                return json.loads(text)
            yield readable(self.stream)
            try:
                if self.line.fill() == 0:
                    return None
            except OSError as er:
                if er.errno != errno.ECONNRESET:
                    raise er
                return None

    async def next(self, timeout_ms=3000):
        """The next frame; None when the connection has ended."""
        return await timed(self._next(), timeout_ms, "a frame")

    async def nothing(self, milliseconds=60):
        """Check that no frame comes."""
        try:
            frame = await self.next(milliseconds)
        except asyncio.TimeoutError:
            return
        raise AssertionError("%r came" % (frame,))

    async def ask(self, method, params=None):
        """`ok` of the reply to a request, or its `err`."""
        self.id += 1
        await self.send({"t": "req", "id": self.id, "method": method, "params": params})
        return await self.reply(self.id)

    async def reply(self, id):
        while True:
            frame = await self.next()
            if frame is None:
                return None
            if frame["t"] == "reply":
                assert frame["id"] == id, frame
                return frame["ok"] if "ok" in frame else frame["err"]
            self.others.append(frame)

    async def hello(self, **more):
        params = {"client": "test", "version": "3.0"}
        params.update(more)
        return await self.ask("hello", params)

    async def get(self, name):
        return await self.ask("record.get", {"name": name})

    async def set(self, name, value):
        return await self.ask("record.set", {"name": name, "value": value})

    async def watch(self, topic):
        """Subscribe, and return the subscription's id."""
        self.id += 1
        await self.send({"t": "sub", "id": self.id, "topic": topic})
        return self.id

    async def event(self):
        """The next event or snapshot as (seq, data), with the topic if it has one."""
        frame = self.others.pop(0) if self.others else await self.next()
        assert frame["t"] in ("event", "snap"), frame
        return (frame["seq"], frame["data"]) + ((frame["topic"],) if "topic" in frame else ())

    async def frames(self, count):
        """The next frames."""
        found = []
        for _ in range(count):
            found.append(await self.next())
        return found

    async def events(self, count):
        """The next events, each as of `event`."""
        found = []
        for _ in range(count):
            found.append(await self.event())
        return found

    def close(self):
        self.stream.close()


def connect(port, **options):
    """A client by TCP."""
    stream = socket.socket()
    stream.connect(socket.getaddrinfo("127.0.0.1", port)[0][-1])
    stream.setblocking(False)
    return Client(stream, tcp, **options)


class Running:
    """Runs a database while the block lasts; what ends the run is raised at its end."""

    def __init__(self, db):
        self._db = db

    async def __aenter__(self):
        self.task = asyncio.create_task(self._db.run())
        await asyncio.sleep_ms(0)
        await asyncio.sleep_ms(0)
        return self.task

    async def __aexit__(self, *_):
        self.task.cancel()
        try:
            await self.task
        except asyncio.CancelledError:
            pass
