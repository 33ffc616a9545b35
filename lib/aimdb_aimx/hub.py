from aimdb import kept
from aimdb_net.errors import ConnectionLost, PeerError, Refused, tell
from aimdb_net.peer import State as State
from micropython import const

from . import once, parsed
from .hub_frames import Speaker

_BOARD = const(1)
if not _BOARD:  # So that the board's compiler knows the constant, and stores nothing.
    TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any

_HELLO = const(0)  # The id of the first request. Those of values have 15 bits, those of subscriptions are higher.

# What links and records of the same address share.
hubs: list = []


class Hub(Speaker):
    """An AimDB elsewhere, and the one connection to it.

        Hub("aimx://hub.local:7433", token="secret")

    Links and records whose URLs have its scheme, host and port share it. A URL alone makes one with the defaults; make
    it yourself, before them, to say more. A new `Hub` replaces one that no program uses any more, and sends what that
    one had still to send.

    `state` is a `SingleLatest` of `State`, which you may make a record. What is refused, lost or left out is counted.

    url          `aimx[s]://[token@]host[:port]`; the port is 7433
    token        what the hub asks for. AimDB's own hubs ask for none
    keepalive_s  after a quarter of this time without traffic the hub is asked whether it is there; 0: never
    in_flight    how many values (1 to 1000) may be on their way at a time. Who has more to send waits
    timeout_ms   how long the hub has to connect, and to acknowledge
    retry_ms     (shortest, longest) pause before the next attempt to connect. It doubles each time, and up to a half
                 of it is left off at random
    tls          for aimxs: an ssl.SSLContext, or the bytes of the CA certificate (DER or PEM) that vouches for the hub.
                 Set the clock before. A handshake blocks an RP2040 for a second
    max_frame    bytes of the longest frame that is received. Longer ones are skipped and counted

    Raises `TypeError` or `ValueError`. IRQ safety: none; everything here is for the asyncio thread.
    """

    known = hubs
    made_by = ("aimdb_aimx", "links", "dialling")
    client_id = None
    lagged_count = 0  # Values that the hub has left out,
    hole_count = 0  # and how often it did.
    malformed_count = 0  # Frames that were no AimX.
    unwelcome = "; perhaps it has as many as it takes, which are 16 unless it was told otherwise"

    def __init__(
        self,
        url: str,
        token: "str | None" = None,
        keepalive_s: int = 30,
        in_flight: int = 8,
        timeout_ms: int = 10000,
        retry_ms: "tuple[int, int]" = (1000, 60000),
        tls=None,
        max_frame: int = 1024,
    ):
        if TYPE_CHECKING:
            self.credentials: Any = None

        # Loaded here, for a program that runs need not keep it.
        settle = kept("dialling", "aimdb_aimx").settle
        settle(self, url, token, in_flight, max_frame, (keepalive_s, timeout_ms, retry_ms), tls)
        super().__init__(in_flight)
        self._heard: "Any" = None  # What an event is given to.
        kept("checks", "aimdb_net").enter(self)

    def take(self, first: int, body, whole: bool) -> bool:
        try:
            if not whole:
                return self._listener()(self, None, body)
            frame = parsed(body)
            kind = frame["t"]
            if kind == "event" or kind == "snap":
                return self._listener()(self, frame, None)
            if kind == "reply":
                error = frame.get("err")
                self.replied(frame["id"], frame["ok"] if error is None else None, error)
            elif kind == "subscribed":
                self._subscribed(int(frame["sub"]), True)
            elif kind == "pong":
                self._ponged()
            else:
                raise ValueError(kind)
        except (PeerError, MemoryError):
            raise
        except Exception as er:  # What is malformed may raise anything.
            if not self.connected:
                raise ConnectionLost("%s does not speak AimX 3" % self.name)
            self.malformed_count += 1
            tell(self.malformed_count, "a frame of %s is malformed (%r): %.60r", self.name, er, bytes(body))
        return True

    def _listener(self):
        if self._heard is None:
            self._heard = kept("hearing", "aimdb_aimx").heard  # Now, for many programs only send.
        return self._heard

    def replied(self, number, ok, error) -> None:
        """A reply has come: to the hello, a value, or a subscription. Raises what tells that it is malformed."""
        if type(number) is not int:
            raise ValueError(number)
        if not self.connected:
            if error is not None:
                raise Refused("%s refused the connection: %s" % (self.name, error))
            if number != _HELLO or ok["version"].split(".")[0] != "3":
                raise ValueError
            self.greeted()
        elif number > 0x7FFF:
            self._subscribed(number, error is None)
        else:
            flight = self.window.flights.get(number)
            if error is not None and flight:
                if self.renewing or (not flight.source and once("refusal").waits(flight)):
                    return  # Nobody can keep it now. The next link or connection sends it again.
                error = once("refusal").of(self, flight, number, error)
            self.window.acknowledged(number, error)  # Unless its link keeps the flight.
        self.moved.wake_all()

    def _subscribed(self, number, granted):
        for inbox in self.inboxes:
            if inbox.granted is None or not granted:  # The pong may be one that nobody asked for.
                inbox.answered(number, granted)
        self.moved.wake_all()

    def _ponged(self):
        number = self._pings.pop(0) if self._pings else 0
        if number:
            self._subscribed(number, True)  # The hub works in order: else it had refused before.
        else:
            self.pinged_at = None
            self.news.wake_all()
