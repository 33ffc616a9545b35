import asyncio
import sys
from collections import namedtuple
from random import getrandbits
from time import ticks_diff, ticks_ms, time

from aimdb import DbError, SingleLatest
from aimdb.timeout import timed
from micropython import const

from . import ConnectionLost, MqttError, ProtocolError, Refused, Renewed, Unreachable
from .connection import Connection, context_of, open_stream, parse
from .packets import check_topic, connect_packet, packet
from .window import Window

_EDITOR = const(0)  # For editors only: what is below it costs the board nothing.
if _EDITOR:
    from typing import Any

State = namedtuple("State", ("connected", "since", "attempts", "last_error"))

# Of packets, in the upper half of the first byte.
_CONNACK = const(2)
_PUBLISH = const(3)
_PUBACK = const(4)
_SUBACK = const(9)
_UNSUBACK = const(11)
_PINGRESP = const(13)

# Of CONNACK, MQTT 3.1.1, 3.2.2.3.
_REFUSALS = const("protocol version,client id,broker not available,bad user name or password,not authorized")

# By the name of their address; what links and topics of the same address share.
_brokers: dict = {}
_made_by_url: list = []  # Those of them that no user has made.


class Broker:
    """What is known of one broker, and the one connection to it that all links and topics of its address share.

        Broker("mqtts://user:secret@broker.local", client_id="node7", tls=ca_certificate, will=("node7/gone", "1"))

    A link or topic whose URL has the same scheme, host and port uses it. Make one, before these, when there is
    something to say; a URL alone makes one with the defaults.

    url             `mqtt[s]://[user[:password]@]host[:port]`; the ports are 1883 and 8883
    client_id       1 to 65535 bytes; the default is made of the chip's number
    clean_session   True: the broker forgets subscriptions, and what it could not deliver, when we are away. The
                    default is False, and True where the chip has no number
    will            what the broker publishes when we vanish: (topic, payload[, qos[, retain]])
    keepalive_s     after half of these seconds with nothing sent or heard, at most, the broker is asked if it is there
    in_flight       so many messages of QoS 1 may be on their way at once; who has more to send waits
    timeout_ms      for the broker to answer: to connect, to acknowledge
    retry_ms        (shortest, longest) pause before the next attempt to connect; it doubles, and is random by half
    tls             for mqtts: an ssl.SSLContext, or the bytes of the CA certificate (DER) that vouches for the broker
    max_packet      bytes of the longest packet that is received; longer ones are skipped and counted

    Attributes: `state`, a `SingleLatest` of `State(connected, since, attempts, last_error)`, which may be made a
    record of; `since` is `time.time()` of the last change of `connected`, `attempts` those that failed since then,
    `last_error` a sentence or None. Counters: `unparsed_count` (payloads, or values, that a codec did not take),
    `oversize_count`, `stale_count` (given up by links with newest=True), and `lost_count` (connections).

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
        self.address = name, is_tls, _, _, user, password, topic = parse(url)
        if topic:
            raise ValueError("the URL of a broker ends before the topic: %s" % name)
        if _brokers.get(name) in _made_by_url:
            raise ValueError("make the Broker of %s before the links and topics that use it" % name)
        in_range = 0 <= keepalive_s < 65536 and 0 < retry_ms[0] <= retry_ms[1]
        if not in_range or in_flight < 1 or timeout_ms < 1 or max_packet < 16:
            raise ValueError("keepalive_s, in_flight, timeout_ms, retry_ms or max_packet (at least 16) is out of range")
        if client_id is None:
            try:
                from binascii import hexlify

                from machine import unique_id

                client_id = hexlify(unique_id()).decode()
            except ImportError:  # This port has no such number.
                client_id = "%08x" % getrandbits(32)
                clean_session = clean_session is not False
            client_id = "aimdb-" + client_id
        self.name = name
        self.clean_session = bool(clean_session)
        self._hello = connect_packet(client_id, self.clean_session, keepalive_s, will, user, password)
        self.keepalive_s = keepalive_s
        self.timeout_ms = timeout_ms
        self.retry_ms = retry_ms
        self._tls = context_of(tls) if is_tls else None
        self.max_packet = max_packet

        self.state = SingleLatest()
        self.unparsed_count = self.oversize_count = self.stale_count = self.lost_count = 0
        self.connected = False
        self.connection: "Any" = None  # A `Connection`; also while it is being made.
        self.window = Window(self, in_flight)
        self.topics: list = []  # Buffers of the kind `MqttTopic` that are subscribed,
        self.asked = 0  # and the packet id of the last subscription.
        self._published: "Any" = None  # What a PUBLISH is given to.
        self.moved = asyncio.Event()  # Never stays set: it wakes all who wait for a change of anything here.
        self.news = asyncio.Event()  # Wakes the task: CONNACK, the end of the connection, or `retry`.
        self._users = 0  # Who needs the connection now: links and topics that run.
        self._task: "Any" = None  # That keeps up the connection while there are users.
        self._fault = None  # What ended that task, if it was none of the errors that a network has.
        self._error: "Any" = None  # Why the last attempt or connection failed.
        self._attempts = 0  # That failed since it was connected.
        self._pinged_at = None  # When a PINGREQ was sent, while its answer is due.
        self._tell(None)
        _brokers[name] = self

    # Life

    def open(self) -> None:
        """Keep a connection from now on; each call needs its `close`.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        self._users += 1
        if self._users == 1:
            self._fault = None
            self._task = asyncio.create_task(self._serve())
            self.wake_all()

    def close(self) -> None:
        """Undo one `open`; the last one says good-bye to the broker, which then publishes no will.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        self._users -= 1
        if not self._users:
            self._task.cancel()

    async def __aenter__(self) -> "Broker":
        self.open()
        return self

    async def __aexit__(self, *_) -> None:
        self.close()

    def retry(self) -> None:
        """Try to connect now instead of after the pause; for whoever knows that the network is back.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        self.news.set()

    async def _serve(self):
        pause = 0  # Before the next attempt, without its random part.
        try:
            while True:
                began = ticks_ms()
                try:
                    await timed(self._connect(), self.timeout_ms)
                    began = ticks_ms()
                    await self._watch()
                except asyncio.TimeoutError:
                    error = Unreachable("%s did not answer for %d ms" % (self.name, self.timeout_ms))
                except (OSError, DbError, ValueError, MemoryError) as er:  # mbedtls raises ValueErrors, too.
                    error = er
                    if not isinstance(er, MqttError):
                        error = (ConnectionLost if self.connected else Unreachable)("%s: %r" % (self.name, er))
                if self.connected:
                    self.lost_count += 1
                    if ticks_diff(ticks_ms(), began) > pause:
                        pause = 0  # It was a good connection. One that is lost again and again is not.
                self._disconnect(error)
                if not isinstance(error, Renewed):
                    pause = min(max(2 * pause, self.retry_ms[0]), self.retry_ms[1])
                    await self._rest(max(1, pause - (pause * getrandbits(8) >> 9)))
        except Exception as er:
            self._fault = er
            raise
        finally:
            if self.connected:
                self.connection.send(packet(0xE0))
            self._disconnect(ConnectionLost("the connection is no longer needed"))

    async def _rest(self, milliseconds):
        # So long, unless there is news from now on.
        self.news.clear()
        try:
            await timed(self.news.wait(), milliseconds)
        except asyncio.TimeoutError:
            pass

    async def _connect(self):
        self.connection = connection = Connection(
            await open_stream(*self.address[2:4], self._tls), self.max_packet, self
        )
        connection.send(self._hello)
        while not (self.connected or connection.error):
            await self._rest(self.timeout_ms)

    async def _watch(self):
        # Until the connection ends, or the broker is found dead: then it raises why.
        connection = self.connection
        timeout = self.timeout_ms
        quiet = self.keepalive_s * 250
        while not connection.error:
            now = ticks_ms()
            for sent in self.topics + list(self.window.flights.values()):
                if not sent.done and ticks_diff(now, sent.sent_at) > timeout:
                    raise ConnectionLost("%s has owed an acknowledgement for %d ms" % (self.name, timeout))
            heard = ticks_diff(now, connection.heard_at)
            if self._pinged_at is not None:
                if min(ticks_diff(now, self._pinged_at), heard) > timeout:
                    raise ConnectionLost("%s has been silent for %d ms" % (self.name, timeout))
            elif quiet and max(ticks_diff(now, connection.sent_at), heard) >= quiet:
                self._pinged_at = now
                connection.send(packet(0xC0))
            await self._rest(min(timeout // 2, quiet or timeout))
        raise connection.error

    def _disconnect(self, error):
        # Also called when an attempt has failed.
        connection, self.connection = self.connection, None
        if connection:
            connection.close()
        was_connected, self.connected = self.connected, False
        self._error = error
        if not was_connected:
            self._attempts += 1
        self.window.disconnected(error)
        self._tell(str(error), was_connected)

    def _tell(self, error, changed=True):
        last = self.state.peek()
        since = last.since if last and not changed else time()
        self.state.push(State(self.connected, since, self._attempts, error))
        self.wake_all()

    def wake_all(self) -> None:
        """Have all who wait for `moved` look again.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        self.moved.set()
        self.moved.clear()

    # For links and topics

    async def online(self, patient: bool = False, buffer=None) -> None:
        """Wait until there is a connection. Unless `patient`, raises why the next attempt to make one failed.

        With a `buffer`, waits no longer than until that is closed.

        Cancel safety: nothing to lose. IRQ safety: none.
        """
        failed = self._error
        while not (self.connected or (buffer and buffer.closed)):
            if self._fault:
                raise MqttError("the connection to %s died: %r" % (self.name, self._fault))
            if not patient and self._error is not failed:
                raise type(self._error)(*self._error.args)  # For each task its own, with its own traceback.
            if self._users or patient:
                await self.moved.wait()
                continue
            try:
                await timed(self.moved.wait(), self.timeout_ms)  # Perhaps the program is just starting.
            except asyncio.TimeoutError:
                raise MqttError("nobody keeps a connection to %s; db.run() does" % self.name)

    def unparsed(self, who: str, error: Exception) -> None:
        """Count what a codec did not take, and name it on stderr: the 1st, 2nd, 4th, 8th …

        Cancel safety: it does not wait. IRQ safety: none.
        """
        self.unparsed_count += 1
        if not self.unparsed_count & (self.unparsed_count - 1):
            print("aimdb: %s did not parse: %r; %d in all" % (who, error, self.unparsed_count), file=sys.stderr)

    def take(self, first: int, body, whole: bool) -> None:
        """Called by the connection with each packet; what it raises ends the connection.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        kind = first >> 4
        size = len(body)
        if not self.connected:
            if kind != _CONNACK or size != 2:
                raise ProtocolError("packet %#x instead of CONNACK" % first)
            if body[1]:
                reasons = _REFUSALS.split(",")
                why = reasons[body[1] - 1] if body[1] <= len(reasons) else "reason %d" % body[1]
                raise Refused("%s refused the connection: %s" % (self.name, why))
            # Done here and not by a task that is woken: the next packet may be in our hands already.
            self._pinged_at = None
            for topic in self.topics:
                topic.connected(body[0] & 1)
            self.window.connected(self.connection)
            self.connected = True
            self._attempts = 0
            self.news.set()
            self._tell(None)
        elif kind == _PUBLISH:
            if not self._published:
                from .inbound import published  # Now, for many programs only send.

                self._published = published
            self._published(self, first, body, whole)
        elif kind == _PINGRESP and not size:
            self._pinged_at = None
        elif kind in (_PUBACK, _SUBACK, _UNSUBACK) and size == (3 if kind == _SUBACK else 2):
            packet_id = body[0] << 8 | body[1]
            if kind == _PUBACK:
                self.window.acknowledged(packet_id)
            elif kind == _SUBACK:
                for topic in self.topics:
                    topic.answered(packet_id, body[2])
            self.wake_all()
        else:
            raise ProtocolError("packet %#x of %d bytes is not for a client" % (first, size))


def broker_for(url: str, broker: "Broker | None", qos: int, wildcards: bool = False) -> "tuple[Broker, str, bytes]":
    """The broker that `url` means, made if there is none yet, and the topic, also as packets have it.

    `wildcards`: + and # may stand for its levels. Raises `TypeError` or `ValueError`, also for the `qos`.

    Cancel safety: it does not wait. IRQ safety: none.
    """
    address = name, _, _, _, user, _, topic = parse(url)
    broker = broker or _brokers.get(name)
    if not broker:
        broker = Broker(url[: len(url) - len(topic)])
        _made_by_url.append(broker)
    elif user is not None and address[:6] != broker.address[:6]:
        raise ValueError("%s has other credentials already" % broker.name)
    return broker, topic, check_topic(topic, wildcards, qos)
