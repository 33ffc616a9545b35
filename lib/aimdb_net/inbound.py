import asyncio

from aimdb import BufferClosed, DbError
from micropython import const

from . import once
from .errors import HUNGRY_ATTEMPTS, drop, tell
from .inbox import Inbox
from .waits import Waits

_BOARD = const(1)
if not _BOARD:  # So that the board's compiler knows the constant, and stores nothing.
    TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any

# What a record raises that may take a value later. All else is wrong with the value.
_FOR_NOW = (MemoryError, OSError, asyncio.TimeoutError, DbError)


class LinkFrom:
    """A stage that produces in its record what arrives in an `Inbox`.

    A message is acknowledged to the peer when the record's buffer is done with its value (`produce_async`). What the
    record refuses (it raises, say, `TypeError` or `ValueError`) is counted and named, and the link goes on. What the
    record refuses for now (`DbError`, `OSError`, `MemoryError`) is tried again; for want of memory, not for ever.

    Cancel safety: what is not acknowledged comes again, if the peer has it still. IRQ safety: none.
    """

    def __init__(self, key: str, inbox: Inbox):
        self._line = Waits()
        self._inbox = inbox
        inbox.wake = self._line.wake_all
        self.peer = inbox.peer
        self.__name__ = inbox.name
        self.key = key
        self._entry: "Any" = None  # The message in hand.
        self._attempts = 0  # The most that a message has taken and were told of.

    async def __call__(self, record):
        inbox = self._inbox
        inbox.buffer = record.buffer
        self._put_back()  # By a run that was left.
        inbox.ended = True
        self.peer.open(self)
        try:
            while True:
                try:
                    if inbox.ended:
                        once("subscribing").subscribe(inbox)
                    await self._deliver(record)
                except MemoryError:
                    await asyncio.sleep_ms(self.peer.retry_ms[0])
        except BufferClosed:
            self._put_back()
            once("subscribing").close(inbox)
        finally:
            self._put_back()
            inbox.ended = True
            try:
                once("subscribing").detach(inbox)
            finally:
                self.peer.close(self)

    async def _deliver(self, record):
        # Every message. Begun again after a MemoryError, it goes on where it was.
        inbox = self._inbox
        attempts = 0
        while True:
            if self._entry is None:
                while not inbox.has_value():
                    await self._line.wait()
                self._entry = inbox.take()
                attempts = 0
            value, arrival = self._entry
            try:
                await record.producer.produce_async(value)
            except Exception as er:
                if record.buffer.closed:
                    raise BufferClosed(value, record.buffer)
                attempts += 1
                if isinstance(er, _FOR_NOW) and not (isinstance(er, MemoryError) and attempts == HUNGRY_ATTEMPTS):
                    if attempts > self._attempts:
                        self._attempts = attempts
                        tell(attempts, "record %r refuses for now what came from %s: %r", self.key, self.__name__, er)
                    shortest, longest = self.peer.retry_ms
                    await asyncio.sleep_ms(min(shortest << min(attempts - 1, 10), longest))
                    continue
                self.peer.refused(self.key, self.__name__, value, er)
                drop(record.buffer)
            inbox.finish(arrival)
            self._entry = None

    def _put_back(self):
        if self._entry is not None:
            self._inbox.give_back(self._entry)
            self._entry = None
