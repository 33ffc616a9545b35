import asyncio
from array import array

from aimdb import kept
from aimdb.polling import readable
from aimdb.waiting import Line, current_loop
from micropython import const

from . import once, parsed
from .requests import Refusal, get, refused

_BOARD = const(1)
if not _BOARD:  # So that the board's compiler knows the constant, and stores nothing.
    TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any


# On a serial line, the beginning of a frame that came more seconds ago is noise, as of a plug: its rest does not come.
# The loop counts them, and looks at the line in between, however long it is held up.
_PAUSE_S = const(2)


class Peer:
    """One peer of an `AimxServer`. What it sends is cut into frames, checked and answered, one after the other.

    `frames` are those of its kind of stream; `sockets` are closed with it, and a serial line has none. One task reads
    and answers, each record that is watched has another, and who sends takes a turn. Only `end` cancels them: the loop
    forgets all that wait for a stream when one of them is cancelled.
    """

    def __init__(self, server, frames, is_trusted: bool, may_write: bool, sockets=()):
        # All attributes are made here, so that none needs heap later.
        self.error: "Any" = None  # What ended it: an OSError, if it went; else why it was dropped, perhaps in words.
        self.pong: "Any" = None  # The task that probes whether it is there.
        self.server = server
        self.frames = frames
        self.sockets = sockets
        self.is_trusted = is_trusted  # It has shown the token, or need not.
        self.may_write = may_write
        self.age = self.quiet = self.mute = 0  # Seconds since it came; since it said something; since we did.
        self.subscriptions: dict = {}  # By their ids, as text.
        self.cursors: dict = {}  # Readers, by key; see cursors.py.
        self._free = array("i", (1, 0, 0, 0, 0, 0))  # The first counts whether nobody sends.
        self._turn = Line(self._free)
        self.loop = current_loop()
        self.task: "Any" = asyncio.create_task(self._serve())

    def _serve(self):
        frames = self.frames
        try:
            while not self.error:
                yield readable(frames.stream)
                if self.quiet > _PAUSE_S and not self.sockets:
                    frames.drop()
                if frames.fill() == 0:
                    raise OSError
                self.quiet = 0
                frame = frames.next()
                while frame is not None and not self.error:
                    yield from self._take(frame)
                    frame = frames.next()
                if frames.cut:
                    yield from once("answers").refuse(self)
                self.server.malformed_count += frames.lost
                frames.lost = self.quiet = 0  # It was we who took the time.
                # A peer that asks without a pause must not starve other tasks.
                yield from asyncio.sleep_ms(0)
        except Exception as er:
            self.end(er)
        finally:
            if not self.error:  # Ctrl-C came.
                self.end(OSError())

    def _take(self, frame):
        try:
            message = parsed(frame)
            kind = message.get("t")
            id = message.get("id")
        except (ValueError, AttributeError):
            kind = None
        if kind == "ping":
            yield from self.send((b'{"t":"pong"}',))
        elif kind == "unsub":
            once("ending").unsubscribe(self, message.get("sub"))
        elif kind == "write" and self.is_trusted:
            yield from kept("changing", "aimdb_aimx").write(self, message)
        elif kind in ("req", "sub") and type(id) is int and not id >> 64:
            method = kind if kind == "sub" else message.get("method")
            try:
                pieces = yield from self._answer(id, method, message)
            except Exception as er:  # A buffer of the program's own may raise anything.
                if self.error:
                    raise
                code = er.args[0] if isinstance(er, Refusal) else "internal"
                if not isinstance(er, Refusal):
                    refused(self.server, "%r of a peer failed: %r", method, er)
                pieces = (('{"t":"reply","id":%d,"err":"%s"}' % (id, code)).encode(),)
            if pieces:
                yield from self.send(pieces)
                if not self.is_trusted:
                    self.end("a peer has not shown the token")
        else:
            self.server.malformed_count += 1

    def _answer(self, id, method, message):
        # The pieces of the reply, if there is one.
        params = message.get("params")
        if method == "hello":
            body = yield from once("welcome").welcome(self, params)
        elif not self.is_trusted:
            raise Refusal("denied")
        elif method == "record.get":
            body = (get(self, params),)
        elif method == "record.set":
            body = yield from kept("changing", "aimdb_aimx").put_and_tell(self, params)
        elif method == "sub":
            subscribe = kept("subscription", "aimdb_aimx").subscribe
            return (yield from subscribe(self, str(id), message.get("topic")))
        else:
            body = once("answers").answer(self, method, params)
        head = ('{"t":"reply","id":%d,"ok":' % id).encode()
        if isinstance(body, tuple):
            return (head,) + body + (b"}",)
        body.head = head
        return body

    def send(self, pieces):
        """Send a frame when it is our turn. Awaited. What goes wrong with that ends the peer, and is raised.

        `pieces` may be a function, which gives them when it is our turn, or None. What it raises ends nothing.
        """
        while self._turn.park(self):
            yield
        self._free[0] = 0
        try:
            if callable(pieces):
                pieces = pieces()
            if pieces:
                try:
                    yield from self.frames.send(pieces)
                except Exception as er:
                    self.end(er)
                    raise
                self.mute = 0
        finally:
            self._turn.give()

    def remove(self, task):
        """Called by `Task.cancel` on a task that waits for its turn."""
        self._turn.forget(task)

    def end(self, error: "Exception | str") -> None:
        """It is over, because of `error`. What there is no memory for now is done by the server later."""
        if not self.error:
            self.error = error
            try:
                once("ending").finish(self)
            except MemoryError:
                pass
