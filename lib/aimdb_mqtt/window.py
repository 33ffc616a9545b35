import sys
from array import array
from collections import OrderedDict
from time import ticks_diff, ticks_ms

from aimdb.waiting import Line
from micropython import const

from .errors import ConnectionLost
from .packets import number, packet

_DUPLICATE = const(0x08)  # In the first byte of a PUBLISH.

# After so many connections that broke while it was on its way, a message goes alone; after so many, not any more.
_SUSPECT = const(2)
_GIVEN_UP = const(5)


class Flight:
    """A PUBLISH of QoS 1 that the broker has not acknowledged yet: `done` tells when, and `error` why it never will."""

    def __init__(self, packet, source, resend: bool, outlives: bool):
        self.packet = packet
        self.source = source
        self.resend = resend  # Sent again by the next connection; otherwise it fails with this one.
        self.outlives = outlives  # And it is that also when its source has ended.
        self.sent_at = None  # On the connection that there is now.
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
        self._broker = broker
        self.limit = limit
        self.flights: OrderedDict = OrderedDict()  # By packet id, in the order of sending.
        self._packet_id = 0  # The last one. Ours have 15 bits; the others are for subscriptions.
        self._one_by_one = False  # There is a suspect among the flights.
        self.begin()

    def begin(self) -> None:
        """Forget the producers of a loop that was left."""
        self._turns = turns = array("i", (1, 0, 0, 0, 0, 0))
        self._turn = Line(turns, 0)  # There is one: of the producer that is next to get a place.
        self.waiting = 0  # Producers that wait, the first one included.

    def has_room(self, qos: int) -> bool:
        """Whether a message can be sent now; those who are `waiting` come first."""
        broker = self._broker
        if not broker.connected or self._one_by_one or broker.renewing or (qos and len(self.flights) >= self.limit):
            return False
        return not (broker.connection.out or broker.connection.error)  # The network takes packets now.

    async def room(self, qos: int, patient: bool = False, buffer=None) -> None:
        """Wait for a place, first come, first served; it is the caller's until its next await.

        Raises what `Broker.online` does. With a `buffer`, waits no longer than until that is closed.
        """
        if not self.waiting and self.has_room(qos):
            return
        broker = self._broker
        turn, turns = self._turn, self._turns
        self.waiting += 1
        try:
            while True:
                await broker.online(patient, buffer)
                await self._wait_for(turn)
                turns[0] = 0
                try:
                    while broker.connected and not (self.has_room(qos) or (buffer is not None and buffer.closed)):
                        await broker.moved.wait()
                    if broker.connected or (buffer is not None and buffer.closed):
                        return
                finally:
                    turn.give()
        finally:
            self.waiting -= 1

    def _wait_for(self, turn):
        while turn.park(self):
            yield

    def remove(self, task) -> None:
        """Called by `Task.cancel` on a task that waits for its turn."""
        self._turn.forget(task)

    def launch(self, source, payload, resend: bool = False, outlives: bool = False) -> "Flight | None":
        """Send a message, for which there is room: a `Flight` for QoS 1, else None.

        `source`: whose `encoded` (topic), `qos` and `retain` it has, and whose `landed(flight)` is called at its end.
        `resend`: the next connection sends it again when this one ends before the PUBACK; `outlives`: also when its
        source ends before. What raises, such as `MemoryError`, has sent nothing.
        """
        first = 0x31 if source.retain else 0x30
        if not source.qos:
            self._broker.connection.send(packet(first, source.encoded, payload))
            return None
        packet_id = self._packet_id
        while True:
            packet_id = packet_id % 0x7FFF + 1
            if packet_id not in self.flights:
                break
        flight = Flight(packet(first | 0x02, source.encoded, number(packet_id), payload), source, resend, outlives)
        self.flights[packet_id] = flight
        self._packet_id = packet_id
        if self._broker.connected:
            self._send(flight)
        return flight

    async def taken(self, connection) -> bool:
        """Wait until the network has taken what was sent on `connection`. False: that has ended before."""
        while connection.out and not connection.error:
            await self._broker.moved.wait()
        return not connection.out

    def _send(self, flight):
        flight.sent_at = ticks_ms()
        self._broker.connection.send(flight.packet)

    def acknowledged(self, packet_id: int) -> None:
        """A PUBACK has come; one that was not due, such as the second of two, means nothing."""
        flight = self.flights.pop(packet_id, None)
        if flight:
            flight.end()
            if self._one_by_one:
                self.connected()

    def connected(self) -> None:
        """Send what has not gone out on this connection, before anything else is sent. Source: MQTT 3.1.1, 4.4."""
        self._one_by_one = False
        for flight in self.flights.values():
            if flight.strikes >= _SUSPECT:
                self._one_by_one = True
        for flight in self.flights.values():
            if flight.sent_at is None:
                self._send(flight)
            if self._one_by_one:
                break

    def disconnected(self, error, connection) -> None:
        """The connection has ended because of `error`: so do the flights that no other one is to carry."""
        for packet_id, flight in list(self.flights.items()):
            if flight.sent_at is not None:
                flight.packet[0] |= _DUPLICATE
                # The broker was there when it broke the connection, or kept the acknowledgement to itself.
                if connection.broken or ticks_diff(connection.heard_at, flight.sent_at) > 0:
                    flight.strikes += 1
                flight.sent_at = None
            if not flight.resend:
                self._end(packet_id, error)
            elif flight.strikes >= _GIVEN_UP:
                self._broker.given_up_count += 1
                text = "given up: a message of %d bytes at which %s has ended %d connections" % (
                    len(flight.packet),
                    self._broker.name,
                    flight.strikes,
                )
                print("aimdb:", text, file=sys.stderr)
                self._end(packet_id, ConnectionLost(text))

    def _end(self, packet_id, error):
        flight = self.flights.pop(packet_id)
        flight.end(type(error)(*error.args))  # For each task its own, with its own traceback.

    def left(self, source=None) -> None:
        """`source`, or all of them, has ended: what outlives it stays to be sent, the rest is given up."""
        for packet_id, flight in list(self.flights.items()):
            if flight.source is source or source is None:
                flight.source = None
                if not flight.outlives:
                    flight.resend = False
                    if flight.sent_at is None:
                        del self.flights[packet_id]
