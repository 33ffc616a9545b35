import asyncio

from aimdb import BufferClosed, DbError
from micropython import const

from . import once
from .inbox import Inbox
from .waits import Waits, drop, tell

_BOARD = const(1)
if not _BOARD:  # So that the board's compiler knows the constant, and stores nothing.
    TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any

    from .broker import Broker

# What a record raises that may take a value later. All else is wrong with the value.
_FOR_NOW = (MemoryError, OSError, asyncio.TimeoutError, DbError)


class LinkFrom:
    """What `Record.link_from` runs for an mqtt:// URL: produces in the record what arrives on the topic.

    A message is acknowledged to the broker when the record's buffer is done with its value (`produce_async`). A payload
    that does not parse, or that the record refuses (it raises, say, `TypeError` or `ValueError`), is counted and named,
    and the link goes on. What the record refuses for now (`DbError`, `OSError`, `MemoryError`) is tried again. Up to
    `capacity` messages wait for the record; see `Inbox` for what happens to others. The topic may contain + and #, and
    begin with $share/group/.

    `qos`, `codec`, `broker`: as for `MqttTopic`. Raises `TypeError` or `ValueError`.

    Cancel safety: what is not acknowledged comes again. IRQ safety: none.
    """

    def __init__(
        self,
        record,
        url: str,
        qos: int = 1,
        codec: "Any" = None,
        capacity: int = 20,
        broker: "Broker | None" = None,
    ):
        from .arguments import note_link
        from .settings import broker_for

        self.broker, topic = broker_for(url, broker)
        self._line = Waits()
        self._inbox = Inbox(self.broker, topic, qos, codec, capacity, self._line.wake_all)
        self.__name__ = self._inbox.name
        self.key = record.key
        self._entry: "Any" = None  # The message in hand.
        note_link(record, self.broker.name, self._inbox.pattern, True)

    async def __call__(self, record):
        inbox = self._inbox
        inbox.buffer = record.buffer
        self._put_back()  # By a run that was left.
        inbox.ended = True
        self.broker.open(self)
        try:
            while True:
                try:
                    if inbox.ended:
                        once("handover").subscribe(inbox)
                    await self._deliver(record)
                except MemoryError:
                    await asyncio.sleep_ms(self.broker.retry_ms[0])
        except BufferClosed:
            once("handover").detach(inbox, True)  # The record takes no more.
            self._put_back()
            while inbox.values:
                inbox.finish(inbox.take()[1])
                drop(record.buffer)
        finally:
            self._put_back()
            inbox.ended = True
            try:
                once("handover").detach(inbox)
            finally:
                self.broker.close(self)

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
            except _FOR_NOW as er:
                if record.buffer.closed:
                    raise BufferClosed(value, record.buffer)
                if isinstance(er, MemoryError):
                    raise
                attempts += 1
                tell(attempts, "record %r refuses for now what came from %s: %r", self.key, self.__name__, er)
                shortest, longest = self.broker.retry_ms
                await asyncio.sleep_ms(min(shortest << min(attempts - 1, 10), longest))
                continue
            except Exception as er:
                self.broker.refused(self.key, self.__name__, value, er)
                drop(record.buffer)
            inbox.finish(arrival)
            self._entry = None

    def _put_back(self):
        if self._entry is not None:
            self._inbox.give_back(self._entry)
            self._entry = None


link_from = LinkFrom
