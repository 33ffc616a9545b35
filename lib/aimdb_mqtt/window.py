from array import array
from collections import OrderedDict
from time import ticks_ms

from aimdb.waiting import Line, current_loop
from micropython import const

from . import once
from .packets import number, packet

_BOARD = const(1)
if not _BOARD:  # So that the board's compiler knows the constant, and stores nothing.
    TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any


class Flight:
    """A PUBLISH of QoS 1 that the broker has not acknowledged yet: `done` tells when, and `error` why it never will."""

    def __init__(self, packet, source, resend: bool, outlives: bool):
        self.packet = packet
        self.source = source
        self.resend = resend  # Sent again by the next connection; otherwise it fails with this one.
        self.outlives = outlives  # And it is that also when its source has ended.
        self.sent_at: "Any" = None  # On the connection that there is now.
        self.strikes = 0  # Connections that the broker ended while it was on its way.
        self.done = False
        self.error = None

    def end(self, error=None) -> None:
        """It was acknowledged, or has failed with `error`."""
        self.done = True
        self.error = error
        source, self.source = self.source, None
        if source:
            source.landed(self)


class Window:
    """The messages on their way to one broker: at most `limit` of QoS 1, in order; who has more to send waits.

    It belongs to its broker, which tells it of acknowledgements and of the connection's beginning and end. A message
    at which the broker ends the connection, again and again, is found by sending those in question one by one, each
    when the one before it is acknowledged. Then it is given up, and those behind it go on.

    Cancel safety: who is cancelled while he waits has taken no place. IRQ safety: none.
    """

    def __init__(self, broker, limit: int):
        self.broker = broker
        self.limit = limit
        self.flights: OrderedDict = OrderedDict()  # By packet id, in the order of sending.
        self.packet_id = 0  # The last one. Ours have 15 bits; the others are for subscriptions.
        self.one_by_one = False  # There is a suspect among the flights.
        self._loop: "Any" = None
        self.begin()

    def begin(self) -> None:
        """Forget the producers of a loop that was left."""
        if self._loop is not current_loop():
            self._loop = current_loop()
            self.counts = counts = array("i", (1, 0, 0, 0, 0, 0))
            self._line = Line(counts, 0)  # There is one turn: of the producer that is next to get a place.
            self.waiting = 0  # Producers that wait, the first one included.

    def has_room(self, qos: int) -> bool:
        """Whether a message can be sent now; those who are `waiting` come first."""
        broker = self.broker
        if not broker.connected or self.one_by_one or broker.renewing or (qos and len(self.flights) >= self.limit):
            return False
        return not (broker.connection.out or broker.connection.error)  # The network takes packets now.

    async def room(self, qos: int, patient: bool = False, buffer=None) -> None:
        """Wait for a place, first come, first served; it is the caller's until its next await.

        Raises what `Broker.online` does. With a `buffer`, waits no longer than until that is closed.
        """
        if not self.waiting and self.has_room(qos):
            return
        self.begin()
        broker = self.broker
        turn, turns = self._line, self.counts
        failed = broker.error
        self.waiting += 1
        try:
            await self._wait_for(turn)
            turns[0] = 0
            try:
                while not (self.has_room(qos) or (buffer is not None and buffer.closed)):
                    if broker.connected:
                        await broker.moved.wait()
                    else:
                        await broker.online(patient, buffer, failed)
            finally:
                turn.give()
        finally:
            self.waiting -= 1

    def _wait_for(self, turn):
        while turn.park(self):
            yield

    def remove(self, task) -> None:
        """Called by `Task.cancel` on a task that waits for its turn."""
        self._line.forget(task)

    def launch(self, source, payload, resend: bool = False, outlives: bool = False) -> "Flight | None":
        """Send a message, for which there is room: a `Flight` for QoS 1, else None.

        `source`: whose `encoded` (topic), `qos` and `retain` it has, and whose `landed(flight)` is called at its end.
        `resend`: the next connection sends it again when this one ends before the PUBACK; `outlives`: also when its
        source ends before. What raises, such as `MemoryError`, has sent nothing.
        """
        first = 0x31 if source.retain else 0x30
        if not source.qos:
            self.broker.connection.send(packet(first, source.encoded, payload))
            return None
        packet_id = self.packet_id
        while True:
            packet_id = packet_id % 0x7FFF + 1
            if packet_id not in self.flights:
                break
        flight = Flight(packet(first | 0x02, source.encoded, number(packet_id), payload), source, resend, outlives)
        self.flights[packet_id] = flight
        self.packet_id = packet_id
        broker = self.broker
        if broker.connected:
            flight.sent_at = ticks_ms()
            broker.connection.send(flight.packet)
        return flight

    async def taken(self, connection) -> bool:
        """Wait until the network has taken what was sent on `connection`. False: that has ended before."""
        while connection.out and not connection.error:
            await self.broker.moved.wait()
        return not connection.out

    def acknowledged(self, packet_id: int) -> None:
        """A PUBACK has come; one that was not due, such as the second of two, means nothing."""
        flight = self.flights.pop(packet_id, None)
        if flight:
            flight.end()
            if self.one_by_one:
                once("handover").resume(self)
