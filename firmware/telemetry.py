"""The way to the broker. Without /network.json on the board there is none, and the node does the rest of its work.

wifi     SingleLatest  (whether it is joined) -> clock and broker try again
clock    SingleLatest  (when it was set)      -> the broker tries again
network  SingleLatest  the state of the connection -> tell, doubt
remote   Mailbox       <- node/command, as bytes (whatever it is, it is checked by `Commands`) -> obey
answer   SpmcRing      -> node/answer
aimx     AimxServer    lets AimDB's own tools read the records

/network.json has "ssid", "password" and "broker", and may have "topic", which takes the place of `node` above, "ca",
the path of the certificate for a broker with mqtts, in DER, "ntp", an address and port, and "aimx", what an
`AimxServer` is given, such as {"tcp": 7433, "anyone": "read"}; `make wifi` puts it there.
"""

import errno
import json
import time

from report import say

LONGEST = 4096  # Characters of /network.json. A damaged file may have more than there is memory for.
LONGEST_CA = 8192  # Bytes of the certificate that it names.


def settings():
    """What /network.json says; an empty dict when there is none, or one that is damaged."""
    try:
        with open("/network.json") as file:
            found = json.loads(file.read(LONGEST))
        if isinstance(found, dict) and all(isinstance(found.get(name), str) for name in ("ssid", "password", "broker")):
            return found
        say("network", "/network.json is to have ssid, password and broker, as text")
    except OSError as error:
        if error.errno == errno.ENOENT:
            say("network", "none: there is no /network.json")
        else:
            say("network", "NONE: /network.json cannot be read: %r" % error)
    except ValueError as error:
        say("network", "/network.json is damaged: %r" % error)
    return {}


def connect(db, obey, journal=None):
    """Add links and records to the database; returns the function `answer(who, text)`, which says, and sends.

    `obey`: the tap for the commands that the broker sends.
    `journal`: the key of the record whose values go to node/samples.
    """
    found = settings()
    if not found:
        return say
    # Here, so that a node without a network has none of it in its memory.
    from aimdb import BytesCodec, Mailbox, SingleLatest, SpmcRing, once

    try:
        from aimdb_mqtt import Broker
        from aimdb_node import Clock, Wifi
    except ImportError as error:
        say("network", "NONE: this board has no network: %r" % error)
        return say

    url = found["broker"].rstrip("/")

    class AfterClock(Broker):
        """With TLS it connects once the clock is set: before, no certificate is valid."""

        async def ready(self):
            while self.tls and not clock.now():
                await self.news.wait()

    try:
        tls = None
        if "ca" in found or url.lower().startswith("mqtts:"):
            ca = found.get("ca")
            if not isinstance(ca, str):
                raise TypeError("ca is the path of a certificate, not %r" % (ca,))
            with open(ca, "rb") as file:
                tls = file.read(LONGEST_CA)
        ntp = found.get("ntp", ["pool.ntp.org", 123])
        if not isinstance(ntp, list) or len(ntp) != 2:
            raise TypeError("ntp is an address and a port, not %r" % (ntp,))
        topic = found.get("topic", "node")
        once("arguments", "aimdb_mqtt").check_topic(topic)
        base = "%s/%s/" % (url, topic)
        wifi = Wifi(found["ssid"], found["password"])
        clock = Clock(*ntp)
        broker = AfterClock(url, keepalive_s=10, timeout_ms=4000, retry_ms=(500, 10000), tls=tls)
    except OSError as error:
        say("network", "NONE: %s cannot be read, which /network.json names: %r" % (found.get("ca"), error))
        return say
    except (TypeError, ValueError) as error:
        say("network", "NONE: /network.json is wrong: %r" % error)
        return say
    answers = SpmcRing(8)

    def answer(who, text):
        say(who, text)
        answers.push(text)

    async def joined(consumer):
        async for is_joined in consumer.subscribe():
            say("wifi", "joined" if is_joined else "LOST")
            if is_joined:
                clock.retry()
                broker.retry()

    async def timed(consumer):
        async for seconds in consumer.subscribe():
            say("clock", "set: %04d-%02d-%02d %02d:%02d:%02d UTC" % time.gmtime()[:6])
            broker.retry()

    async def tell(consumer):
        async for state in consumer.subscribe():
            if state.connected:
                say("network", "connected to the broker")
            elif state.last_error and state.attempts < 2:
                say("network", "DISCONNECTED: %s" % state.last_error)

    async def doubt(consumer):
        await wifi.doubt(lambda: broker.state.peek().connected, broker.host, broker.port)

    db.configure("wifi", SingleLatest()).source(wifi.keep).tap(joined)
    db.configure("clock", SingleLatest()).source(clock.keep).tap(timed)
    db.configure("network", broker.state).tap(tell).tap(doubt)
    # A command that the broker keeps, such as a restart, would come again at each start.
    db.configure("remote", Mailbox()).link_from(base + "command", codec=BytesCodec(), retained=False).tap(obey)
    db.configure("answer", answers).link_to(base + "answer")
    if journal:
        db.configure(journal).link_to(base + "samples")
        if "aimx" in found:
            serve(db, found["aimx"])
    return answer


def serve(db, options):
    """Serve what is worth seeing, by AimX."""
    try:
        from aimdb_aimx import AimxServer

        AimxServer(db, key="aimx", **options)
        for key in (
            "temperature",
            "uplink",
            "interval",
            "journal",
            "starts",
            "wind",
            "wifi",
            "clock",
            "answer",
            "aimx",
        ):
            db.configure(key).remote()
        say("aimx", "records are served at port %r" % options.get("tcp"))
    except ImportError as error:
        say("aimx", "NOT SERVED: this board has no AimX: %r" % error)
    except (TypeError, ValueError, AttributeError) as error:  # The last of options that are no object.
        say("aimx", "NOT SERVED, aimx in /network.json is wrong: %r" % error)
