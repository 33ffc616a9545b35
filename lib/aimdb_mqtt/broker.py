from time import ticks_ms

from aimdb import kept
from aimdb_net.errors import ConnectionLost
from aimdb_net.peer import Peer
from aimdb_net.peer import State as State
from micropython import const

from . import once
from .packets import Receiver, number, packet

_BOARD = const(1)
if not _BOARD:  # So that the board's compiler knows the constant, and stores nothing.
    TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any

# Of packets: the first byte, or its upper half.
_PUBLISH = const(3)
_PUBACK = const(4)
_PUBREL = const(6)
_SUBACK = const(9)
_UNSUBACK = const(11)
_PINGRESP = const(13)
_DUPLICATE = const(0x08)  # In the first byte of a PUBLISH.

# What links and topics of the same address share.
brokers: list = []


class Broker(Peer):
    """The options of one broker, and the one connection to it that all links and topics with its address share.

        Broker("mqtts://user:secret@broker.local", client_id="node7", tls=ca_certificate, will=("node7/gone", "1"))

    A link or topic whose URL has the same scheme, host and port uses it. A URL alone makes one with the defaults; to
    give it options, make it before the links and topics. A new one takes the place of one that no program uses any
    more, and sends what that one still had to send.

    url             `mqtt[s]://[user[:password]@]host[:port]`; the ports are 1883 and 8883
    client_id       1 to 65535 bytes; the default is made of the chip's number
    clean_session   True: while we are away the broker forgets our subscriptions, and messages that it could not
                    deliver. The default is False, and True where the chip has no number
    will            what the broker publishes when we vanish: (topic, payload[, qos[, retain]])
    keepalive_s     when nothing was sent or heard for a quarter of this time, the broker is asked if it is there;
                    0: never
    in_flight       so many messages of QoS 1 (1 to 1000) may be on their way at once; whoever has more to send waits
    timeout_ms      for each answer of the broker: to connect, to acknowledge
    retry_ms        (shortest, longest) pause before the next attempt to connect. It doubles each time, and up to a half
                    of it is left off at random
    tls             for mqtts: an ssl.SSLContext, or the bytes of the CA certificate (DER or PEM) that vouches for the
                    broker. The clock must be right before. A handshake blocks the loop, for a second on an RP2040
    max_packet      bytes of the longest packet that is received; longer ones are skipped and counted

    Attributes: `state`, a `SingleLatest` of `State(connected, since, attempts, last_error)`, which may be made a
    record of; `since` is `time.time()` of the last change of `connected`, `attempts` those that failed since then,
    `last_error` a sentence or None. Counters: `refused_count` (payloads and values that a codec or a record did not
    take), `oversize_count`, `unclaimed_count` (messages of earlier subscriptions), `stale_count` (given up by links
    with newest=True), `given_up_count` (messages at which the broker broke the connection), `lost_count` (connections).

    Raises `TypeError` or `ValueError`. IRQ safety: none; everything here is for the asyncio thread.
    """

    parting = b"\xe0\0"
    known = brokers
    made_by = ("aimdb_mqtt", "links", "settings", "arguments")

    def __init__(
        self,
        url: str,
        client_id: "str | None" = None,
        clean_session: "bool | None" = None,
        will: "tuple | None" = None,
        keepalive_s: int = 30,
        in_flight: int = 8,
        timeout_ms: int = 10000,
        retry_ms: "tuple[int, int]" = (1000, 60000),
        tls=None,
        max_packet: int = 1024,
    ):
        if TYPE_CHECKING:
            self.client_id = client_id
            self.clean_session = self.keeps = bool(clean_session)
            self.credentials: Any = None

        numbers = keepalive_s, in_flight, timeout_ms, max_packet
        # Loaded here, for a program that runs need not keep it.
        kept("settings", "aimdb_mqtt").settle(self, url, client_id, clean_session, will, numbers, retry_ms, tls)
        super().__init__(in_flight)
        self.max_packet = max_packet
        self.unclaimed_count = 0
        self._asked = 0  # The packet id of the last SUBSCRIBE or UNSUBSCRIBE.
        kept("checks", "aimdb_net").enter(self)

    def receiver(self) -> Receiver:
        return Receiver(self.max_packet)

    def take(self, first: int, body, whole: bool) -> bool:
        kind = first >> 4
        size = len(body)
        if not self.connected:
            self.greeted(once("greeting").session_kept(self, first, body))
        elif kind == _PUBLISH:
            # Loaded now, for many programs only send.
            return kept("arriving", "aimdb_mqtt").published(self, first, body, whole)
        elif kind == _PINGRESP and not size:
            self.pinged_at = None
            self.news.wake_all()
        elif kind in (_PUBACK, _SUBACK, _UNSUBACK) and size == (3 if kind == _SUBACK else 2):
            packet_id = body[0] << 8 | body[1]
            if kind == _PUBACK:
                self.window.acknowledged(packet_id)
                if self.renewing:
                    self.news.wake_all()
            elif kind == _SUBACK:
                for inbox in self.inboxes:
                    inbox.answered(packet_id, body[2] < 3)
            self.moved.wake_all()
        elif kind == _PUBREL and size == 2:
            self.connection.send(packet(0x70, body))
        else:
            raise ConnectionLost("packet %#x of %d bytes is not for a client" % (first, size))
        return True

    def message(self, source, payload, packet_id: int) -> bytearray:
        first, topic = source.route
        if not source.qos:
            return packet(first, topic, payload)
        return packet(first | 0x02, topic, number(packet_id), payload)

    def again(self, packet) -> None:
        packet[0] |= _DUPLICATE

    def subscribe(self, inbox) -> int:
        qos = inbox.qos
        for other in self.inboxes:
            if other.asked and other.route == inbox.route:
                qos = max(qos, other.qos)  # The broker has one subscription to a topic, which this one replaces.
        return self.ask(0x82, inbox.route, bytes((qos,)))

    def unsubscribe(self, inbox) -> None:
        if inbox.route not in [other.route for other in self.inboxes]:  # They have this subscription, too.
            self.ask(0xA2, inbox.route)

    def ask(self, first: int, *parts) -> int:
        """SUBSCRIBE or UNSUBSCRIBE: its packet id. Those of messages are lower."""
        self._asked = asked = self._asked + 1 & 0xFFFF | 0x8000
        self.connection.send(packet(first, number(asked), *parts))
        return asked

    def ping(self) -> None:
        self.pinged_at = ticks_ms()
        self.connection.send(packet(0xC0))
