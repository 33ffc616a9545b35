import asyncio
from time import ticks_ms

import aimdb_net.outbound
from aimdb_net import once


class LinkTo(aimdb_net.outbound.LinkTo):
    """A link that keeps a value while the hub does not take it for a reason that may pass.

    Such values are sent again, one by one and in order, after pauses that double. No value is new meanwhile. When the
    link ends, the next connection sends them, unless its record keeps them.
    """

    stalling = None  # The task that sends them again, while there are any.

    async def _publish(self, reader):
        # What earlier runs have left of this record is this link's: else nobody would keep it when it is refused.
        for flight in self.peer.window.flights.values():
            # The first route in a packet is its own; another one may be in the value.
            is_ours = flight.packet.find(self.route) == flight.packet.find(b',"method":')
            if is_ours and flight.outlives and flight.source is None and len(self.flights) < self.limit:
                flight.source = self
                flight.waited = False
                self.flights.append(flight)
        if self.flights and self.peer.connected:
            once("handover").resume(self.peer.window)  # Some may not have gone out on the connection that there is.
        await super()._publish(reader)

    def stall(self, flight, number: int) -> bool:
        """Whether it keeps what the hub has not taken. Raises `MemoryError`: nothing has changed then."""
        if self.sends_newest:
            return False
        if self.stalling is None:
            self._kept: dict = {}  # The ids of those that are to be sent again. The others are on their way.
            self.stalling = asyncio.create_task(self._again(self.flights, self._kept))
            self.limit = 0  # Nothing new.
        self._kept[flight] = number
        del self.peer.window.flights[number]
        return True

    async def _again(self, flights, kept):
        peer = self.peer
        window = peer.window
        pause, longest = peer.retry_ms
        while flights:
            flight = flights[0]
            number = kept.get(flight)
            if number is None or number in window.flights:
                await peer.moved.wait()  # It is on its way, or another one has its id now.
                continue
            await asyncio.sleep_ms(pause)
            pause = min(2 * pause, longest)
            try:
                await window.room(1, True)
                window.flights[number] = flight
            except MemoryError:
                continue
            del kept[flight]
            flight.sent_at = ticks_ms()
            peer.connection.send(flight.packet)
        self.stalling = None
        self.limit = window.limit
        peer.moved.wake_all()

    def leave(self):
        if self.stalling:
            if self.peer.task:  # Else their loop was left.
                self.stalling.cancel()
            self.stalling = None
            window = self.peer.window
            self.limit = window.limit
            for flight in self.flights:
                if flight in self._kept:
                    flight.sent_at = None
                    window.flights[self._kept[flight]] = flight
        super().leave()
