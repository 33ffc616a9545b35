import asyncio
from time import ticks_diff, ticks_ms

from aimdb import SingleLatest
from micropython import const

from . import once
from .errors import AimxError
from .peer import Peer

_BOARD = const(1)
if not _BOARD:  # So that the board's compiler knows the constant, and stores nothing.
    TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any

_TEND_MS = const(1000)
_PROBE_S = const(15)


class AimxServer(SingleLatest):
    """Serves records by AimX 3.0 while `db.run()` runs: those with a `.remote()`, to AimDB's tools and hubs.

        db.configure("level", SingleLatest()).remote(write=True)
        AimxServer(db, tcp=7433, token="secret")

    The server is itself a record of `db`. Its value is the number of peers that are connected by TCP.

    tcp            the port to listen at. It needs a `token` or `anyone`
    token          what a peer must show in its `hello`. AimDB's own tools cannot
    anyone         "read" or "write": no token is needed, and every peer may do that
    serial         a stream, such as a machine.UART. The one peer at its other end needs no token
    tls            for TCP: an ssl.SSLContext, or (certificate, key) in DER. On an RP2040 a handshake blocks the loop
                   for about a second
    key            of the server's own record
    connections    how many peers by TCP at a time (1 to 16)
    subscriptions  how many records each peer may watch at a time (1 to 255)
    max_frame      bytes of the longest frame that a peer may send
    timeout_ms     a peer is dropped when it takes nothing for so long, or has not shown the token by then. A record
                   that is full for so long refuses the peer's value
    silence_ms     when all places are taken, the next peer gets the place of one that has been silent for so long

    Attributes:

    turned_away_count  peers for which there was no place
    ended_count        peers that were dropped
    malformed_count    frames that were none
    refused_count      requests that failed: a value that the record or JSON does not take, a wrong token, a call that
                       raised. Each 1st, 2nd, 4th, 8th … is told on stderr
    last_error         a sentence, or None

    Raises `TypeError` or `ValueError`. Cancel safety: with the run all connections end. IRQ safety: none.
    """

    last_error: "str | None" = None
    turned_away_count = ended_count = malformed_count = refused_count = 0
    owned: "Any" = ()  # Records that have a writer of their own.

    if TYPE_CHECKING:
        db: Any
        tcp: int | None
        serial: Any
        timeout_ms: int
        max_frame: int
        peers: list[Peer]

        def __init__(
            self,
            db: Any,
            tcp: int | None = None,
            serial: Any = None,
            token: str | None = None,
            anyone: str | None = None,
            tls: Any = None,
            key: str = "aimx",
            connections: int = 4,
            subscriptions: int = 16,
            max_frame: int = 1024,
            timeout_ms: int = 10000,
            silence_ms: int = 60000,
        ): ...

    else:

        def __init__(self, db, **options):
            super().__init__()
            key = once("arguments").settle(self, db, **options)
            self.counted_from = {}  # Counters of records, by key, when a peer has last set them to zero.
            self.peers = []
            db.configure(key, self)
            self.push(0)

    async def run(self) -> None:
        """Serve; `db.run()` does it."""
        once("arguments").announce(self)
        self._end_all()  # Peers of a loop that was left.
        door: Any = None
        try:
            if self.tcp is not None:
                from .tcp_door import serve

                door = asyncio.create_task(serve(self))
            while True:
                try:
                    self._tend()
                except MemoryError:
                    pass  # There may be some in a second.
                await asyncio.sleep_ms(_TEND_MS)
        finally:
            self._end_all()
            if door:
                door.cancel()
                try:
                    await door
                except asyncio.CancelledError:
                    pass
            await asyncio.sleep_ms(0)  # In which the tasks of the peers end.

    def _end_all(self):
        for peer in self.peers[:]:
            peer.end(AimxError("the run has ended"))
            for each in peer.sockets:
                each.close()  # There may have been no memory for the rest.

    def _tend(self):
        # Drop the peers that take nothing, or have no token; see whether those that are silent are there.
        has_line = False
        for peer in self.peers[:]:
            if peer.error:
                once("ending").finish(peer)
                continue
            has_line = has_line or not peer.sockets
            peer.age += 1
            peer.quiet += 1
            peer.mute += 1
            stuck = peer.sender.stuck_since
            if stuck is not None and ticks_diff(ticks_ms(), stuck) > self.timeout_ms:
                peer.drop("a peer took nothing for %d ms" % self.timeout_ms)
            elif not peer.is_trusted and peer.age * _TEND_MS > self.timeout_ms:
                peer.drop("a peer did not show the token within %d ms" % self.timeout_ms)
            elif peer.sockets and min(peer.quiet, peer.mute) >= _PROBE_S:
                once("ending").probe(peer)
        if self.serial is not None and not has_line:
            from .serial_frames import Receiver, Sender

            # Nobody tells when such a peer goes and another comes, but each begins with a `hello`.
            receiver, sender = Receiver(self.max_frame), Sender(self.serial)
            self.joined(Peer(self, self.serial, receiver, sender, True, True))

    def joined(self, peer) -> None:
        """A peer has come."""
        self.peers.append(peer)
        self._show()

    def left(self, peer) -> None:
        """A peer has ended."""
        if peer in self.peers:
            self.peers.remove(peer)
            if peer.was_dropped:
                self.ended_count += 1
                self.last_error = str(peer.error) or repr(peer.error)
            self._show()

    def _show(self):
        self.push(len([peer for peer in self.peers if peer.sockets]))
