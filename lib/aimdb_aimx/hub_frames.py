"""The frames that go to a hub, and how those that come are cut: four bytes with the length, and then the JSON text."""

from time import ticks_ms

from aimdb import JsonCodec, kept
from aimdb_net.errors import ConnectionLost
from aimdb_net.peer import Peer
from aimdb_net.receiving import Receiver as Base
from micropython import const

_BOARD = const(1)
if not _BOARD:  # So that the board's compiler knows the constant, and stores nothing.
    TYPE_CHECKING = const(0)

_LONGEST = const(65536)  # Bytes of a frame that AimDB takes.


class Receiver(Base):
    def header(self) -> int:
        view = self.view
        start = self.start
        at = start + 4
        if at > self.end:
            return -1
        if view[start]:
            raise ConnectionLost("what comes is no AimX")
        self.at = at
        self.first = 1
        return view[start + 1] << 16 | view[start + 2] << 8 | view[start + 3]


class Speaker(Peer):
    """What a `Hub` says."""

    if TYPE_CHECKING:
        max_packet: int

    def __init__(self, in_flight: int):
        super().__init__(in_flight)
        self._asked = 0  # The id of the last subscription.
        self._pings: list = []  # What each pong that is due stands for: 0, or the id of a subscription.

    def receiver(self) -> Receiver:
        self._pings.clear()
        return Receiver(self.max_packet)

    def message(self, source, payload, number: int) -> bytes:
        if type(source.codec) is not JsonCodec:
            kept("strict", "aimdb_aimx").loads(payload)  # A hub does not answer what is no JSON.
        elif max(payload) > 0x7F:
            kept("utf8", "aimdb_aimx").check(payload)
        text = b"%d" % number
        length = 16 + len(text) + len(source.route) + len(payload) + 2
        if length > _LONGEST:
            raise ValueError("a frame of %d bytes is longer than AimDB takes" % length)
        return b"".join((length.to_bytes(4, "big"), b'{"t":"req","id":', text, source.route, payload, b"}}"))

    def subscribe(self, inbox) -> int:
        used = [other.packet_id for other in self.inboxes]  # Of two with one id AimDB ends both.
        asked = self._asked
        while True:
            asked = asked + 1 & 0x7FFF | 0x8000
            if asked not in used:
                break
        self._asked = asked
        inbox.seq = 0
        self._send(b'{"t":"sub","id":%d,"topic":"%s"}' % (asked, inbox.route))
        self._ask(asked)
        return asked

    def unsubscribe(self, inbox) -> None:
        if inbox.packet_id:
            self._send(b'{"t":"unsub","sub":"%d"}' % inbox.packet_id)

    def ping(self) -> None:
        self.pinged_at = ticks_ms()
        self._ask(0)

    def _ask(self, meaning):
        self._pings.append(meaning)
        self._send(b'{"t":"ping"}')

    def _send(self, text):
        self.connection.send(len(text).to_bytes(4, "big") + text)
