from collections import OrderedDict
from time import ticks_ms

from aimdb.waiting import current, current_loop
from micropython import const

from . import once

_BOARD = const(1)
if not _BOARD:  # So that the board's compiler knows the constant, and stores nothing.
    TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any


def payload_of(codec, value) -> "bytes | bytearray":
    """`value` as the bytes of a message. Raises what the codec raises, and `TypeError` when it gives no bytes."""
    payload = codec.encode(value)
    if isinstance(payload, bytes) or isinstance(payload, bytearray):  # A tuple would be made at each call.
        return payload
    if isinstance(payload, str):
        return payload.encode()
    if isinstance(payload, memoryview):
        return bytes(payload)  # Its length may count something larger than bytes.
    raise TypeError("the codec must make bytes or a string, not %r" % (payload,))


class Flight:
    """A message that the peer has not acknowledged yet: `done` tells when, and `error` why it never will."""

    def __init__(self, packet, source, resend: bool, outlives: bool):
        self.packet = packet
        self.source = source
        self.resend = resend  # Sent again by the next connection; otherwise it fails with this one.
        self.outlives = outlives  # And it is that also when its source has ended.
        self.sent_at: "Any" = None  # On the connection that there is now.
        self.strikes = 0  # Connections that the peer ended while it was on its way.
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
    """The messages on their way to one peer, in order, at most `limit` that it acknowledges: who has more waits.

    It belongs to its peer, which tells it of acknowledgements and of the connection's beginning and end. A message
    at which the peer ends the connection, again and again, is found by sending those in question one by one, each
    when the one before it is acknowledged. Then it is given up, and those behind it go on.

    Cancel safety: who is cancelled while he waits has taken no place. IRQ safety: none.
    """

    def __init__(self, peer, limit: int):
        self.peer = peer
        self.limit = limit
        self.flights: OrderedDict = OrderedDict()  # By packet id, in the order of sending.
        self.packet_id = 0  # The last one. Ours have 15 bits; the others are for subscriptions.
        self.one_by_one = False  # There is a suspect among the flights.
        self._loop: "Any" = None
        self.begin()

    def begin(self) -> None:
        """Forget the producers of a loop that was left."""
        if self._loop is not current_loop():
            self.waiting: list = []  # Tasks, in the order in which they get a place.
            self._loop = current_loop()

    def has_room(self, qos: int) -> bool:
        """Whether a message can be sent now; those who are `waiting` come first."""
        peer = self.peer
        if not peer.connected or self.one_by_one or peer.renewing or (qos and len(self.flights) >= self.limit):
            return False
        return not (peer.connection.out or peer.connection.error)  # The network takes packets now.

    async def room(self, qos: int, patient: bool = False, buffer=None) -> None:
        """Wait for a place, first come, first served; it is the caller's until its next await.

        Raises what `Peer.online` does. With a `buffer`, waits no longer than until that is closed.
        """
        self.begin()
        peer = self.peer
        waiting = self.waiting
        failed = peer.error
        task = current()
        waiting.append(task)
        try:
            while not (buffer is not None and buffer.closed):
                is_next = waiting[0] is task
                if is_next and self.has_room(qos):
                    return
                if not (peer.connected or (patient and not is_next)):
                    await peer.online(patient, buffer, failed)
                else:
                    await peer.moved.wait()
        finally:
            waiting.remove(task)
            if waiting:
                peer.moved.wake_all()

    def launch(self, source, payload, resend: bool, outlives: bool) -> "Flight | None":
        """Send a message, for which there is room: a `Flight`, or None if the peer does not acknowledge it (QoS 0).

        `source`: whose `qos` and `route` it has, and whose `landed(flight)` is called at its end. `resend`: the next
        connection sends it again when this one ends before it is acknowledged; `outlives`: also when its source ends
        before. What raises, such as `MemoryError`, has sent nothing.
        """
        peer = self.peer
        if not source.qos:
            peer.connection.send(peer.message(source, payload, 0))
            return None
        packet_id = self.packet_id
        while True:
            packet_id = packet_id % 0x7FFF + 1
            if packet_id not in self.flights:
                break
        flight = Flight(peer.message(source, payload, packet_id), source, resend, outlives)
        self.flights[packet_id] = flight
        self.packet_id = packet_id
        if peer.connected:
            flight.sent_at = ticks_ms()
            peer.connection.send(flight.packet)
        return flight

    async def taken(self, connection) -> bool:
        """Wait until the network has taken what was sent on `connection`. False: that has ended before."""
        while connection.out and not connection.error:
            await self.peer.moved.wait()
        return not connection.out

    def acknowledged(self, packet_id: int, error=None) -> None:
        """An acknowledgement has come, or an `error` in its place. One that was not due means nothing."""
        flight = self.flights.pop(packet_id, None)
        if flight:
            flight.end(error)
        if self.one_by_one:
            once("handover").resume(self)
