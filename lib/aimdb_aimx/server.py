import asyncio

from aimdb import SingleLatest
from micropython import const

from . import once

_BOARD = const(1)
if not _BOARD:  # So that the board's compiler knows the constant, and stores nothing.
    TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any

    from .peer import Peer

_TEND_MS = const(1000)
_SILENT_S = const(15)


class AimxServer(SingleLatest):
    """Serves the records with a `.remote()` by AimX 3.0, to AimDB's tools and hubs, while `db.run()` runs.

        db.configure("level", SingleLatest()).remote(write=True)
        AimxServer(db, tcp=7433, token="secret")

    The server is itself a record of `db`: its value is the number of peers that are connected by TCP. It counts wrong
    and refused requests, and `last_error` is a sentence about the last one, or None.

    tcp            the port to listen at; it needs a `token` or `anyone`
    token          what a peer must show in its `hello`. AimDB's own tools cannot
    anyone         "read" or "write": what every peer may do, without a token
    serial         a stream, such as a machine.UART. The one peer at its other end needs no token
    tls            for TCP: an ssl.SSLContext, or (certificate, key) in DER. A handshake blocks an RP2040 for a second
    key            of the server's own record
    connections    how many peers by TCP at a time (1 to 16)
    subscriptions  how many records each peer may watch at a time (1 to 255)
    max_frame      bytes of the longest frame that a peer may send
    timeout_ms     how long a peer may take to show the token or to read what it is sent, and a record to take its value
    silence_ms     when all places are taken, a new peer replaces one that has been silent for so long

    Raises `TypeError` or `ValueError`. Cancel safety: with the run all connections end. IRQ safety: none.
    """

    last_error: "str | None" = None
    turned_away_count = 0  # Peers for which there was no place.
    ended_count = 0  # Peers that were dropped.
    malformed_count = 0  # Frames that were no AimX.
    refused_count = 0  # Requests: a value that a record or JSON does not take, a wrong token, a call that raised.
    owned: "Any" = ()  # Records that have a writer of their own.
    serving: list = []  # All servers that serve, or did so when their loop was left.
    loop: "Any" = None  # In which it serves.
    door: "Any" = None  # The socket at which it listens.

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
            *,
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
            self.show()

    def show(self) -> None:
        """Have the record tell how many peers there are by TCP."""
        count = 0
        for peer in self.peers:
            count += bool(peer.sockets)
        self.push(count)

    async def run(self) -> None:
        """Serve; `db.run()` does it."""
        once("arguments").announce(self)
        accepting: Any = None
        try:
            if self.tcp is not None:
                from .tcp import serve

                accepting = asyncio.create_task(serve(self))
            while True:
                try:
                    self._tend()
                except MemoryError:
                    pass  # There may be some in a second.
                await asyncio.sleep_ms(_TEND_MS)
        finally:
            self.end_all()
            self.serving.remove(self)
            if accepting:
                accepting.cancel()
            await asyncio.sleep_ms(0)  # In which that task ends, and those of the peers.

    def end_all(self) -> None:
        """End all peers."""
        for peer in self.peers[:]:
            peer.end(OSError())
            for each in peer.sockets:
                each.close()  # There may have been no memory for the rest.

    def _tend(self):
        # Once a second: look after the peers that may be gone, and listen at the serial line.
        lacks_line = self.serial is not None
        for peer in self.peers[:]:
            peer.age += 1
            peer.quiet += 1
            peer.mute += 1
            silent = peer.sockets and min(peer.quiet, peer.mute) >= _SILENT_S
            if silent or peer.error or not peer.is_trusted or peer.frames.stuck_since is not None:
                once("ending").look_after(peer, silent)
            if not peer.sockets:
                lacks_line = False  # It is the one at the line.
        if lacks_line:
            once("serial_line").begin(self)
