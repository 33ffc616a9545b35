import asyncio
import errno
from time import ticks_diff, ticks_ms

from aimdb.polling import readable, writable
from aimdb.waiting import current_loop
from micropython import const

from . import once
from .errors import ConnectionLost

_BOARD = const(1)
if not _BOARD:  # So that the board's compiler knows the constant, and stores nothing.
    TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any

# So many packets may wait for the network before we read on; it matters to a peer that sends and does not take.
_MOST_ANSWERS = const(32)
_EPIPE = const(32)  # Not in the module errno.
_TLS_NO_HEAP = const(-0x7F00)  # Of TLS, whose errors are negative. All others come from what the peer sends.
_NO_HEAP_MS = const(50)  # Until what there was no heap for is tried again.


class Connection:
    """One TCP connection, from its opening to its end. It moves packets and does not know what they mean.

    The `receiver()` of its `peer`, a `Peer`, cuts what arrives into packets, each for `peer.take(first, body, whole)`.
    While that returns False, nothing more is read, so TCP makes the peer wait; the packet is offered again when
    `peer.freed` is woken. When there is no memory for it for `peer.timeout_ms`, it counts as not whole. `peer.moved` is
    woken when the network has taken all that waited for it, `peer.news` at the end. No caller's task ever waits on the
    socket: cancelling one can neither cut a packet in two nor make the wait of another be forgotten.
    """

    def __init__(self, stream, raw, peer):
        self.stream = stream
        self.raw = raw
        self.peer = peer
        self._loop = current_loop()
        self.receiver: "Any" = peer.receiver()
        self.out: list = []  # Packets that the network has not taken yet, in order,
        self.taken = 0  # and how much it has taken of the first. TLS needs the same bytes offered again.
        self._writer: "Any" = None  # The task that waits for the network, while `out` is not empty.
        self.error: "Any" = None  # What ended it.
        self.broken = False  # By the peer, not by us or by a network that is away.
        self.held = False  # Nothing is read now, for want of room.
        self.sent_at = self.heard_at = ticks_ms()  # The last packet that we sent, and the last that came.
        self.resumed_at: "Any" = self.heard_at  # The end of the last time that nothing was read. None: long ago.
        self._reader: "Any" = asyncio.create_task(self._receive())

    def send(self, packet) -> None:
        """Send `packet` after those that were sent before; never waits, never raises."""
        if self.error:
            return
        self.sent_at = ticks_ms()
        try:
            self.out.append(packet)
            if not self._writer:
                self.flush()
                if self.out:
                    self._writer = asyncio.create_task(self._transmit())
        except Exception as er:  # Without heap it cannot go on.
            self.end(er)

    def flush(self) -> None:
        """Send what the network takes now."""
        out = self.out
        while out:
            packet = out[0]
            count = self.stream.write(memoryview(packet)[self.taken :] if self.taken else packet)
            if count is None:
                return
            self.taken += count
            if self.taken == len(packet):
                self.taken = 0
                out.pop(0)

    def _transmit(self):
        try:
            while self.out:
                yield writable(self.stream)
                self.flush()
            self._writer = None
            self.peer.moved.wake_all()
        except Exception as er:
            self.end(er)

    def _receive(self):
        receiver = self.receiver
        peer = self.peer
        beginning = 0  # Bytes of a packet that is not complete yet.
        # A peer that is there sends a packet at a time; of one that is too long, 125 bytes a second at least.
        enough = max(peer.max_packet, peer.timeout_ms >> 3)
        try:
            while True:
                count = receiver.fill(self.stream)
                if count is None:
                    yield readable(self.stream)
                    continue
                if not count:
                    self.broken = True
                    raise ConnectionLost("the peer closed the connection")
                beginning += count
                first = receiver.next()
                if first or beginning >= enough:
                    self.heard_at = ticks_ms()
                    beginning = 0
                while first:
                    yield from self._hand_over(first)
                    first = receiver.next()
                # A peer that sends without a pause must not starve other tasks, nor one that takes nothing fill
                # our memory with answers.
                yield from asyncio.sleep_ms(0)
                while len(self.out) > _MOST_ANSWERS:
                    yield from asyncio.sleep_ms(5)
        except Exception as er:
            self.end(er)

    def _hand_over(self, first):
        receiver = self.receiver
        peer = self.peer
        began = ticks_ms()
        whole = receiver.whole
        while not self.error:
            try:
                if peer.take(first, receiver.body, whole):
                    break
                self.held = True
                left = peer.patience_ms - ticks_diff(ticks_ms(), began)
                if left > 0:
                    yield from peer.freed.rest(left)
                else:
                    once("subscribing").overdue(peer)
            except MemoryError:
                if not peer.connected:
                    raise
                # The peer would send for ever what there is never memory for.
                whole = receiver.whole and ticks_diff(ticks_ms(), began) < peer.timeout_ms
                yield from asyncio.sleep_ms(_NO_HEAP_MS)
        if self.held:
            self.held = False
            self.heard_at = self.resumed_at = ticks_ms()

    def end(self, error: Exception) -> None:
        """It is over, because of `error`; the peer is told. `close` is still due."""
        if not self.error:
            self.error = error
            code = getattr(error, "errno", None)
            if code in (errno.ECONNRESET, _EPIPE) or type(code) is int and code < 0 and code != _TLS_NO_HEAP:
                self.broken = True
            self.peer.news.wake_all()

    def close(self) -> None:
        """Close the socket and stop the tasks. It needs no heap."""
        if not self.error:
            self.error = ConnectionLost  # The class will do: it has ended.
            self.peer.news.wake_all()
        if self._loop is current_loop():
            # Cancelled before the socket goes, so that the scheduler forgets it.
            self._reader.cancel()
            if self._writer:
                self._writer.cancel()
        try:
            try:
                self.stream.close()
            finally:
                self.raw.close()  # TLS leaves it open.
        except OSError:
            pass
        # Messages that nobody has read yet remember the connection that they came by; it must not hold much.
        self._reader = self._writer = self.receiver = None
        out = self.out
        while len(out) > 1:
            out.pop()
        if out:
            out[0] = None  # `Window.taken` asks whether the network has taken all.
