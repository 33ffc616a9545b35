import asyncio
from collections import deque

from aimdb import BufferClosed, BufferEmpty, BufferLagged, DbError
from micropython import const

from . import once
from .errors import HUNGRY_ATTEMPTS, drop, tell
from .window import payload_of

_BOARD = const(1)
if not _BOARD:  # So that the board's compiler knows the constant, and stores nothing.
    TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any

nothing = object()

# Another reader was faster; or a lag, which the reader has counted. Made here, because an `except` that makes it needs
# heap.
_NO_VALUE = (BufferLagged, BufferEmpty)


class LinkTo:
    """A stage that sends every value of its record to a peer.

    Several messages are on their way at once, in order. Nothing is read from the record while there is no
    connection, so its buffer decides what is kept during an outage. What was sent and not acknowledged is sent again:
    by the next connection, also if that is of a later run. A reader that can `commit` does so for what the peer has
    acknowledged, in order; what it has not committed stays the record's.

    A value that the codec does not take, and a message at which the peer ends five connections, are counted and
    named, and the link goes on. So it does after errors of the record and a lack of memory, when they are over. A value
    for which there is never enough counts as one that the codec does not take.

    `newest`: for values that are worthless when stale. One message is on its way at a time, only the newest value
    is sent, and what was not acknowledged when the connection ended is given up and counted.

    `path`, `route`: where to, as the URL has it and as the peer's packets have it; `qos` 0: nothing is acknowledged.

    Cancel safety: nothing is lost. IRQ safety: none.
    """

    def __init__(self, key: str, peer, path: str, route, qos: int, codec, newest: bool):
        self.peer = peer
        self.__name__ = peer.name + "/" + path
        self.key = key
        self.route = route
        self.qos = qos
        self.codec = codec
        self.sends_newest = newest
        self.limit = 1 if newest else peer.window.limit  # Of messages on their way.
        self.flights: "Any" = None  # In the order of the values.
        self.buffer: "Any" = None  # Of the record.
        self._reader: "Any" = None  # While it runs, and when it was left.
        self._commit: "Any" = None  # The reader's, if it has one.
        self.outlives = False  # Whether what was not acknowledged at the end is to be sent by a later run.
        self._acknowledged = 0  # Values that are to be committed.
        self.value: "Any" = nothing  # In hand: it was read, and is not on its way.
        # With the value in hand: attempts for which there was no memory, and connections that the peer has ended.
        self._hungry = self._strikes = 0

    async def __call__(self, record):
        self.peer.open(self)
        errors = 0
        try:
            self.buffer = record.buffer
            self.flights = deque((), self.limit)
            self._acknowledged = 0
            while True:
                try:
                    if self._reader is None:
                        self._reader = await record.consumer.subscribe_async()
                        self._commit = getattr(self._reader, "commit", None)
                        self.outlives = not (self.sends_newest or self._commit)
                    await self._publish(self._reader)
                except _NO_VALUE:
                    continue
                except BufferClosed:
                    break
                except MemoryError:
                    self._hungry += 1
                except Exception as er:  # Of the record.
                    errors += 1
                    tell(errors, "record %r cannot be read now: %r", self.key, er)
                await asyncio.sleep_ms(self.peer.retry_ms[0])
            while self.flights:
                await self.peer.moved.wait()
        except asyncio.CancelledError:
            try:
                if self._commit and self.flights:
                    await once("goodbye").settle(self)
            except MemoryError:
                pass  # The record gives them again.
            raise
        finally:
            try:
                self.leave()
            finally:
                self.peer.close(self)

    def leave(self) -> None:
        """It has ended, or its loop was left. What it has read goes back to the record, or is to be sent."""
        try:
            once("handover").leave_link(self)
        finally:
            if self._reader:
                self._reader.close()
                self._reader = None

    async def _publish(self, reader):
        # Send every value. Begun again after an error, it goes on where it was. What need not wait makes no coroutine.
        peer = self.peer
        window = peer.window
        flights = self.flights
        while True:
            # Wait for a value,
            if self.value is nothing:
                await reader.ready()
                if not reader.has_value():
                    reader.try_recv()  # Raises why.
            # for a place among those on their way (the first may be late, and those after it acknowledged),
            while len(flights) >= self.limit:
                await peer.moved.wait()
            # and for the connection.
            if window.waiting or not window.has_room(self.qos):
                await window.room(self.qos, True)
                if len(flights) >= self.limit:
                    continue  # Meanwhile the limit has become lower.
            # Only now is it read: until then it is the record's.
            if self.value is nothing:
                self._hungry = self._strikes = 0
                try:
                    try:
                        self.value = reader.try_recv()
                    except BufferLagged:
                        self.value = reader.try_recv()  # In this place: by the next one it may lag again, without end.
                except DbError as er:
                    if not isinstance(getattr(er, "value", None), (bytes, bytearray, memoryview)):
                        raise
                    self.value = er  # With bytes that the record's own codec cannot decode.
            connection = peer.connection
            try:
                flight = self._launch(reader)
            except MemoryError:
                raise
            except Exception as er:
                # It would fail for ever. What is committed is in order, so it waits for those before it.
                peer.refused(self.key, self.__name__, self.value, er)
                drop(self.buffer)
                while flights:
                    await peer.moved.wait()
            else:
                if flight:
                    self.value = nothing
                    flights.append(flight)
                    continue  # `landed` is called when it has been acknowledged.
                if connection.error or connection.out and not await window.taken(connection):
                    self._strikes += connection.broken
                    if not once("handover").give_up(self, self._strikes):
                        continue  # It is sent again by the next connection.
            # Nothing is on its way of this value.
            self.value = nothing
            self._done(1)

    def _launch(self, reader):
        # Send the value in hand: its flight, or None if it is stale or not acknowledged. Raises why it cannot be sent.
        if isinstance(self.value, DbError):
            raise self.value
        if self._hungry >= HUNGRY_ATTEMPTS:
            raise ValueError("there is no memory for it")
        payload = payload_of(self.codec, self.value)
        if self.sends_newest and reader.has_value():
            self.peer.stale_count += 1
            return None
        return self.peer.window.launch(self, payload, not self.sends_newest, self.outlives)

    def landed(self, flight) -> None:
        """Called by the window when a message is acknowledged, in any order: committing goes as far as all are."""
        flights = self.flights
        count = 0
        while flights and flights[0].done:
            if flights.popleft().error:
                if self.sends_newest:
                    self.peer.stale_count += 1  # Given up with its connection.
                else:
                    drop(self.buffer)
            count += 1
        if count:
            self._done(count)

    def _done(self, count):
        # So many more values need not be kept.
        self._acknowledged += count
        if self._commit:
            try:
                self._commit(self._acknowledged)
            except MemoryError:
                return  # With the next one.
            except Exception:
                pass  # The record is closed; it will send them again.
        self._acknowledged = 0
