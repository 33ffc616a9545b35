from .session import Session
from .session import State as State

# By the name of their address; what links and topics of the same address share.
_brokers: dict = {}


class Broker(Session):
    """What is known of one broker, and the one connection to it that all links and topics of its address share.

        Broker("mqtts://user:secret@broker.local", client_id="node7", tls=ca_certificate, will=("node7/gone", "1"))

    A link or topic whose URL has the same scheme, host and port uses it. Make one, before these, when there is
    something to say; a URL alone makes one with the defaults. A new one takes the place of one that no program uses any
    more, and sends what that one still had to send.

    url             `mqtt[s]://[user[:password]@]host[:port]`; the ports are 1883 and 8883
    client_id       1 to 65535 bytes; the default is made of the chip's number
    clean_session   True: the broker forgets subscriptions, and what it could not deliver, when we are away. The
                    default is False, and True where the chip has no number
    will            what the broker publishes when we vanish: (topic, payload[, qos[, retain]])
    keepalive_s     after a quarter of this time with nothing sent or heard the broker is asked if it is there; 0: never
    in_flight       so many messages of QoS 1 (1 to 1000) may be on their way at once; who has more to send waits
    timeout_ms      for the broker to answer: to connect, to acknowledge
    retry_ms        (shortest, longest) pause before the next attempt to connect; it doubles, and is random by half
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
        from .settings import settle  # Here, for a program that runs need not keep it.

        numbers = keepalive_s, in_flight, timeout_ms, max_packet
        settle(self, url, client_id, clean_session, will, numbers, retry_ms, tls)
        super().__init__(in_flight)
        self.made_by_url = False  # And no run has used it yet.
        other = _brokers.get(self.name)
        if other:
            if other.made_by_url:
                raise ValueError("make the Broker of %s before the links and topics that use it" % self.name)
            if other.client_id == self.client_id:
                if other.in_use():
                    raise ValueError("%s has a Broker of this client_id already: pass that as broker=" % self.name)
                self.window.flights = other.window.flights
        _brokers[self.name] = self

    async def __aenter__(self) -> "Broker":
        self.open()
        return self

    async def __aexit__(self, *_) -> None:
        self.close()

    def others(self) -> list:
        """The brokers of other addresses."""
        return [broker for broker in _brokers.values() if broker is not self]


def broker_for(url: str, broker: "Broker | None" = None) -> "tuple[Broker, str]":
    """The broker that `url` means, made if there is none yet, and the topic. Raises `TypeError` or `ValueError`."""
    from .address import parse

    name, _, _, _, user, password, topic = parse(url)
    if broker is None:
        broker = _brokers.get(name)
        if not broker:
            broker = Broker(url[: len(url) - len(topic)])
            broker.made_by_url = True
    elif not isinstance(broker, Broker):
        raise TypeError("broker is a Broker, not %r" % (broker,))
    if user is not None and (user, password) != broker.credentials:
        raise ValueError("%s has other credentials already" % broker.name)
    return broker, topic
