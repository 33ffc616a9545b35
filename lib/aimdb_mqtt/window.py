import asyncio
from collections import OrderedDict
from time import ticks_diff, ticks_ms

from micropython import const

from .errors import ConnectionLost, Renewed, again
from .flight import Flight
from .packets import number, packet

_DUPLICATE = const(0x08)  # In the first byte of a PUBLISH.


class Window:
    """The messages on their way to one broker: at most `limit` of QoS 1, in order; who has more to send waits.

    It belongs to its broker, which tells it of acknowledgements and of the connection's beginning and end.
    """

    def __init__(self, broker, limit: int):
        self._broker = broker
        self.limit = limit
        self._flights: OrderedDict = OrderedDict()  # By packet id, in the order of sending.
        self._packet_id = 0  # The last one. Ours have 15 bits; the others are for subscriptions.
        self._first = asyncio.Lock()  # Held by the producer that is next to get a place.
        self._waiting = 0  # Producers that wait, the first one included.

    def has_room(self, qos: int) -> bool:
        """Whether a message can be sent now, with nobody else waiting to.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        return not self._waiting and self._fits(qos)

    def _fits(self, qos):
        broker = self._broker
        return broker.connected and not broker.connection.is_busy() and not (qos and len(self._flights) >= self.limit)

    async def room(self, qos: int, patient: bool = False, buffer=None) -> None:
        """Wait for a place, first come, first served; it is the caller's until its next await.

        Raises what `Broker.online` does. With a `buffer`, waits no longer than until that is closed.

        Cancel safety: nothing is taken. IRQ safety: none.
        """
        if self.has_room(qos):
            return
        broker = self._broker
        self._waiting += 1
        try:
            while True:
                await broker.online(patient, buffer)
                async with self._first:
                    while broker.connected and not (self._fits(qos) or (buffer and buffer.closed)):
                        await broker.moved.wait()
                    if broker.connected or (buffer and buffer.closed):
                        return
        finally:
            self._waiting -= 1

    def launch(self, topic: bytes, payload, qos: int, retain: bool, resend: bool = False, landed=None):
        """Send a message, for which there is room: a `Flight` for QoS 1, else None.

        `resend`: the next connection sends it again when this one ends before the PUBACK. `landed(flight)` is
        called when it is done.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        if not qos:
            self._broker.connection.send(packet(0x31 if retain else 0x30, topic, payload))
            return None
        packet_id = self._packet_id
        while True:
            packet_id = packet_id % 0x7FFF + 1
            if packet_id not in self._flights:
                break
        self._packet_id = packet_id
        flight = Flight(packet(0x33 if retain else 0x32, topic, number(packet_id), payload), resend, landed)
        self._flights[packet_id] = flight
        self._broker.connection.send(flight.packet)
        return flight

    def acknowledged(self, packet_id: int) -> None:
        """A PUBACK has come; one that was not due, such as the second of two, means nothing.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        flight = self._flights.pop(packet_id, None)
        if flight:
            flight.end()

    def connected(self, connection) -> None:
        """There is a new connection: send again what the last one left, before anything else is sent.

        Source: MQTT 3.1.1, 4.4. Cancel safety: it does not wait. IRQ safety: none.
        """
        for flight in self._flights.values():
            flight.packet[0] |= _DUPLICATE
            flight.sent_at = ticks_ms()
            connection.send(flight.packet)

    def disconnected(self, error) -> None:
        """The connection has ended because of `error`: so do the flights that no other one is to carry.

        When it was us who wanted a new one (`Renewed`), that one carries them all.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        for packet_id, flight in list(self._flights.items()):
            if not (flight.resend or isinstance(error, Renewed)):
                del self._flights[packet_id]
                flight.end(again(error))

    def check(self, limit: int) -> None:
        """Raise `ConnectionLost` when the broker has owed a PUBACK for more than `limit` milliseconds.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        for flight in self._flights.values():
            if ticks_diff(ticks_ms(), flight.sent_at) > limit:
                raise ConnectionLost("%s has not acknowledged a message for %d ms" % (self._broker.address.name, limit))
            break  # The first is the oldest.
