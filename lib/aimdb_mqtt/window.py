import asyncio
from asyncio import core  # type: ignore[attr-defined]
from collections import OrderedDict
from time import ticks_ms

from micropython import const

from . import Renewed
from .packets import number, packet

_DUPLICATE = const(0x08)  # In the first byte of a PUBLISH.

_done = StopIteration()


class Flight:
    """A PUBLISH of QoS 1 that the broker has not acknowledged yet. Await it: it returns, or raises why not.

    Only one task may await it. Cancel safety: cancelled, the message stays on its way, and its place in the window
    is taken until the broker has acknowledged it or the connection has ended.
    """

    def __init__(self, packet, resend: bool, landed):
        self.packet = packet
        self.resend = resend  # Sent again by the next connection; otherwise it fails with this one.
        self.sent_at = ticks_ms()
        self.done = False
        self.error = None
        self._landed = landed  # Called when it is done, or None.
        self._task = None  # The one that awaits it.

    def end(self, error=None) -> None:
        """Called by the broker when it was acknowledged, or has failed with `error`.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        self.done = True
        self.error = error
        task, self._task = self._task, None
        if task:
            core._task_queue.push(task)
        if self._landed:
            self._landed()

    def __iter__(self):
        return self

    def __next__(self):
        if not self.done:
            self._task = core.cur_task
            self._task.data = self  # Has the `remove` that Task.cancel calls.
            return
        if self.error:
            raise self.error
        _done.__traceback__ = None
        raise _done

    def remove(self, _):
        self._task = None


class Window:
    """The messages on their way to one broker: at most `limit` of QoS 1, in order; who has more to send waits.

    It belongs to its broker, which tells it of acknowledgements and of the connection's beginning and end.
    """

    def __init__(self, broker, limit: int):
        self._broker = broker
        self.limit = limit
        self.flights: OrderedDict = OrderedDict()  # By packet id, in the order of sending.
        self._packet_id = 0  # The last one. Ours have 15 bits; the others are for subscriptions.
        self._first = asyncio.Lock()  # Held by the producer that is next to get a place.
        self.waiting = 0  # Producers that wait, the first one included.

    def has_room(self, qos: int) -> bool:
        """Whether a message can be sent now; those who are `waiting` come first.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        broker = self._broker
        if not broker.connected or (qos and len(self.flights) >= self.limit):
            return False
        return not (broker.connection.out or broker.connection.error)  # The network takes packets now.

    async def room(self, qos: int, patient: bool = False, buffer=None) -> None:
        """Wait for a place, first come, first served; it is the caller's until its next await.

        Raises what `Broker.online` does. With a `buffer`, waits no longer than until that is closed.

        Cancel safety: nothing is taken. IRQ safety: none.
        """
        if not self.waiting and self.has_room(qos):
            return
        broker = self._broker
        self.waiting += 1
        try:
            while True:
                await broker.online(patient, buffer)
                async with self._first:
                    while broker.connected and not (self.has_room(qos) or (buffer and buffer.closed)):
                        await broker.moved.wait()
                    if broker.connected or (buffer and buffer.closed):
                        return
        finally:
            self.waiting -= 1

    def launch(self, source, payload, resend: bool = False, landed=None) -> "Flight | None":
        """Send a message, for which there is room: a `Flight` for QoS 1, else None.

        `source`: whose `encoded` (topic), `qos` and `retain` it has. `resend`: the next connection sends it again
        when this one ends before the PUBACK. `landed()` is called when it is done.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        first = 0x31 if source.retain else 0x30
        flight = None
        if source.qos:
            packet_id = self._packet_id
            while True:
                packet_id = packet_id % 0x7FFF + 1
                if packet_id not in self.flights:
                    break
            self._packet_id = packet_id
            message = packet(first | 0x02, source.encoded, number(packet_id), payload)
            self.flights[packet_id] = flight = Flight(message, resend, landed)
        else:
            message = packet(first, source.encoded, payload)
        self._broker.connection.send(message)
        return flight

    def acknowledged(self, packet_id: int) -> None:
        """A PUBACK has come; one that was not due, such as the second of two, means nothing.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        flight = self.flights.pop(packet_id, None)
        if flight:
            flight.end()

    def connected(self, connection) -> None:
        """There is a new connection: send again what the last one left, before anything else is sent.

        Source: MQTT 3.1.1, 4.4. Cancel safety: it does not wait. IRQ safety: none.
        """
        for flight in self.flights.values():
            flight.packet[0] |= _DUPLICATE
            flight.sent_at = ticks_ms()
            connection.send(flight.packet)

    def disconnected(self, error) -> None:
        """The connection has ended because of `error`: so do the flights that no other one is to carry.

        When it was us who wanted a new one (`Renewed`), that one carries them all.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        for packet_id, flight in list(self.flights.items()):
            if not (flight.resend or isinstance(error, Renewed)):
                del self.flights[packet_id]
                flight.end(type(error)(*error.args))  # For each task its own, with its own traceback.
